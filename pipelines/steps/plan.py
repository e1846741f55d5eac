"""Which experiments a run makes: candidates and grids cut into items that run side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pipelines.estimators import REGISTRY, default_candidates
from pipelines.estimators.build import combinations
from pipelines.metrics import Task
from pipelines.spec import ModelSpec

REGISTERED = "registered"
"""In place of an estimator's name: the model was made elsewhere."""
PARALLEL = 2  # the local runner works on two items at a time; fewer candidates than that are cut in two

Item = dict[str, Any]


def is_own_code(name: str) -> bool:
    """Whether an item's `estimator` is the owner's own train.py, which no name of an estimator looks like."""
    return name.endswith(".py")


def plan_experiments(spec: ModelSpec, task: Task, width: int) -> list[Item]:
    """Return the items, each `{"estimator", "parameters": [one mapping per experiment]}`.

    An item is a process that has to start: a candidate's whole grid is one item where items suffice.
    """
    grids: list[tuple[str, Mapping[str, tuple[Any, ...]]]] = [
        (candidate.estimator, candidate.grid) for candidate in spec.train.candidates
    ]
    if spec.train.code is not None:
        grids.append((PurePosixPath(spec.train.code).name, spec.train.params))
    grids = grids or default_candidates(task, width)
    chunks = -(-PARALLEL // len(grids))
    items: list[Item] = []
    for name, grid in grids:
        every = list(combinations(grid or ({} if is_own_code(name) else REGISTRY[name, task].grid)))
        size = -(-len(every) // min(chunks, len(every)))
        items += [
            {"estimator": name, "parameters": every[start : start + size]}
            for start in range(0, len(every), size)
        ]
    return items
