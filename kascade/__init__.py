"""The front door: the command line, the Python client, and a system on this machine."""

from kascade.client import Client, connect
from kascade.errors import KascadeError
from kascade.reach.port import CallError
from kascade.system.home import HomeError

__all__ = ["CallError", "Client", "HomeError", "KascadeError", "connect"]
