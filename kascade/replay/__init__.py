"""Runs a recorded log of events again through the functions that decide, and shows what would differ."""
