"""The policy of a rollout, fixed when it starts: a model.yaml that changes meanwhile changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

from functions.judge_rollout.policy import Policy
from pipelines.spec import ModelSpec

DAY = timedelta(days=1)


def policy_of(spec: ModelSpec) -> Policy:
    """Read the judge's policy from a model.yaml. An entity counts once a day."""
    rollout = spec.rollout
    return Policy(
        margin=rollout.margin,
        alpha=rollout.alpha,
        min_labels=rollout.min_labels,
        deadline=rollout.deadline,
        label_window=spec.labels.window,
        canary_percent=rollout.canary_percent,
        entity_period=DAY if spec.entity else None,
        strict=rollout.strict,
    )


def to_json(policy: Policy) -> dict[str, Any]:
    """Return a policy as JSON values, durations in seconds."""
    found = {field.name: getattr(policy, field.name) for field in fields(policy)}
    return {
        name: value.total_seconds() if isinstance(value, timedelta) else value
        for name, value in found.items()
    }


def from_json(document: Mapping[str, Any]) -> Policy:
    """Read what `to_json` wrote."""
    durations = ("deadline", "label_window", "period", "entity_period")
    read: dict[str, Any] = {
        name: timedelta(seconds=value) if name in durations and value is not None else value
        for name, value in document.items()
    }
    return Policy(**read)
