"""What model.yaml says of features: the views it computes or uses, and what serving does without one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from eventing.catalogue import ModelName
from pipelines.spec.columns import Scalar
from pipelines.spec.durations import Duration, format_duration
from pipelines.spec.section import Section, sequence

_RESERVED = frozenset({"event_timestamp", "created_timestamp"})
_PARQUET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^*?\[\]]*\*?[^*?\[\]/]*")


def _entity(value: Any) -> Any:
    names = (value,) if isinstance(value, str) else sequence(value)
    if not names or not isinstance(names, tuple) or len(set(map(str, names))) < len(names):
        raise PydanticCustomError("entity", "a column, or a list of different columns")
    return names


def _feature(name: str) -> str:
    if name in _RESERVED or ":" in name:
        raise PydanticCustomError(
            "feature", "a name without a colon, other than event_timestamp and created_timestamp"
        )
    return name


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise PydanticCustomError("duration", "a duration above 0")
    return value


def _path(value: str) -> str:
    if not _PARQUET.fullmatch(value):
        raise PydanticCustomError(
            "path", "s3://bucket/key of a Parquet file, or s3://bucket/folder/*.parquet; a * in the last part"
        )
    return value


def _use(value: str) -> str:
    if not re.fullmatch(r"[^/\s:]+/[^/\s:]+", value):
        raise PydanticCustomError("use", "other-model/view")
    return value


Positive = Annotated[Duration, AfterValidator(_positive)]
Column = Annotated[str, Field(min_length=1, max_length=200)]
FeatureName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_feature)]
Entity = Annotated[tuple[FeatureName, ...], BeforeValidator(_entity)]
ViewName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Functions = Literal["count", "sum", "mean", "last"]


class Aggregation(Section):
    """One number of an entity's rows within a window that ends with the row itself."""

    of: FeatureName | None = Field(
        default=None, description="the column; without it `count` counts rows", examples=["amount"]
    )
    function: Functions = Field(
        description="count, sum, mean or last, of the values that are known", examples=["sum"]
    )
    window: Positive = Field(
        description="how far back it reaches: rows after t - window, up to and with t", examples=["7d"]
    )
    as_: FeatureName | None = Field(
        default=None,
        alias="as",
        description="the feature's name; by default such as `amount_sum_7d`",
        examples=["amount_sum_7d"],
    )

    @property
    def name(self) -> str:
        """The feature's name."""
        return self.as_ or "_".join(
            [*([self.of] if self.of else []), self.function, format_duration(self.window)]
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.of is None and self.function != "count":
            raise PydanticCustomError("rule", "`of` with sum, mean and last: the column")
        return self


class ViewSpec(Section):
    """A feature view: what is known of an entity, each row from its moment on."""

    name: ViewName = Field(description="name of the view, one of the model's", examples=["customer_activity"])
    source: Literal["dataset"] | None = Field(
        default=None,
        description="`dataset`: the rows that this model ingests; so without dataset and path, too",
        examples=["dataset"],
    )
    dataset: ModelName | None = Field(
        default=None, description="another model, whose ingested rows it is made of", examples=["payments"]
    )
    path: Annotated[str, AfterValidator(_path)] | None = Field(
        default=None, description="Parquet files it is made of", examples=["s3://lake/payments/*.parquet"]
    )
    entity: Entity | None = Field(
        default=None, description="its own entity, where it is not that of `features`", examples=["shop_id"]
    )
    timestamp: Column | None = Field(
        default=None, description="its own timestamp column, likewise", examples=["paid_at"]
    )
    ttl: Positive | None = Field(
        default=None,
        description="how long a row counts; then it is stale; by default for ever",
        examples=["7d"],
    )
    fields: Annotated[tuple[FeatureName, ...], BeforeValidator(sequence)] = Field(
        default=(), description="columns as they are in the newest row", examples=["[balance]"]
    )
    aggregations: Annotated[tuple[Aggregation, ...], BeforeValidator(sequence)] = Field(
        default=(),
        description="numbers over windows of time",
        examples=["[{of: amount, function: sum, window: 7d}]"],
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features, in order."""
        return (*self.fields, *(each.name for each in self.aggregations))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if sum(each is not None for each in (self.source, self.dataset, self.path)) > 1:
            raise PydanticCustomError("rule", "one of source, dataset and path")
        if not self.features:
            raise PydanticCustomError("rule", "fields or aggregations: what the view holds")
        twice = _twice(self.features)
        if twice:
            raise PydanticCustomError(
                "rule", "each feature once; {name} stands twice (name one with `as`)", {"name": repr(twice)}
            )
        return self


class Features(Section):
    """Features that are looked up by entity: the same ones in training and in serving."""

    entity: Entity | None = Field(
        default=None,
        description="column that names the entity, or a list; by default `entity` of the model",
        examples=["customer_id"],
    )
    timestamp: Column | None = Field(
        default=None,
        description="when a row became true; by default `timestamp` of the model",
        examples=["event_time"],
    )
    missing: Literal["null", "default", "refuse"] = Field(
        default="null",
        description="what a prediction does where a feature is missing or stale: `null` goes on without it, "
        "`default` takes the value of `defaults`, `refuse` answers an error",
        examples=["default"],
    )
    defaults: dict[FeatureName, Scalar] = Field(
        default_factory=dict,
        description="values by feature, for `missing: default`; others are then null",
        examples=["{amount_sum_7d: 0}"],
    )
    deadline: Positive = Field(
        default=timedelta(milliseconds=100),
        description="how long a prediction waits for its features; then all of them are missing",
        examples=["100ms"],
    )
    views: Annotated[tuple[ViewSpec, ...], BeforeValidator(sequence)] = Field(
        default=(),
        description="views that this model defines",
        examples=["[{name: activity, fields: [balance]}]"],
    )
    expressions: dict[FeatureName, Annotated[str, Field(min_length=1, max_length=500)]] = Field(
        default_factory=dict,
        description="features computed from numbers of the request, of the row and of views",
        examples=['{ratio: "amount / amount_sum_7d"}'],
    )
    use: Annotated[tuple[Annotated[str, AfterValidator(_use)], ...], BeforeValidator(sequence)] = Field(
        default=(), description="views that other models define", examples=["[payments/activity]"]
    )

    @model_validator(mode="before")
    @classmethod
    def _null(cls, value: Any) -> Any:
        """Accept `missing: null`, which YAML reads as no value."""
        if isinstance(value, dict) and "missing" in value and value["missing"] is None:
            return {**value, "missing": "null"}
        return value


def _twice(names: tuple[str, ...]) -> str | None:
    return next((name for index, name in enumerate(names) if name in names[:index]), None)
