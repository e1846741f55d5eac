"""How wrong a version's answers are: what its card says of its target, and the loss of one answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from eventing.catalogue import Claim
from eventing.store import Store
from functions.inferences.labels import Value, as_class, as_number, text_of
from pipelines.card import Card, HoldoutLoss, load_card
from pipelines.loss import clipped_absolute, zero_one
from pipelines.values.form import PLAIN, Form


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a label may be and what an answer costs.

    Attributes:
        classes: of the target; None for regression.
        scale: the absolute error that counts as wholly wrong; of no meaning for classes.
        holdout: None for a version whose card does not say.
        form: how the target is written in text.
        costs: of wrong answers, by the true class and the answered one; None where each is 1.
        unit: mean loss of the best answer that is always the same, of which margins are shares; 1 without
            costs.
    """

    classes: tuple[Value, ...] | None
    scale: float = 1.0
    holdout: HoldoutLoss | None = None
    form: Form = PLAIN
    costs: Mapping[tuple[str, str], float] | None = None
    unit: float = 1.0

    def read(self, value: object) -> Value | None:
        """Return a label as the target has it; None when it is impossible."""
        return as_number(value, self.form) if self.classes is None else as_class(value, self.classes)

    def loss(self, predicted: str | float | None, label: Value) -> float | None:
        """Return the loss of an answer as the log has it, in [0, 1]; None without an answer."""
        if predicted is None:
            return None
        if self.classes is not None:
            wrong, true = float(zero_one(predicted, text_of(label))), text_of(label)
            # A class that the costs do not know, as it is newer, counts in full.
            return (
                wrong
                if self.costs is None or not wrong
                else self.costs.get((str(true), str(predicted)), wrong)
            )
        return clipped_absolute(float(predicted), float(label), scale=self.scale)

    def counted_by(self, card: Card) -> Scoring:
        """Return the same, with errors counted by what another card says that they cost."""
        loss = card.evaluation.loss
        if loss is None or loss.costs is None or card.classes is None:
            return replace(self, costs=None, unit=1.0)
        return replace(self, costs=loss.costs.by_name(card.classes), unit=loss.costs.unit)

    def about(self, predicted: str | float | None) -> str | None:
        """Return an answer so that like ones are equal: its class, or the quarter of the scale it lies in."""
        if predicted is None or self.classes is not None:
            return None if predicted is None else str(predicted)
        quarter = 4 * float(predicted) / self.scale
        return str(math.floor(quarter)) if math.isfinite(quarter) else None


def scoring_of(card: Card) -> Scoring:
    """Return what a model card says of it."""
    holdout = card.evaluation.loss
    scoring = Scoring(card.classes, holdout.scale if holdout else 1.0, holdout, card.form(card.target))
    return scoring.counted_by(card)


def load_scoring(store: Store, card: Claim) -> Scoring:
    """Fetch a version's card and read it. Raises: eventing.store.StoreError, ValueError."""
    return scoring_of(load_card(store, card))
