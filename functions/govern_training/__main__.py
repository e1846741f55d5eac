"""Serves govern_training: `python -m functions.govern_training`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.govern_training.app:create_app")
