"""Judges a rollout while it runs: promote, roll back, wait, or say that it cannot be told."""
