"""The warehouse in, what people read out."""
