"""The policy of a rollout, fixed when it starts: a model.yaml that changes meanwhile changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from functions.judge_rollout.policy import Policy
from pipelines.spec import ModelSpec

DAY = timedelta(days=1)
_STORED = TypeAdapter(Policy)


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
    document: dict[str, Any] = _STORED.dump_python(policy, mode="json")
    return document


def from_json(document: Mapping[str, Any]) -> Policy:
    """Read what `to_json` wrote. Raises: ValueError when it is no policy."""
    return _STORED.validate_python(document)
