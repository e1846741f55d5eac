"""What a system costs while nothing happens, and how long it takes to wake and to serve."""
