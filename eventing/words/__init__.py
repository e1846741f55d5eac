"""Events, models and numbers in the words that a person reads."""
