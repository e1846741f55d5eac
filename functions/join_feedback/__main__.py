"""Serves join_feedback: `python -m functions.join_feedback`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.join_feedback.app:create_app")
