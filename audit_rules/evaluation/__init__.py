"""How right the rules are: against labelled turns, reviewed calls and golden verdicts, and against history."""
