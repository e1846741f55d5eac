"""Events, models and decisions as text for a person."""
