"""Serves log_experiments: `python -m functions.log_experiments`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.log_experiments.app:create_app")
