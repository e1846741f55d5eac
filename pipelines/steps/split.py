"""Which rows are kept aside.

Without timestamps a row's side is decided by a salted hash: of its entity, else of its columns but the target
and of how many equal rows came before it. So rows that are equal are on both sides in the declared share, the
target decides nothing, and a row keeps its side in every version, whatever the dataset holds by then. With
timestamps the newest rows are the holdout, unless so many have the same time that no time divides them
well. Rows without either that have an order all the same (order.py) are divided by it: the last that came are
the holdout, not many; of those since a change, when there was one, so that most of them are learnt from.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.tables import factorise, times

SALT = "kascade-holdout-1"
RULE = 2
"""How rows without an entity are hashed: 1, up to 29 November 2026, took every column with the target."""

ENOUGH_ROWS = 100
_FEW_CLASSES, _LEAST_OF_CLASS = 20, 5
_TO_JUDGE_BY = 100
"""Rows that a holdout should have, though few came since a change."""
_MOST_HELD, _LEAST_SHARE = 500, 0.02
"""In order of arrival no more are held than so many rows, or that share: the window is chosen by rows of
before them, which are the older the more are held."""
_REPEATED = 0.01
MOSTLY_UNLIKE = 0.95  # of a file's rows that differ: then an equal row in another file is the same row again

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Split:
    """Which rows are the holdout, [N]; `by` is time, entity, arrival or row; `cutoff` is where it begins.

    By time that is a moment, by arrival the place of its first row in the dataset, from 0.

    `groups` is what the rows went by, [N]: rows with the same hash are on one side. None when it was time.
    `rows` is each row's own hash, [N], by which another rule tells its side; None when nobody asked for it.
    `warning` says why they are not divided by time although there are timestamps. `order` says whether rows
    without them have an order, and how that was told.
    """

    holdout: NDArray[np.bool_]
    by: str
    cutoff: str | None = None
    groups: Hashes | None = None
    rows: Hashes | None = None
    warning: str | None = None
    order: str | None = None


def split(
    table: pa.Table,
    *,
    target: str,
    entity: str | None,
    timestamp: str | None,
    share: float,
    parts: Sequence[int] = (),
) -> Split:
    """Divide the rows of a table of canonical columns, in the order in which they arrived.

    Args:
        target: the column that decides nothing.
        share: how much of the rows the holdout should have, about.
        parts: how many of the rows each file brought; all are of one file when empty.
    """
    warning = None
    if timestamp is not None:
        timestamps = times(table.column(timestamp))
        cutoff = _cutoff(np.sort(timestamps[~np.isnat(timestamps)]), share)
        if cutoff is not None:
            return Split(np.asarray(timestamps >= cutoff), "time", f"{cutoff}Z")
        warning = (
            f"the rows are not divided by '{timestamp}': "
            f"too many have one moment to keep about {share:.0%} of them aside"
        )
    rows = row_hashes(table, target, parts)
    if entity is None:
        return Split(below(rows, share), "row", groups=rows, rows=rows, warning=warning)
    groups = by_entity(table.column(entity), rows)
    return Split(below(groups, share), "entity", groups=groups, rows=rows, warning=warning)


def by_arrival(
    divided: Split,
    table: pa.Table,
    target: str,
    share: float,
    positions: NDArray[np.int64],
    change: int = 0,
) -> Split | None:
    """Keep the rows aside that came last; None where they are no fair holdout.

    That is so where they lack a class or are all there is of one, or are rows of before that came again.

    Args:
        divided: the same rows by their hash.
        positions: of each row in the dataset, [N].
        change: the first row since the last change of what is to be learnt.
    """
    rows = table.num_rows
    wanted = _held_since(rows - change, share) if change else math.ceil(rows * share)
    first = rows - min(wanted, max(_MOST_HELD, math.ceil(rows * _LEAST_SHARE)))
    held = np.arange(rows) >= first
    answer = table.column(target)
    if not pa.types.is_floating(answer.type):
        codes = factorise(answer).codes
        kinds = int(codes.max()) + 1
        least = min(np.bincount(codes[side], minlength=kinds).min() for side in (held, ~held))
        if kinds <= _FEW_CLASSES and least < _LEAST_OF_CLASS:
            return None
    rows_of_hash = np.arange(rows) if divided.rows is None else divided.rows
    content = content_hashes(table.select([name for name in table.column_names if name != target]))
    again = float(np.isin(content[held], content[~held]).mean())
    if again > _REPEATED and len(np.unique(content)) >= MOSTLY_UNLIKE * len(np.unique(rows_of_hash)):
        return None
    return replace(divided, holdout=held, by="arrival", cutoff=str(int(positions[first])), groups=None)


def _held_since(rows: int, share: float) -> int:
    """Return how many of the rows since a change are held: their share, or enough to judge by."""
    return max(math.ceil(rows * share), min(_TO_JUDGE_BY, rows // 2))


def below(hashes: Hashes, share: float) -> NDArray[np.bool_]:
    """Tell which hashes are in the holdout, [N]."""
    return np.asarray(hashes < np.uint64(share * 2**64))


def by_entity(column: pa.ChunkedArray, rows: Hashes) -> Hashes:
    """Hash each row's entity, [N]; a row of nobody keeps its own hash."""
    owner = factorise(column)
    hashed = np.array([_hash_text(label or "") for label in owner.labels], dtype=np.uint64)[owner.codes]
    nobody = np.array([label is None for label in owner.labels])[owner.codes]
    return np.where(nobody, rows, hashed)


def row_hashes(table: pa.Table, target: str, parts: Sequence[int] = ()) -> Hashes:
    """Hash each row's columns but the target, and how many equal rows came before it, [N].

    In the first file with `ENOUGH_ROWS` it shows whether rows repeat. If they hardly do, a file that brings
    an equal row brings the same one again, and the count begins anew with each file from that one on.
    """
    content = content_hashes(table.select([name for name in table.column_names if name != target]))
    numbers = _occurrence(content)
    start = 0
    for rows in parts:
        if rows >= ENOUGH_ROWS:
            if len(np.unique(content[start : start + rows])) >= MOSTLY_UNLIKE * rows:
                part = np.repeat(np.arange(len(parts), dtype=np.uint64), parts)[start:]
                numbers[start:] = _occurrence(_mix(content[start:] ^ _mix(part)))
            break
        start += rows
    return _mix(content + _mix(numbers))


def _occurrence(keys: Hashes) -> Hashes:
    """Count how often each row's key came before it, [N]."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    place = np.arange(len(keys), dtype=np.uint64)
    numbers = np.empty(len(keys), dtype=np.uint64)
    numbers[order] = place - np.maximum.accumulate(np.where(first, place, np.uint64(0)))
    return numbers


def _cutoff(known: NDArray[Any], share: float) -> Any | None:
    """Return the first moment of the holdout, of sorted timestamps [M]; None where none keeps about `share`.

    Rows of one moment stay together. Where that makes the holdout much more than `share`, the next moment is
    taken if half of `share` comes from it on, else the first if it leaves half of the rows.
    """
    if not len(known):
        return None
    first = known[min(len(known) - 1, int(np.ceil(len(known) * (1 - share))))]
    before, through = np.searchsorted(known, first, "left"), np.searchsorted(known, first, "right")
    held, later = (len(known) - before) / len(known), (len(known) - through) / len(known)
    most = min(2 * share, (1 + share) / 2)
    if held > most and later >= share / 2:
        return known[through]
    return first if before and held <= max(most, 0.5) else None


def content_hashes(table: pa.Table) -> Hashes:
    """Hash all columns of each row, [N]: equal rows alike, whatever the order of columns and of rows.

    A missing value adds nothing, so a column that later files bring does not move the rows that lack it.
    """
    total = np.zeros(table.num_rows, dtype=np.uint64)
    for name in table.column_names:
        salt = np.uint64(_hash_text(name))
        total += _column_hashes(table.column(name), salt)
    return _mix(total)


def _column_hashes(column: pa.ChunkedArray, salt: np.uint64) -> Hashes:
    if pa.types.is_string(column.type):
        found = factorise(column)
        texts = [0 if label is None else _hash_text(label) for label in found.labels]
        known = np.array([label is not None for label in found.labels])[found.codes]
        bits = np.array(texts, dtype=np.uint64)[found.codes]
    else:
        bits = _bits(column)
        known = ~np.asarray(column.is_null(nan_is_null=True).to_numpy(), dtype=bool)
    return np.where(known, _mix(bits ^ salt), np.uint64(0))


def _bits(column: pa.ChunkedArray) -> Hashes:
    if pa.types.is_timestamp(column.type):
        return times(column).astype(np.int64).view(np.uint64)
    if pa.types.is_integer(column.type):
        filled = column.fill_null(0)
        return np.asarray(filled.to_numpy(), dtype=np.int64).view(np.uint64)
    values = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64) + 0.0  # -0.0 becomes 0.0
    return values.view(np.uint64)


def _mix(bits: Hashes) -> Hashes:
    """Spread 64 bits over 64 bits (the finaliser of SplitMix64, Steele et al. 2014)."""
    mixed = bits + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _hash_text(text: str) -> int:
    salted = f"{SALT}\0{text}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(salted, digest_size=8).digest(), "big")
