"""Serves materialize_features: `python -m functions.materialize_features`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.materialize_features.app:create_app")
