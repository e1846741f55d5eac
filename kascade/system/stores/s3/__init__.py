"""An S3 server over a folder, for one machine: an index in SQLite, and a file for each object."""
