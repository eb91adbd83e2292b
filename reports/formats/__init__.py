"""The weekly report in every format it is written in."""
