"""Transcripts in, findings out. No audio, no database."""
