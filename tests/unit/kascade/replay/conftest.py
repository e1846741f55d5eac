"""Decisions that are made again, from what their events carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from eventing import catalogue as kinds
from eventing.catalogue import Claim
from eventing.event import Event
from eventing.store import MemoryStore
from kascade.replay.comparison import Compared
from kascade.replay.recording import Recorded
from kascade.replay.replaying import replay
from pipelines.spec import ModelSpec, parse_spec

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STORE = MemoryStore("reports")


def spec(**sections: Any) -> ModelSpec:
    lines = [f"{name}: {value}" for name, value in sections.items()]
    return parse_spec("\n".join(["model: churn", "target: churned", *lines]).encode(), model="churn")


def again(type_: str, function: str, payload: kinds.Payload, tried: ModelSpec | None = None) -> Compared:
    data = payload.model_dump(mode="json", exclude_none=True)
    event = Event("e", kinds.source_of(function), type_, "churn/v2", NOON, data=data)
    (found,) = replay([Recorded(1, NOON, event)], get, tried=tried)
    return found


def get(claim: Claim) -> bytes:
    return STORE.get(claim.uri, claim.sha256)
