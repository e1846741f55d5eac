"""Serves launch_training: `python -m functions.launch_training`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.launch_training.app:create_app")
