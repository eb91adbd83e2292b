"""Erasing, keeping only so long, and searching for what is left."""
