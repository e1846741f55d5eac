"""Processes on this machine: started in their own group, logged to a file, never left behind."""
