"""What model.yaml may say of one column: its kind and the rules every row must keep."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeGuard

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pipelines.spec.section import Section, sequence

Scalar = str | int | float | bool


class Kind(StrEnum):
    """The kinds of column; every Arrow, CSV and JSON type is one of them or is refused."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    TEXT = "text"
    DATETIME = "datetime"


SYNONYMS = {
    "float": Kind.NUMBER,
    "double": Kind.NUMBER,
    "int": Kind.INTEGER,
    "bool": Kind.BOOLEAN,
    "string": Kind.TEXT,
    "str": Kind.TEXT,
    "date": Kind.DATETIME,
    "timestamp": Kind.DATETIME,
}


def _kind(value: Any) -> Kind | None:
    if value is None:
        return None
    if isinstance(value, str):
        if value in SYNONYMS:
            return SYNONYMS[value]
        if value in set(Kind):
            return Kind(value)
    raise PydanticCustomError("kind", "one of number (float), integer, boolean, category, text, datetime")


def _bound(value: Any) -> float | int | str:
    if is_number(value) and value == value:  # not NaN
        return value
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return value
    raise PydanticCustomError("bound", "a number, or an ISO date such as 2020-01-01 for a datetime column")


def is_number(value: Any) -> TypeGuard[int | float]:
    """Say whether it is a number that a float can hold, if only about."""
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 10**308
    return isinstance(value, float)


def is_whole(value: Any) -> TypeGuard[int | float]:
    """Say whether it is a whole number that 64 bits hold."""
    return is_number(value) and -(2**63) <= value < 2**63 and value == int(value)


def _values(value: Any) -> tuple[Scalar, ...] | None:
    if value is None:
        return None
    items = tuple(value) if isinstance(value, list | tuple) else ()
    if not items or not all(isinstance(item, Scalar) for item in items):
        raise PydanticCustomError("values", "a list of one or more allowed values, such as [NL, BE]")
    if len({str(item) for item in items}) < len(items):
        raise PydanticCustomError("values", "a list in which no value stands twice")
    return items


Bound = Annotated[float | int | str, BeforeValidator(_bound)]


class ColumnRule(Section):
    """Rules for one column under `schema`. What is left out is inferred from the first file."""

    type: Annotated[Kind | None, BeforeValidator(_kind)] = Field(
        default=None,
        description="number (or float), integer, boolean, category, text or datetime",
        examples=["number"],
    )
    nullable: bool = Field(default=True, description="may a value be missing", examples=["false"])
    min: Bound | None = Field(
        default=None, description="smallest allowed number, or earliest datetime", examples=["0"]
    )
    max: Bound | None = Field(
        default=None, description="largest allowed number, or latest datetime", examples=["100"]
    )
    values: Annotated[
        tuple[Scalar, ...] | None, BeforeValidator(lambda v: None if v is None else _values(v))
    ] = Field(
        default=None,
        description="the allowed values; without `type` the column is a category",
        examples=["[NL, BE]"],
    )
    format: Annotated[str, Field(min_length=2, max_length=60)] | None = Field(
        default=None,
        description="how a datetime is written (strptime), when it is not ISO 8601",
        examples=['"%d/%m/%Y"'],
    )
    decimal: Literal[".", ","] | None = Field(
        default=None,
        description="the decimal mark of numbers in text; the other mark then separates thousands",
        examples=['","'],
    )

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        """Accept `amount: float` for `amount: {type: float}`."""
        return {"type": value} if isinstance(value, str) else value

    @property
    def kind(self) -> Kind | None:
        """The kind that was asked for: by `type`, else by `values` or `format`; None is inferred."""
        if self.type is not None:
            return self.type
        if self.values is not None:
            return Kind.CATEGORY
        return Kind.DATETIME if self.format is not None else None

    @property
    def bounded(self) -> bool:
        """Say whether `min` or `max` is given; without a `type` the column is then a number or an integer."""
        return self.min is not None or self.max is not None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        bounds = [bound for bound in (self.min, self.max) if bound is not None]
        if bounds and self.kind in (Kind.BOOLEAN, Kind.CATEGORY, Kind.TEXT):
            raise PydanticCustomError("rule", "min and max only for number, integer and datetime columns")
        if any(isinstance(bound, str) != (self.kind is Kind.DATETIME) for bound in bounds):
            raise PydanticCustomError("rule", "min and max as numbers, or as ISO dates with `type: datetime`")
        if self.min is not None and self.max is not None and _after(self.min, self.max):
            raise PydanticCustomError("rule", "min not above max")
        if self.format is not None and self.kind is not Kind.DATETIME:
            raise PydanticCustomError("rule", "format only with `type: datetime`")
        if self.decimal is not None and self.kind not in (Kind.NUMBER, Kind.INTEGER):
            raise PydanticCustomError("rule", "decimal only with `type: number` or `type: integer`")
        if self.values is not None and self.kind in (Kind.BOOLEAN, Kind.DATETIME):
            raise PydanticCustomError("rule", "values only for category, text, number and integer columns")
        return self


def _after(low: float | int | str, high: float | int | str) -> bool:
    if isinstance(low, str) and isinstance(high, str):
        first, second = datetime.fromisoformat(low), datetime.fromisoformat(high)
        return first.replace(tzinfo=None) > second.replace(tzinfo=None)
    return not isinstance(low, str) and not isinstance(high, str) and low > high


Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(sequence)]
