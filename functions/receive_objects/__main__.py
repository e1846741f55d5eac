"""Serves receive_objects: `python -m functions.receive_objects`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.receive_objects.app:create_app")
