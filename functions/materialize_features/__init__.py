"""Handles `dataset.ingested`, `spec.registered`, and what is applied, pushed and requested of features."""
