"""Handles `training.approved`."""
