"""Rules beyond a key's own type, asked of a model.yaml when it is taken in and never when it is read again.

A rule that ModelSpec enforces makes each registered spec that breaks it unreadable: a new one belongs here.

    parse_spec(raw, model="churn", checks=[check_rules])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from eventing.catalogue import Problem
from pipelines.spec.columns import Kind, is_number, is_whole
from pipelines.spec.detectors import check_detectors
from pipelines.spec.durations import format_duration
from pipelines.spec.feature_rules import check_features
from pipelines.spec.losses import check_loss
from pipelines.spec.model import ModelSpec

_VALUES: Mapping[Kind, tuple[Callable[[object], bool], str]] = MappingProxyType(
    {
        Kind.INTEGER: (is_whole, "whole numbers within 64 bits as values of an integer column"),
        Kind.NUMBER: (is_number, "numbers as values of a number column"),
    }
)


def check_rules(spec: ModelSpec) -> Iterable[Problem]:
    """Yield a problem for each rule that is broken."""
    yield from check_detectors(spec)
    yield from _check_code(spec)
    yield from check_features(spec)
    rollout, labels = spec.rollout, spec.labels
    values = spec.schema_[spec.target].values if spec.target in spec.schema_ else None
    names = None if values is None else [str(value).strip() for value in values]
    yield from check_loss(rollout.loss, names, regression=spec.task == "regression")
    if rollout.phases and rollout.deadline <= labels.window:
        deadline, window = format_duration(rollout.deadline), format_duration(labels.window)
        yield Problem(
            where="rollout.deadline" if "deadline" in rollout.model_fields_set else "labels.window",
            problem=f"expected rollout.deadline ({deadline}) to be longer than labels.window ({window}): "
            "before it no label counts",
            fix=f"write, for example, `deadline: {format_duration(2 * labels.window)}` under rollout, "
            "or a shorter `window` under labels",
        )
    for name, column in spec.schema_.items():
        fits, what = _VALUES.get(column.kind or Kind.CATEGORY, (None, ""))
        wrong = [value for value in column.values or () if fits is not None and not fits(value)]
        if wrong:
            yield Problem(
                where=f"schema.{name}.values",
                problem=f"got {wrong[0]!r}, expected {what}",
                fix="leave the value out, or give the column another type",
            )


def _check_code(spec: ModelSpec) -> Iterable[Problem]:
    """Yield a problem for each key of `train` that says something of code which is not named."""
    train = spec.train
    if train.code is not None and train.pipeline is not None:
        yield Problem(
            where="train.pipeline",
            problem="train.code and train.pipeline both say how it is trained",
            fix="remove one of them",
        )
    if train.code is None:
        for key in ("requirements", "params", "secrets", "timeout"):
            if key in train.model_fields_set:
                fix = f"name the code, for example `code: train.py`, or remove `{key}`"
                yield Problem(
                    where=f"train.{key}", problem="it is for train.code, which is not there", fix=fix
                )
