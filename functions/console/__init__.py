"""Shows the system to people: what happens now, each model, why, and what was not delivered."""
