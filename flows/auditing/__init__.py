"""A run: recordings found, heard or read, judged, stored; by worker processes or other machines."""
