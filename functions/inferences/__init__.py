"""The log of predictions and the labels that belong to it: what several functions write and read."""
