"""Events, versions, predictions and explanations as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eventing.event import CAUSATION, CORRELATION
from eventing.words.event_words import words_of
from kascade.rendering.evidence import evidence

Row = dict[str, Any]
EVENT = ("seq", "time", "type", "subject", "summary", "data", "id", "source", "correlation", "cause")
VERSION = ("model", "version", "state", "train_rows", "registered_at")
PREDICTION = ("prediction", "prediction_id", "model_version")
EXPLAINED = ("depth", "time", "type", "subject", "summary", "evidence", "id")


def event_row(row: Mapping[str, Any]) -> Row:
    """Return a row of the ledger."""
    event = row["event"]
    return {
        "seq": row["seq"],
        **_event_row(event),
        "data": event.get("data"),
        "source": event["source"],
        "correlation": event.get(CORRELATION),
        "cause": event.get(CAUSATION),
    }


def version_rows(model: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a model's versions, each metric in a column of its name."""
    for version in model["versions"]:
        columns = {name: version.get(name) for name in VERSION[1:]}
        yield {"model": model["model"], **columns, **version["metrics"]}


def prediction_rows(reply: Mapping[str, Any]) -> Iterator[Row]:
    """Yield each row's part of a model's answer in the v1 protocol."""
    each = [name for name in ("probabilities", "missing_features", "label_asked") if name in reply]
    version = int(reply["model_version"])
    for at, values in enumerate(zip(reply["predictions"], reply["prediction_ids"], strict=True)):
        yield {
            **dict(zip(PREDICTION, (*values, version), strict=True)),
            **{name: reply[name][at] for name in each},
        }


def explained_rows(nodes: Iterable[Mapping[str, Any]], depth: int = 0) -> Iterator[Row]:
    """Yield the events of an explanation, each after its cause; `depth` says how far from the first."""
    for node in nodes:
        yield {"depth": depth, **_event_row(node["event"]), "evidence": evidence(node["event"])}
        yield from explained_rows(node["effects"], depth + 1)


def _event_row(event: Mapping[str, Any]) -> Row:
    columns = {name: event.get(name) for name in ("id", "time", "type", "subject")}
    return {**columns, "summary": words_of(str(event["type"]), event.get("data"))}
