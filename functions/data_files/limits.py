"""How much of a file is taken."""

from __future__ import annotations

from typing import Protocol

MAX_FILE_BYTES = 8 << 30
MAX_LINE_BYTES = 16 << 20
MAX_COLUMNS = 10_000


class Limits(Protocol):
    """The bounds that a function's settings set."""

    @property
    def max_file_bytes(self) -> int:
        """The largest file, unpacked."""
        ...

    @property
    def max_line_bytes(self) -> int:
        """The longest line of CSV or JSON Lines, and the longest row of texts in Parquet."""
        ...
