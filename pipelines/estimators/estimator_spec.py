"""What the list says of one estimator."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.metrics import Task

Balance = Literal["class_weight", "sample_weight", "none"]
Grid = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class EstimatorSpec:
    """One estimator for one task.

    `fixed` are parameters always given unless the grid says otherwise; `tunable` are the names a grid may
    have; `scale` asks for standardised columns; `imputes`: it takes missing values as they are; `seeded`: it
    has a `random_state`; `balance`: how rare classes are weighed; `extra`: of Kascade's packages, without
    which it is not installed.
    """

    name: str
    task: Task
    path: str
    tunable: tuple[str, ...]
    grid: Grid = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    scale: bool = False
    imputes: bool = False
    seeded: bool = True
    balance: Balance = "none"
    extra: str | None = None

    @property
    def missing(self) -> str | None:
        """The package that it needs and this Python does not have; None when it can be used."""
        package = self.path.partition(".")[0]
        return None if self.extra is None or importlib.util.find_spec(package) else package
