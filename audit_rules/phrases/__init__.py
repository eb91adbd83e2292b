"""Phrases as people write them in rules, and how they are found in what was said."""
