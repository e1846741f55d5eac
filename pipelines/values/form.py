"""How the values of a column are written, as far as a value alone does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Form:
    """How a column's values are written.

    Attributes:
        decimal: the decimal mark, "." or ",". It decides only what could be read in two ways: 88,5 is a
            number with either, 1.250 is 1.25 with a point.
        grouped: whether the other mark separates thousands; if not, a number such as 1,096 is refused.
        unit: a sign such as $ or % beside the numbers. It is left out: 0.5% is 0.5.
        format: how dates are written, as strptime has it, or `unix` or `unix_ms`; None is ISO 8601.
        missing: the texts that mean "not known", in place of those of `values.missing`.
    """

    decimal: str = "."
    grouped: bool = False
    unit: str | None = None
    format: str | None = None
    missing: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what differs from an ordinary form, as JSON values."""
        found: dict[str, Any] = {}
        if self.decimal != ".":
            found["decimal"] = self.decimal
        if self.grouped:
            found["grouped"] = True
        if self.unit is not None:
            found["unit"] = self.unit
        if self.format is not None:
            found["format"] = self.format
        if self.missing is not None:
            found["missing"] = list(self.missing)
        return found

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Form:
        """Read what `to_json` wrote; other keys are passed over."""
        missing = document.get("missing")
        return cls(
            decimal=document.get("decimal", "."),
            grouped=document.get("grouped", False),
            unit=document.get("unit"),
            format=document.get("format"),
            missing=None if missing is None else tuple(missing),
        )


PLAIN = Form()
"""Numbers with a point, dates in ISO 8601: what JSON and Python write."""
