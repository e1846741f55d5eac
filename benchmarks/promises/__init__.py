"""How often the rules that decide are wrong where labels are as real ones are: dependent, or missing."""
