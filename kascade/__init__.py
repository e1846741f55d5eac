"""The front door: the command line, the Python client, and a system on this machine."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kascade.client import Client, connect
    from kascade.errors import KascadeError
    from kascade.reach.port import CallError
    from kascade.system.home import HomeError

__all__ = ["CallError", "Client", "HomeError", "KascadeError", "connect"]

_MODULES = {
    "CallError": "kascade.reach.port",
    "Client": "kascade.client",
    "HomeError": "kascade.system.home",
    "KascadeError": "kascade.errors",
    "connect": "kascade.client",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: the object store's process needs nothing of it, and stays small."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
