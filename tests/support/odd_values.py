"""A corpus of odd values; `python tests/support/odd_values.py` prints the table of docs/data.md."""

from __future__ import annotations

import sys

from support.odd_dates import DATES
from support.odd_values_in_text import IN_TEXT
from support.odd_values_with_types import WITH_TYPES

ODD_VALUES = (*IN_TEXT, *DATES, *WITH_TYPES)


def table() -> str:
    """Write the corpus as the table of docs/data.md."""
    rows = ["| values | Kascade | pandas | Arrow | DuckDB | why |", "| --- | --- | --- | --- | --- | --- |"]
    for odd in ODD_VALUES:
        said = ", with a warning" if odd.warned else ""
        rows.append(f"| {odd.what} | {odd.kind}{said} | {' | '.join(odd.others)} | {odd.why} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
