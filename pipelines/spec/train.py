"""The `train` part of model.yaml: what is tried, on which data, and how it is compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pipelines.spec.durations import Duration
from pipelines.spec.resources import EnvName, Label, LabelValue, Resources, SecretKey
from pipelines.spec.section import Section, sequence

MAX_EXPERIMENTS = 200

_REST = r"[A-Za-z0-9._-]{0,80}"
_FILE = rf"[A-Za-z0-9]{_REST}"
_ELSEWHERE = r"s3://[A-Za-z0-9._-]{1,63}/([A-Za-z0-9._=-]+/)*"

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
GridValue = str | int | float | bool | None


def _grid_values(value: Any) -> tuple[GridValue, ...]:
    if isinstance(value, list | tuple) and value and all(isinstance(item, GridValue) for item in value):
        return tuple(value)
    raise PydanticCustomError("grid", "a list of one or more plain values, such as [0.1, 1, 10]")


class Candidate(Section):
    """One estimator to try, and the values of each of its parameters."""

    estimator: Name = Field(description="name of an allowed estimator", examples=["logistic_regression"])
    grid: dict[str, Annotated[tuple[GridValue, ...], BeforeValidator(_grid_values)]] = Field(
        default_factory=dict, description="values to try for each parameter", examples=["{C: [0.1, 1, 10]}"]
    )

    @property
    def experiments(self) -> int:
        """How many combinations the grid has."""
        return math.prod(len(values) for values in self.grid.values())


def _one_or_several(value: Any) -> tuple[GridValue, ...]:
    return (value,) if isinstance(value, GridValue) else _grid_values(value)


class Window(Section):
    """Which parts of the dataset a training uses: all, or the newest that hold enough; or what is best."""

    parts: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="at most this many of the newest parts", examples=["12"]
    )
    rows: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="only the newest parts that hold this many rows",
        examples=["1000000"],
    )
    auto: bool = Field(
        default=False,
        description="of those, learn from as much of the past as serves the newest rows best",
        examples=["true"],
    )

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        """Accept `window: auto`, `window: all` and `window: 12` (parts)."""
        if value == "auto":
            return {"auto": True}
        if value == "all":
            return {}
        return {"parts": value} if isinstance(value, int) and not isinstance(value, bool) else value

    def start(self, rows: Sequence[int]) -> int:
        """Return the index of the first part to use, given each part's rows in order (oldest first)."""
        first = 0 if self.parts is None else max(0, len(rows) - self.parts)
        if self.rows is None:
            return first
        total = 0
        for index in range(len(rows) - 1, first - 1, -1):
            total += rows[index]
            if total >= self.rows:
                return index
        return first


class Train(Section):
    """How models are made."""

    metric: Name | None = Field(
        default=None,
        description="metric that experiments and the gate compare by; by default chosen by the task",
        examples=["roc_auc"],
    )
    candidates: Annotated[tuple[Candidate, ...], BeforeValidator(sequence)] = Field(
        default=(),
        description="estimators to try, each with its grid; by default a linear and a tree model of the task",
        examples=["[{estimator: logistic_regression, grid: {C: [0.1, 1, 10]}}]"],
    )
    holdout: float = Field(
        default=0.2,
        ge=0.01,
        le=0.5,
        description="share of the rows kept aside for the gate",
        examples=["0.2"],
    )
    code: Annotated[str, Field(pattern=rf"^({_ELSEWHERE})?{_FILE}\.py$")] | None = Field(
        default=None,
        description="your own training code, with one function `fit`: a file in the model's folder, or "
        "s3://…; only where the operator allows it",
        examples=["train.py"],
    )
    requirements: Annotated[str, Field(pattern=rf"^({_ELSEWHERE})?requirements{_REST}\.txt$")] | None = Field(
        default=None,
        description="packages that `code` needs, in pip's form; without it, it runs with Kascade's own",
        examples=["requirements.txt"],
    )
    params: dict[str, Annotated[tuple[GridValue, ...], BeforeValidator(_one_or_several)]] = Field(
        default_factory=dict,
        description="what `fit` gets as `params`: a value, or a list of values to try",
        examples=["{depth: [3, 6], rate: 0.1}"],
    )
    timeout: Duration = Field(
        default=timedelta(hours=1), description="how long one call of `fit` may take", examples=["1h"]
    )
    resources: Resources = Field(
        default_factory=Resources, description="what a training needs", examples=["{cpu: 2, memory: 4G}"]
    )
    node_selector: dict[Label, LabelValue] = Field(
        default_factory=dict,
        description="labels of the nodes that Kubeflow may train on, of those the operator allows",
        examples=["{pool: training}"],
    )
    secrets: dict[EnvName, SecretKey] = Field(
        default_factory=dict,
        description="variables that `code` gets, each from a Secret's key, of those the operator allows",
        examples=["{HF_TOKEN: hugging-face/token}"],
    )
    caching: bool = Field(
        default=True,
        description="Kubeflow may take a step's result from an earlier run with the same inputs",
        examples=["false"],
    )
    pipeline: Annotated[str, Field(pattern=r"^s3://[^/]+/.+")] | None = Field(
        default=None,
        description="your own Kubeflow pipeline with the same parameters; only where the operator allows it",
        examples=["s3://raw/churn/pipeline.yaml"],
    )
    window: Window = Field(
        default_factory=lambda: Window(auto=True),
        description="what to learn from: `auto` chooses from the data, `all`, a number of newest parts, "
        "or {parts, rows, auto}",
        examples=["auto"],
    )
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="seed of everything random", examples=["0"])
    class_weight: Literal["auto", "balanced", "none"] = Field(
        default="auto",
        description="weigh classes by rarity: always (balanced), never (none), or when the rarest is below "
        "a fifth of the commonest (auto)",
        examples=["balanced"],
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        own = math.prod(len(values) for values in self.params.values()) if self.code else 0
        total = sum(candidate.experiments for candidate in self.candidates) + own
        if total > MAX_EXPERIMENTS:
            raise PydanticCustomError(
                "experiments",
                "at most {limit} experiments in all; the grids make {total}",
                {"limit": MAX_EXPERIMENTS, "total": total},
            )
        return self
