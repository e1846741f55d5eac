"""Writes the log of predictions, and says when there are enough new ones to test."""
