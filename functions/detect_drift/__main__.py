"""Serves detect_drift: `python -m functions.detect_drift`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.detect_drift.app:create_app")
