"""The weekly mail: written, sent once, remembered."""
