"""What the author of a rule works with: a new rule from a question, lint, examples that are the rules' own tests."""
