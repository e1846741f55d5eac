"""The whole of model.yaml as one immutable value."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from eventing.catalogue import ModelName
from pipelines.spec.columns import ColumnRule, Kind
from pipelines.spec.features import Aggregation, Features, ViewSpec
from pipelines.spec.policies import Drift, Gate, Ingest, Labels, Outliers, Retrain, Rollout
from pipelines.spec.resources import Resources
from pipelines.spec.section import Section
from pipelines.spec.train import Candidate, Train, Window

RESERVED_NAMES = frozenset(
    {
        "broker-ingress",
        "console",
        "default",
        "detect-drift",
        "evaluate-model",
        "feature-server",
        "feast",
        "govern-training",
        "ingest-data",
        "join-feedback",
        "judge-rollout",
        "kascade",
        "kubernetes",
        "launch-training",
        "log-experiments",
        "log-inferences",
        "materialize-features",
        "minio",
        "notify-people",
        "object-store",
        "receive-objects",
        "record-events",
        "release-labels",
        "ring-timers",
        "roll-out-model",
        "run-training",
        "score-batch",
        "serve-model",
        "watch-performance",
    }
)
"""Names a model cannot have: its Service would take the place of one of ours."""


def _unreserved(name: str) -> str:
    if name in RESERVED_NAMES:
        raise PydanticCustomError("reserved", "a name that is not one of Kascade's own Services")
    return name


Column = Annotated[str, Field(min_length=1, max_length=200)]


class ModelSpec(Section):
    """One model: its data, how it is trained, judged, rolled out, watched and retrained."""

    model: Annotated[ModelName, AfterValidator(_unreserved)] = Field(
        description="name of the model; the folder's name, which it must equal", examples=["churn"]
    )
    task: Literal["classification", "regression"] | None = Field(
        default=None, description="inferred from the target if absent", examples=["classification"]
    )
    target: Column = Field(description="column to predict", examples=["churned"])
    entity: Column | None = Field(
        default=None, description="column that names one subject", examples=["customer_id"]
    )
    timestamp: Column | None = Field(
        default=None,
        description="column with the event time; splits are by time when present",
        examples=["seen_at"],
    )
    schema_: dict[Column, ColumnRule] = Field(
        default_factory=dict,
        alias="schema",
        description="rules of columns, by name; other columns are inferred from the first file",
        examples=["{amount: {type: float, min: 0, nullable: false}}"],
    )
    features: Features | None = Field(
        default=None,
        description="features that are looked up by entity",
        examples=["{views: [{name: activity, fields: [balance], ttl: 7d}]}"],
    )
    train: Train = Field(
        default_factory=Train, description="how models are made", examples=["{holdout: 0.2}"]
    )
    gate: Gate = Field(
        default_factory=Gate, description="what a candidate must reach", examples=["{min: 0.75}"]
    )
    rollout: Rollout = Field(
        default_factory=Rollout,
        description="how a version replaces another",
        examples=["{canary_percent: 10}"],
    )
    drift: Drift = Field(default_factory=Drift, description="how data is watched", examples=["{window: 500}"])
    outliers: Outliers = Field(
        default_factory=Outliers,
        description="which predictions are marked",
        examples=["{detector: isolation_forest}"],
    )
    retrain: Retrain = Field(
        default_factory=Retrain, description="when it is trained again", examples=["{on: [dataset, age]}"]
    )
    labels: Labels = Field(
        default_factory=Labels, description="how labels come back", examples=["{window: 7d}"]
    )
    ingest: Ingest = Field(
        default_factory=Ingest, description="how files are read", examples=["{tolerated_bad_rows: 0.05}"]
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        # Every spec ever registered keeps these; one that comes later belongs in rules.py.
        for role, column in (("entity", self.entity), ("timestamp", self.timestamp)):
            if column == self.target:
                raise PydanticCustomError(
                    "roles",
                    "{role} and target to be different columns; both are {column}",
                    {"role": role, "column": repr(column)},
                )
        if self.timestamp is not None:
            rule = self.schema_.get(self.timestamp)
            if rule is not None and rule.kind not in (None, Kind.DATETIME):
                raise PydanticCustomError(
                    "roles",
                    "the timestamp column {column} to have `type: datetime` under schema",
                    {"column": repr(self.timestamp)},
                )
        target = self.schema_.get(self.target)
        if target is not None and target.kind is Kind.DATETIME:
            raise PydanticCustomError("roles", "a target that is not a datetime")
        if self.task == "regression" and target is not None and target.kind in (Kind.CATEGORY, Kind.TEXT):
            raise PydanticCustomError(
                "roles", "a numeric target for regression; schema gives it as a category"
            )
        return self


SECTIONS: MappingProxyType[tuple[str, ...], type[Section]] = MappingProxyType(
    {
        (): ModelSpec,
        ("schema", "*"): ColumnRule,
        ("features",): Features,
        ("features", "views", "*"): ViewSpec,
        ("features", "views", "*", "aggregations", "*"): Aggregation,
        ("train",): Train,
        ("train", "candidates", "*"): Candidate,
        ("train", "window"): Window,
        ("train", "resources"): Resources,
        ("gate",): Gate,
        ("rollout",): Rollout,
        ("drift",): Drift,
        ("outliers",): Outliers,
        ("retrain",): Retrain,
        ("labels",): Labels,
        ("ingest",): Ingest,
    }
)
"""Which class stands where in the file; `*` is any name or index."""
