"""The front door: the command line, the Python client, and a system on this machine."""
