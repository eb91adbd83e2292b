"""Recordings in, transcripts out. Imports nothing of ours."""
