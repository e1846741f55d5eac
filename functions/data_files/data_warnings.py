"""What is said about a file that is taken all the same, in the bounds of an event."""

from __future__ import annotations

from collections.abc import Sequence

from eventing.catalogue import DataWarning
from eventing.catalogue.data import MAX_WARNINGS
from functions.data_files.refusal import clip

_MAX_MESSAGE = 300


def warning(
    message: str, *, column: str | None = None, count: int | None = None, fix: str | None = None
) -> DataWarning:
    """Build a warning; its texts may come from the file, so they are cut and made printable."""
    return DataWarning(
        column=None if column is None else clip(column, 200),
        count=count,
        message=clip(message, _MAX_MESSAGE),
        fix=None if fix is None else clip(fix, _MAX_MESSAGE),
    )


def bounded(warnings: Sequence[DataWarning]) -> list[DataWarning]:
    """Keep as many warnings as an event takes, the last of which says how many more there are."""
    if len(warnings) <= MAX_WARNINGS:
        return list(warnings)
    more = len(warnings) - MAX_WARNINGS + 1
    return [*warnings[: MAX_WARNINGS - 1], warning(f"{more} more warnings", count=more)]
