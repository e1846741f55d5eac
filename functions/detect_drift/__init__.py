"""Compares what a model is asked now with what it was trained on, and says when they differ."""
