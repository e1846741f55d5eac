"""Writes the numbers of a column of text as Python does, by the ways of `written`, all of them at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.values.form import Form
from pipelines.values.written import INFINITE, MINUS, Way, unit_patterns, ways


def full(text: pa.Array, pattern: str) -> pa.Array:
    """Say of each text whether the whole of it matches a pattern."""
    return pc.match_substring_regex(text, rf"\A(?:{pattern})\z")


def without_unit(text: pa.Array, unit: str | None) -> pa.Array:
    """Take a unit away from before or behind each number."""
    if unit is None:
        return text
    for pattern, instead in unit_patterns(unit):
        text = pc.replace_substring_regex(text, pattern=pattern, replacement=instead, max_replacements=1)
    return text


def plain_numbers(text: pa.Array, form: Form) -> pa.Array:
    """Return what `written.plain_number` returns of each trimmed text, null of null."""
    text = pc.replace_substring(text, MINUS, "-")
    left, rest = np.arange(len(text)), without_unit(text, form.unit)
    positions, pieces = [], []
    for way in (*ways(form.decimal, form.grouped), Way(INFINITE)):
        fits = pc.fill_null(full(rest, way.pattern), False)
        if not pc.any(fits).as_py():
            continue
        mask = fits.to_numpy(zero_copy_only=False)
        positions.append(left[mask])
        pieces.append(_plain(rest.filter(fits), way))
        left, rest = left[~mask], rest.filter(pc.invert(fits))
        if not len(left):
            break
    positions.append(left)
    pieces.append(pa.nulls(len(left), pa.string()))
    order = np.argsort(np.concatenate(positions), kind="stable")
    return pa.concat_arrays(pieces).take(pa.array(order))


def _plain(text: pa.Array, way: Way) -> pa.Array:
    if way.refused:
        return pa.nulls(len(text), pa.string())
    for mark in way.marks:
        text = pc.replace_substring(text, mark, "")
    return pc.replace_substring(text, ",", ".") if way.comma else text
