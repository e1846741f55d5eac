"""Serves ring_timers: `python -m functions.ring_timers`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.ring_timers.app:create_app")
