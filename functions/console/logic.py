"""What the console is called where it sends events."""

from __future__ import annotations

from eventing.catalogue import source_of

FUNCTION = "console"
SOURCE = source_of(FUNCTION)
