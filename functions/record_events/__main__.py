"""Serves record_events: `python -m functions.record_events`."""

import os

from eventing.serving import serve

# Those who follow the ledger hold a thread each while they wait.
THREADS = "24"

if __name__ == "__main__":
    serve("functions.record_events.app:create_app", {"KASCADE_THREADS": THREADS, **os.environ})
