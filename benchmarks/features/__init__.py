"""Measures what looking features up adds to a prediction."""
