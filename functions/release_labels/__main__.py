"""Serves release_labels: `python -m functions.release_labels`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.release_labels.app:create_app")
