"""What runs inside the peers' environments; imports nothing of the project."""
