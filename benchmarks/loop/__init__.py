"""What a client of a model sees while the loop is at work."""
