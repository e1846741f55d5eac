"""Serves notify_people: `python -m functions.notify_people`."""

from eventing.serving import serve

if __name__ == "__main__":
    serve("functions.notify_people.app:create_app")
