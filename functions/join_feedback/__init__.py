"""Joins labels to the predictions they belong to, and notices when the labelled error has risen."""
