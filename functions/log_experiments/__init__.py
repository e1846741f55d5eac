"""Handles `training.completed` and `training.failed`."""
