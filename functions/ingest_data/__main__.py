"""Serves the function: `python -m functions.ingest_data`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.ingest_data.app:create_app")
