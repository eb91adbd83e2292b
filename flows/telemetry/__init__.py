"""What a run tells while it works: events, and who hears them."""
