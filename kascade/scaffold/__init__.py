"""Writes a new function into a checkout: its folder, manifests, tests, and its entry in every list."""
