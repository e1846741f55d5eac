"""Payloads about features that are looked up by entity."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from eventing.catalogue.base import Claim, Count, ModelName, ObjectUri, OutsidePayload, Payload, Rows, Time

ViewName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
MAX_PUSHED = 1000


class DefinedView(Payload):
    """A definition of a view: its name in the feature store, and where it lies."""

    name: str
    view: ViewName
    uri: ObjectUri


class FeaturesDefined(
    Payload, type="features.defined", subject="<model>", emitted_by=("materialize_features",)
):
    """Views have a definition that the feature store does not know yet, or has not said that it does.

    The job apply-features declares them there and answers with `features.applied`.
    """

    model: ModelName
    views: list[DefinedView]


class FeaturesApplied(Payload, type="features.applied", subject="<model>", emitted_by=("apply_features",)):
    """The feature store knows these definitions, by their names in it. The job apply-features says so."""

    model: ModelName
    views: list[str]


class FeaturesRetired(
    Payload, type="features.retired", subject="<model>", emitted_by=("materialize_features",)
):
    """No model.yaml defines these views any more, and no version that may serve asks for them.

    They are brought up to date no more, and the job apply-features takes them out of the feature store. Their
    offline rows stay.
    """

    model: ModelName
    views: list[DefinedView]


class FeaturesMaterialized(
    Payload, type="features.materialized", subject="<model>/<view>", emitted_by=("materialize_features",)
):
    """A view is up to date with its source. What is said of values is of each entity's newest row.

    `rows` were written to the offline store, those of `entities` to the online store, unless `online` is
    false: then the feature store does not know the view yet. `nulls` counts missing values by feature,
    `newest` is when the newest of them became true. Rows that become true after now, `future_rows`, are not
    served.
    """

    model: ModelName
    view: ViewName
    name: str
    parts: Count
    rows: Rows
    entities: Rows
    online: bool
    nulls: dict[str, Rows] = Field(default_factory=dict)
    newest: Time | None = None
    future_rows: Rows = 0
    data: Claim | None = None


class FeaturesRejected(
    Payload, type="features.rejected", subject="<model>/<view>", emitted_by=("materialize_features",)
):
    """A view cannot be made, or pushed values cannot be taken: why, and what to do about it."""

    model: ModelName
    view: ViewName
    problem: str
    fix: str = ""


class FeaturesPushed(OutsidePayload, type="features.pushed", subject="<model>/<view>"):
    """Fresh values of single entities of a view, from a system that knows them before any file does.

    Each row has the columns of the entity and features; one that is left out is missing. `event_timestamp`
    is when it became true, by default the event's time: of two rows of an entity the later counts.
    """

    model: ModelName
    view: ViewName
    rows: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_PUSHED)]


class FeaturesAction(StrEnum):
    """What a person can ask of a model's features."""

    BACKFILL = "backfill"
    CHECK = "check"


class FeaturesRequested(OutsidePayload, type="features.requested", subject="<model>"):
    """A person or another system asks for something to be done with the views that a model defines.

    `backfill` makes their rows anew from all of their source. `check` compares, for `sample` entities, what
    the online store has with what the offline rows say, and answers with `features.checked`.
    """

    model: ModelName
    action: FeaturesAction
    sample: Annotated[int, Field(ge=1, le=100_000)] = 1000
    requested_by: str = "unknown"


class CheckedView(Payload):
    """What was found of one view. `examples` names differing entities, with both sides."""

    view: ViewName
    name: str
    entities: Rows
    differing: Rows
    examples: list[str] = Field(default_factory=list, max_length=10)
    problem: str | None = None


class FeaturesChecked(
    Payload, type="features.checked", subject="<model>", emitted_by=("materialize_features",)
):
    """The online store was compared with the offline rows, at one moment."""

    model: ModelName
    consistent: bool
    views: list[CheckedView]
