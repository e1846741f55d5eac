"""Serves console: `python -m functions.console`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.console.app:create_app")
