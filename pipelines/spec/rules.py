"""Rules between sections, asked of a model.yaml when it is taken in and never when it is read again.

A rule that ModelSpec enforces makes each registered spec that breaks it unreadable: a new one belongs here.

    parse_spec(raw, model="churn", checks=[check_rules])
"""

from __future__ import annotations

from collections.abc import Iterable

from eventing.catalogue import Problem
from pipelines.spec.durations import format_duration
from pipelines.spec.model import ModelSpec


def check_rules(spec: ModelSpec) -> Iterable[Problem]:
    """Yield a problem for each rule that the sections break together."""
    rollout, labels = spec.rollout, spec.labels
    if rollout.phases and rollout.deadline <= labels.window:
        deadline, window = format_duration(rollout.deadline), format_duration(labels.window)
        yield Problem(
            where="rollout.deadline" if "deadline" in rollout.model_fields_set else "labels.window",
            problem=f"expected rollout.deadline ({deadline}) to be longer than labels.window ({window}): "
            "before it no label counts",
            fix=f"write, for example, `deadline: {format_duration(2 * labels.window)}` under rollout, "
            "or a shorter `window` under labels",
        )
