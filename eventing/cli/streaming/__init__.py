"""`kascade stream`: plays a long table in time order against the loop, and shows how good it stayed."""

from eventing.cli.streaming.command import stream

__all__ = ["stream"]
