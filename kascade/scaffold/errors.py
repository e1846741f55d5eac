"""What keeps a scaffold from being written."""

from __future__ import annotations

from kascade.errors import KascadeError


class ScaffoldError(KascadeError):
    """A name, a type or the checkout cannot be used; nothing was written. The message names the fix."""
