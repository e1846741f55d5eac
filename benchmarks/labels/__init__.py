"""How many labels a second join_feedback takes in and joins."""
