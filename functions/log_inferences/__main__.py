"""Serves log_inferences: `python -m functions.log_inferences`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.log_inferences.app:create_app")
