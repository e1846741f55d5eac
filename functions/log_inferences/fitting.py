"""Brings what another platform's server was asked and answered to what our model says of itself.

Servers name columns and write classes in their own ways; the card of the version knows both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functions.log_inferences.bodies import Asked
from pipelines.card import Card


def inputs_of(asked: Asked, card: Card | None, entity: str | None = None) -> dict[str, list[Any]]:
    """Return the columns by the model's names for them: in its order, where the request has no names.

    The column that says whom a row is about is left out unless it is a feature.
    """
    if card is None:
        return asked.columns
    features = [name for name, _ in card.features]
    if not asked.has_names and len(features) == len(asked.columns):
        return dict(zip(features, asked.columns.values(), strict=True))
    return {name: values for name, values in asked.columns.items() if name != entity or name in features}


def entities_of(columns: dict[str, list[Any]], entity: str | None) -> list[str | None] | None:
    """Return whom each row is about, by the column that model.yaml names."""
    values = columns.get(entity) if entity else None
    return None if values is None else [_text(value) for value in values]


def _text(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value is None else str(value)


def outputs_of(answered: dict[str, Any], card: Card | None) -> dict[str, Any]:
    """Return the answer as a classifier or a regressor of ours would have logged it."""
    if card is None:
        return answered
    if card.classes is None:
        return _as_numbers(answered)
    return _as_classes(answered, card.classes)


def _as_numbers(answered: dict[str, Any]) -> dict[str, Any]:
    labels = answered.get("labels")
    if "predictions" in answered or labels is None or not all(_is_number(each) for each in labels):
        return answered
    rest = {name: value for name, value in answered.items() if name != "labels"}
    return {**rest, "predictions": [float(each) for each in labels]}


def _as_classes(answered: dict[str, Any], classes: Sequence[Any]) -> dict[str, Any]:
    """Take numbers for the classes that they equal, and the likeliest class where only scores are given."""
    numbers = answered.get("predictions")
    if numbers is not None and all(each in classes for each in numbers):
        rest = {name: value for name, value in answered.items() if name != "predictions"}
        return {**rest, "labels": [classes[classes.index(each)] for each in numbers]}
    scores = answered.get("probabilities")
    if "labels" in answered or scores is None or any(len(row) != len(classes) for row in scores):
        return answered
    return {**answered, "labels": [classes[row.index(max(row))] for row in scores]}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
