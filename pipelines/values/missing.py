"""The texts that mean "not known".

In a column of numbers, booleans or dates each of them is missing. A category may have such a name (NA is
Namibia), so there only those count that nobody gives a category.

Sources: pandas, "IO tools", `na_values`; PostgreSQL and MySQL, which write \\N.
"""

from __future__ import annotations

from pipelines.values.form import Form

MISSING = frozenset(
    {
        "",
        *("na", "n/a", "#na", "#n/a", "#n/a n/a", "<na>"),
        *("nan", "-nan", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "nat"),
        *("null", "none", "\\n", "-", "--", "?", "."),
    }
)
"""In lower case."""
NO_CATEGORY = frozenset({"", "NaN", "nan", "NULL", "null", "<NA>", "#N/A", "#NA", "\\N"})
LABELS = ("category", "text")
"""Kinds of column whose values are texts."""


def means_missing(text: str, kind: str, form: Form) -> bool:
    """Say whether a trimmed text of a column of this kind means "not known"."""
    if form.missing is not None:
        return not text or text in form.missing
    return text in NO_CATEGORY if kind in LABELS else text.lower() in MISSING


def is_doubtful(text: str) -> bool:
    """Say whether a category of this name may well be a missing value."""
    return text not in NO_CATEGORY and text.lower() in MISSING
