"""What each turn of a call does: acts, their phrases, and the recogniser that hears unforeseen wording."""
