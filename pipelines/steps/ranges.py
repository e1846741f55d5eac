"""What a training saw of each number and time: the least, the greatest, and one in the middle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_RANGED = ("number", "integer", "datetime")


def ranges_of(table: pa.Table, features: Iterable[tuple[str, str]]) -> Mapping[str, Mapping[str, Any]]:
    """Return `min`, `max` and `middle` by name, as JSON values; columns without a value have none.

    Times are ISO 8601. No category and no text is among them: a value of one person is not to be shown.

    Args:
        table: rows that a version was trained on.
        features: names and kinds.
    """
    held = set(table.column_names)
    names = [name for name, kind in features if kind in _RANGED and name in held]
    found = {name: _range(table[name].combine_chunks()) for name in names}
    return {name: each for name, each in found.items() if each}


def _range(column: pa.Array) -> Mapping[str, Any]:
    """Return the range of a column; nothing where it holds neither numbers nor times, or no value."""
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind)):
        return {}
    known = column.drop_null()
    if pa.types.is_floating(kind):
        known = known.filter(pc.is_finite(known))
    if not len(known):
        return {}
    order = pc.sort_indices(known)
    positions = {"min": 0, "max": len(known) - 1, "middle": len(known) // 2}
    return {what: _json(known[order[place].as_py()].as_py()) for what, place in positions.items()}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return value
