"""Serves roll_out_model: `python -m functions.roll_out_model`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.roll_out_model.app:create_app")
