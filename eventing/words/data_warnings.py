"""The warnings of ingesting a file, as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def warning_line(warning: Mapping[str, Any]) -> str:
    """Write what was read in another way than a person may think, and how to settle it."""
    place = f"{warning['column']}: " if warning.get("column") else ""
    fix = f"; {warning['fix']}" if warning.get("fix") else ""
    return f"warning: {place}{warning['message']}{fix}"


def warning_lines(data: Mapping[str, Any]) -> list[str]:
    """Write the warnings of a dataset.ingested; none of a payload that is not whole."""
    try:
        return [warning_line(each) for each in data.get("warnings") or ()]
    except (AttributeError, KeyError, TypeError):
        return []
