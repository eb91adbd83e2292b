"""What waits between two steps of a run: batches, staged transcripts, the store that machines share."""
