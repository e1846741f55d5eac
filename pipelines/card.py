"""The model card: what a version was made from, how good it is, and where its files lie.

`card.json` is written last, so a version is complete when its card is there. Whoever reads or writes one goes
through `Card`. What only people read of it is kept as it is.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from eventing.catalogue import Claim, OwnCode
from eventing.store import Store
from pipelines.class_costs import ClassCosts
from pipelines.metrics import Task
from pipelines.values.form import Form

Class = str | int | float | bool
SCHEMA_VERSION = 1
"""Raised when a reader of the version before would misread a card. Cards without one have this form too."""


class _Part(BaseModel):
    """Fields that another release or a custom pipeline added are kept."""

    model_config = ConfigDict(
        frozen=True, extra="allow", protected_namespaces=(), validate_by_name=True, serialize_by_alias=True
    )


class UsedPart(_Part):
    """A part of the dataset that the version was made from."""

    uri: str
    sha256: str
    rows: int | None = None
    key: str | None = None


class Divided(_Part):
    """How the rows were divided: by time, entity, arrival or row; `cutoff` is where the holdout begins.

    By time that is a moment, by arrival a place in the dataset. `order` says whether the rows had an order.

    `learnt_through` is where the rows end that were learnt from, in the terms of `cutoff`: of a model that
    learnt from its holdout too, after it had been judged there.

    `dataset_rows`: so many rows the dataset had; those that came later have a place from there on.

    `rule` is `steps.split.RULE` of the release that did; in rule 1 "content" was all columns and the target.
    """

    by: str | None = None
    rule: int = 1
    cutoff: str | None = None
    learnt_through: str | None = None
    dataset_rows: int | None = None
    train_rows: int = 0
    order: str | None = None


class TriedWindow(_Part):
    """The best estimator in a window of so many rows, and its mean loss on the newest rows."""

    rows: int
    estimator: str
    loss: float


class UsedWindow(_Part):
    """How much of the past was learnt from: `rows` of `of`, why, and what else was tried."""

    rows: int
    of: int
    newest: int = 0
    reason: str
    tried: tuple[TriedWindow, ...] = ()


class Data(_Part):
    """The dataset, the parts of it that were used, how its rows were divided, and which taught it."""

    dataset: Claim
    data_schema: Claim | None = Field(default=None, alias="schema")
    parts: tuple[UsedPart, ...] = ()
    split: Divided = Divided()
    window: UsedWindow | None = None


class UsedSpec(_Part):
    """The model.yaml that the version was trained with, and the digest of what it says."""

    uri: str | None = None
    sha256: str | None = None
    digest: str


class HoldoutLoss(_Part):
    """The loss on the holdout, in [0, 1]. `scale` is the absolute error that counts as wholly wrong.

    `block`: so many rows in a row must be taken together for their mean losses to be nearly independent.
    `costs`: of classes; None where each error is 1. Then `counts` says how many rows lost how much.
    """

    rows: int
    mean: float
    variance: float
    scale: float = 1.0
    block: int = Field(default=1, ge=1)
    costs: ClassCosts | None = None
    counts: tuple[tuple[float, int], ...] = ()


class Evaluation(_Part):
    """How good the version is on its holdout; without `loss` its harm in service cannot be told."""

    metrics: dict[str, float]
    loss: HoldoutLoss | None = None


class UsedView(_Part):
    """A feature view that the rows were joined with: `<model>/<name>`, the digest of its definition.

    `files` are those that its rows were read from; none for a view of the model's own dataset.
    """

    view: str
    digest: str
    features: tuple[str, ...]
    rows: int
    files: tuple[Claim, ...] = ()


class Card(_Part):
    """What `card.json` says.

    Attributes:
        classes: of the target, in the model's order; None for regression.
        features: name and kind of each column that the model takes.
        forms: how columns are written, the target too, where not in the ordinary way: see `values.form.Form`.
        views: the feature views that rows were joined with, as of each row's moment.
        expressions: features that were computed from others, by name.
        own_code: the model's own training code, where model.yaml names it.
        randomised: share of its predictions whose label it asks for at random.
        files: claims of the version's other files, by name.
        seconds: how long the training took.
    """

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    model: str
    version: int
    run_id: str
    task: Task
    target: str
    classes: tuple[Class, ...] | None
    features: tuple[tuple[str, str], ...]
    forms: dict[str, dict[str, Any]] = Field(default_factory=dict)
    views: tuple[UsedView, ...] = ()
    expressions: dict[str, str] = Field(default_factory=dict)
    data: Data
    spec: UsedSpec
    code_digest: str
    own_code: OwnCode | None = None
    randomised: float = Field(default=0.0, ge=0, le=1)
    evaluation: Evaluation
    files: dict[str, Claim]
    seconds: float

    def to_json(self) -> bytes:
        """Return canonical JSON."""
        document = self.model_dump(mode="json")
        return json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1).encode()

    def is_trained_on(self, part_sha256: str) -> bool:
        """Say whether a part of the dataset was used."""
        return any(part.sha256 == part_sha256 for part in self.data.parts)

    def form(self, column: str) -> Form:
        """Return how a column's values are written."""
        return Form.from_json(self.forms.get(column, {}))

    @property
    def looked_up(self) -> frozenset[str]:
        """The features that no file of data has: those of views, and those computed from others."""
        return frozenset(self.expressions).union(*(view.features for view in self.views))

    @property
    def spec_claim(self) -> Claim | None:
        """The model.yaml, where the card names it."""
        found = self.spec
        return Claim(uri=found.uri, sha256=found.sha256) if found.uri and found.sha256 else None


def parse_card(raw: bytes) -> Card:
    """Read a card. Raises: ValueError when it is none that this release reads."""
    return Card.model_validate_json(raw)


def load_card(store: Store, claim: Claim) -> Card:
    """Fetch and read a version's card. Raises: eventing.store.StoreError, ValueError."""
    return parse_card(store.get(claim.uri, sha256=claim.sha256))
