"""Judges a rollout while it runs: promote, roll back, wait, or end it as inconclusive."""
