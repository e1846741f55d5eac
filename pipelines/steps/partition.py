"""The rows to learn from and those to be judged by, with their targets as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.card import Class
from pipelines.errors import StepError
from pipelines.spec import ModelSpec
from pipelines.steps import files
from pipelines.steps.order import order_of
from pipelines.steps.split import RULE, SALT, Split, by_arrival, split
from pipelines.tables import numbers
from pipelines.target import class_indices

_MIN_ROWS = {"training": 10, "holdout": 2}
_OFF = 0.05  # the holdout's share may be this far from the declared one without a warning


@dataclass(frozen=True)
class Partition:
    """Row numbers of both sides, their targets, and the training side's classes (None for regression)."""

    train: NDArray[np.int64]
    holdout: NDArray[np.int64]
    train_target: NDArray[Any]
    holdout_target: NDArray[Any]
    classes: list[Class] | None
    divided: Split
    positions: NDArray[np.int64] | None = None
    unknown: int = 0

    def save(self, folder: Path) -> None:
        """Write rows and targets."""
        np.save(folder / files.TRAIN_ROWS, self.train)
        np.save(folder / files.HOLDOUT_ROWS, self.holdout)
        if self.divided.rows is not None:
            np.save(folder / files.HOLDOUT_HASHES, self.divided.rows[self.holdout])
        if self.positions is not None:
            np.save(folder / files.HOLDOUT_POSITIONS, self.positions[self.holdout])
        np.save(folder / files.TRAIN_TARGET, self.train_target)
        np.save(folder / files.HOLDOUT_TARGET, self.holdout_target)

    def describe(self) -> dict[str, Any]:
        """Say how the rows were divided, as JSON values."""
        return {
            "by": self.divided.by,
            "rule": RULE,
            "cutoff": self.divided.cutoff,
            "order": self.divided.order,
            "salt": None if self.divided.by in ("time", "arrival") else SALT,
            "train_rows": len(self.train),
            "holdout_rows": len(self.holdout),
        }

    def warnings(self) -> list[str]:
        """Say what was left out, and what was not divided as asked."""
        found = [self.divided.warning] if self.divided.warning else []
        if self.unknown:
            found.append(
                f"{self.unknown} rows of the holdout are left out: the training rows do not have their class"
            )
        return found


def divide(
    table: pa.Table,
    spec: ModelSpec,
    checked: Mapping[str, Any],
    parts: Sequence[int] = (),
    positions: NDArray[np.int64] | None = None,
) -> Partition:
    """Split the rows that have a target.

    Args:
        parts: how many of the rows each file brought, in order; all are of one file when empty.
        positions: of each row in the dataset; None: their order is not examined.

    Raises: StepError when a side is too small, or the training side has one class only.
    """
    divided = split(
        table,
        target=spec.target,
        entity=spec.entity,
        timestamp=spec.timestamp,
        share=spec.train.holdout,
        parts=parts,
    )
    if positions is not None and divided.by == "row":
        divided = _by_order(divided, table, spec, checked, positions)
    off = _far_off(divided, spec)
    if off:
        divided = replace(divided, warning="; ".join(filter(None, [divided.warning, off])))
    train, holdout = np.flatnonzero(~divided.holdout), np.flatnonzero(divided.holdout)
    _check_size("training", len(train), spec, divided)
    if checked["classes"] is None:
        target: NDArray[Any] = numbers(table.column(spec.target))
        partition = Partition(train, holdout, target[train], target[holdout], None, divided, positions)
    else:
        partition = _with_classes(table, spec.target, checked["classes"], train, holdout, divided)
        partition = replace(partition, positions=positions)
    _check_size("holdout", len(partition.holdout), spec, divided)
    return partition


def _by_order(
    divided: Split, table: pa.Table, spec: ModelSpec, checked: Mapping[str, Any], positions: NDArray[np.int64]
) -> Split:
    """Divide rows that have an order by it; else leave them as they are, and say why."""
    features = [(name, kind) for name, kind in checked["features"]]
    order = order_of(table, spec.target, features, classes=checked["classes"] is not None)
    if not order.found:
        return replace(divided, order=order.why)
    found = by_arrival(divided, table, spec.target, spec.train.holdout, positions, order.change)
    if found is not None:
        since = f"; row {order.change} is the first since a change" if order.change else ""
        return replace(found, order=f"{order.why}{since}")
    warning = f"{order.why}, but those that came last are no fair holdout: the promised loss may be too low"
    return replace(divided, order=order.why, warning=warning)


def _far_off(divided: Split, spec: ModelSpec) -> str | None:
    """Say why the holdout's share is not the declared one, where it is not."""
    rows = len(divided.holdout)
    held = float(divided.holdout.mean()) if rows else 0.0
    if abs(held - spec.train.holdout) <= _OFF or divided.by == "arrival":
        return None
    if divided.by == "time":
        why = f"all rows of one moment of '{spec.timestamp}' are on one side"
    else:
        several = len(np.unique(divided.groups)) if divided.groups is not None else rows
        why = f"they are drawn by chance, and only {rows} rows have a target"
        if spec.entity is not None and several < rows:
            why = f"all rows of one '{spec.entity}' are on one side, and there are only {several} of them"
    return f"the holdout has {held:.0%} of the rows, not {spec.train.holdout:.0%}: {why}"


def _with_classes(
    table: pa.Table,
    name: str,
    known: list[Class],
    train: NDArray[np.int64],
    holdout: NDArray[np.int64],
    divided: Split,
) -> Partition:
    """Keep the classes that the training side has: a model cannot know another."""
    indices = class_indices(table.column(name), known)
    present = np.unique(indices[train])
    classes = [known[index] for index in present]
    if len(classes) < 2:
        raise StepError(
            f"the rows to train on all have the target {classes[0]!r}; the others are in the holdout",
            "add rows of another class" + (" from an earlier time" if divided.by == "time" else ""),
        )
    renumbered = np.full(len(known), -1, dtype=np.int64)
    renumbered[present] = np.arange(len(present))
    target = renumbered[indices]
    judged = holdout[target[holdout] >= 0]
    unknown = len(holdout) - len(judged)
    return Partition(train, judged, target[train], target[judged], classes, divided, None, unknown)


def _check_size(part: str, rows: int, spec: ModelSpec, divided: Split) -> None:
    if rows < _MIN_ROWS[part]:
        raise StepError(
            f"the {part} side of the split has {rows} rows; at least {_MIN_ROWS[part]} are needed",
            f"drop more rows (train.holdout is {spec.train.holdout})"
            + (f", or more values of '{spec.entity}'" if divided.by == "entity" else ""),
        )
