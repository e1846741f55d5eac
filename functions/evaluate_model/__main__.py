"""Serves evaluate_model: `python -m functions.evaluate_model`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.evaluate_model.app:create_app")
