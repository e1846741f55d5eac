"""Which rows are kept aside.

Without timestamps a row's side is decided by a salted hash of its entity, else of its content: the same row
is on the same side in every version, whatever else the dataset holds by then. A hash treats classes alike, so
the holdout has their shares up to chance. With timestamps the newest rows are the holdout, unless so many
have the same moment that no moment divides them well.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.tables import factorise, times

SALT = "kascade-holdout-1"

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Split:
    """Which rows are the holdout, [N]; `by` is time, entity or content; `cutoff` is its first moment.

    `groups` is what the rows went by, [N]: rows with the same hash are on one side. None when it was time.
    `warning` says why they are not divided by time although there are timestamps.
    """

    holdout: NDArray[np.bool_]
    by: str
    cutoff: str | None = None
    groups: Hashes | None = None
    warning: str | None = None


def split(table: pa.Table, *, entity: str | None, timestamp: str | None, share: float) -> Split:
    """Divide the rows of a table of canonical columns.

    Args:
        share: how much of the rows the holdout should have, about.
    """
    warning = None
    if timestamp is not None:
        moments = times(table.column(timestamp))
        cutoff = _cutoff(np.sort(moments[~np.isnat(moments)]), share)
        if cutoff is not None:
            return Split(np.asarray(moments >= cutoff), "time", f"{cutoff}Z")
        warning = (
            f"the rows are not divided by '{timestamp}': "
            f"too many have one moment to keep about {share:.0%} of them aside"
        )
    content = row_hashes(table)
    if entity is None:
        return Split(_below(content, share), "content", groups=content, warning=warning)
    owner = factorise(table.column(entity))
    hashed = np.array([_hash_text(label or "") for label in owner.labels], dtype=np.uint64)[owner.codes]
    nobody = np.array([label is None for label in owner.labels])[owner.codes]
    groups = np.where(nobody, content, hashed)
    return Split(_below(groups, share), "entity", groups=groups, warning=warning)


def _cutoff(known: NDArray[Any], share: float) -> Any | None:
    """Return the first moment of the holdout, of sorted moments [M]; None where none keeps about `share`.

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


def _below(hashes: Hashes, share: float) -> NDArray[np.bool_]:
    return np.asarray(hashes < np.uint64(share * 2**64))


def row_hashes(table: pa.Table) -> Hashes:
    """Hash each row's content, [N]: equal rows alike, whatever the order of columns and of rows.

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
