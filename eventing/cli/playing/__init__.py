"""Plays a client's part: asks a model, gives labels back, and follows what the system does about it."""
