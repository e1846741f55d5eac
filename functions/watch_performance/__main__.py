"""Serves watch_performance: `python -m functions.watch_performance`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.watch_performance.app:create_app")
