"""What a spec says of estimators and metrics, checked when it is dropped rather than when it is trained.

parse_spec(raw, model="churn", checks=[check_training])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eventing.catalogue import Problem
from pipelines.estimators.registry import REGISTRY, find, names
from pipelines.metrics import METRICS, Task
from pipelines.spec import Candidate, ModelSpec
from pipelines.spec.problems import nearest

_TASKS: tuple[Task, Task] = ("classification", "regression")


def check_training(spec: ModelSpec) -> Iterable[Problem]:
    """Yield every estimator, parameter and metric of `train` that is not known, with the nearest that is."""
    yield from _metric_problems(spec)
    for index, candidate in enumerate(spec.train.candidates):
        yield from _candidate_problems(f"train.candidates[{index}]", candidate, spec.task)


def missing_packages(spec: ModelSpec) -> Iterable[Problem]:
    """Yield every estimator whose package this Python lacks: asked where models are trained."""
    for index, candidate in enumerate(spec.train.candidates):
        for task in _TASKS if spec.task is None else (spec.task,):
            estimator = find(candidate.estimator, task)
            if estimator is not None and estimator.missing is not None:
                yield Problem(
                    where=f"train.candidates[{index}].estimator",
                    problem=f"'{estimator.name}' needs the package {estimator.missing}, which is missing",
                    fix=f"install it where models are trained: pip install 'kascade[{estimator.extra}]'",
                )
                break


def _metric_problems(spec: ModelSpec) -> Iterator[Problem]:
    name = spec.train.metric
    if name is None:
        return
    known = [m.name for m in METRICS.values() if spec.task in (None, m.task)]
    if name in known:
        return
    of_task = f" of {spec.task}" if spec.task else ""
    yield Problem(where="train.metric", problem=f"'{name}' is no metric{of_task}", fix=nearest(name, known))


def _candidate_problems(where: str, candidate: Candidate, task: Task | None) -> Iterator[Problem]:
    name = candidate.estimator
    found = [e for of in _TASKS if task in (None, of) and (e := find(name, of)) is not None]
    if not found:
        of_task = f" of {task}" if task and any(of == name for of, _ in REGISTRY) else ""
        yield Problem(
            where=f"{where}.estimator",
            problem=f"'{name}' is no allowed estimator{of_task}",
            fix=nearest(name, names(task)),
        )
        return
    tunable = sorted({parameter for estimator in found for parameter in estimator.tunable})
    for parameter in candidate.grid:
        if parameter not in tunable:
            yield Problem(
                where=f"{where}.grid",
                problem=f"'{name}' has no parameter '{parameter}' that can be set",
                fix=nearest(parameter, tunable),
            )
