"""Dropped files: what one is by its key, unpacked on the scratch disk, and read in batches of rows."""
