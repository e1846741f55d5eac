"""Step 2: can a model be learnt from this table at all, and of which task?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.class_costs import class_costs, name_of
from pipelines.errors import StepError
from pipelines.estimators import check_training, missing_packages
from pipelines.metrics import Task, default_metric
from pipelines.spec import ModelSpec
from pipelines.spec.losses import check_loss
from pipelines.steps import files
from pipelines.steps.extract import read_spec
from pipelines.target import classes_of, infer_task, usable_rows

MIN_ROWS = 20


def check(extracted: Path, folder: Path, model: str) -> dict[str, Any]:
    """Write what training goes by into `folder`: task, classes, features, metric, warnings; and return it.

    Raises: StepError when there are too few rows, or the target or the spec cannot be trained on.
    """
    spec = read_spec((extracted / files.SPEC).read_bytes(), model)
    facts = files.read_json(extracted / files.EXTRACTED)
    table = files.read_table(extracted)
    if spec.target not in table.column_names:
        raise StepError(
            f"the target '{spec.target}' is no column of the data: {', '.join(table.column_names[:20])}",
            "correct `target` in model.yaml",
        )
    rows = usable_rows(table.select([spec.target]), spec.target)
    if rows.num_rows < MIN_ROWS:
        raise StepError(
            f"{rows.num_rows} rows have a target; at least {MIN_ROWS} are needed to train and to test",
            "drop more labelled rows, or widen train.window",
        )
    target = rows.column(spec.target)
    task = _task(spec, facts["schema"], target)
    checked = {
        "task": task,
        "classes": _classes(task, target, spec.target),
        "features": _features(spec, facts["schema"]),
        "rows": rows.num_rows,
        "warnings": [
            *_warnings(spec, facts["schema"], table, rows.num_rows),
            *facts.get("warnings", []),
        ],
    }
    checked["metric"] = _metric(spec, task, checked["classes"])
    checked["loss"] = _loss(spec, task, checked["classes"])
    files.write_json(folder / files.CHECKED, checked)
    return checked


def _task(spec: ModelSpec, schema: Mapping[str, Any], target: pa.ChunkedArray) -> Task:
    task: Task = spec.task or schema.get("task") or infer_task(target)
    numeric = pa.types.is_floating(target.type) or pa.types.is_integer(target.type)
    if task == "regression" and not numeric:
        raise StepError(
            f"the target '{spec.target}' is {target.type}, and regression needs numbers",
            "write `task: classification`, or take a target of numbers",
        )
    return task


def _classes(task: Task, target: pa.ChunkedArray, name: str) -> list[Any] | None:
    if task == "classification":
        return classes_of(target, name)
    limits = pc.min_max(target).as_py()
    if limits["min"] == limits["max"]:
        raise StepError(
            f"the target '{name}' is {limits['min']} in every row",
            "add rows in which it differs; there is nothing to predict yet",
        )
    return None


def _features(spec: ModelSpec, schema: Mapping[str, Any]) -> list[list[str]]:
    roles = {spec.target, spec.entity, spec.timestamp}
    if spec.features is not None:
        roles |= {*(spec.features.entity or ()), spec.features.timestamp}
    features = [[c["name"], c["kind"]] for c in schema["columns"] if c["name"] not in roles]
    if not features:
        raise StepError(
            "there is no feature: every column is the target, the entity or the timestamp",
            "add columns to predict from",
        )
    return features


def _metric(spec: ModelSpec, task: Task, classes: list[Any] | None) -> str:
    resolved = spec.model_copy(update={"task": task})
    problems = [*check_training(resolved), *missing_packages(resolved)]
    if problems:
        raise StepError(
            "; ".join(f"{p.where}: {p.problem}" for p in problems), "; ".join(p.fix for p in problems)
        )
    return spec.train.metric or default_metric(task, None if classes is None else len(classes))


def _loss(spec: ModelSpec, task: Task, classes: list[Any] | None) -> Any:
    """Return `rollout.loss` as it was written. Raises: StepError when it does not fit the target."""
    loss = spec.rollout.loss
    names = [name_of(each) for each in classes or ()]
    found = list(check_loss(loss, names, regression=task == "regression"))
    if found:
        raise StepError("; ".join(f"{p.where}: {p.problem}" for p in found), "; ".join(p.fix for p in found))
    if classes is not None:
        try:
            class_costs(loss, classes, np.ones(len(classes), dtype=np.int64))
        except ValueError as error:
            raise StepError(
                f"rollout.loss: {error}", "give each class some wrong answer that costs"
            ) from error
    return loss


def _warnings(spec: ModelSpec, schema: Mapping[str, Any], table: pa.Table, usable: int) -> list[str]:
    warnings = []
    if usable < table.num_rows:
        warnings.append(f"{table.num_rows - usable} rows without a usable target are left out")
    empty = [name for name, _ in _features(spec, schema) if table.column(name).null_count == table.num_rows]
    if empty:
        shown = ", ".join(empty[:10]) + (", ..." if len(empty) > 10 else "")
        warnings.append(f"{len(empty)} features have no value in any row: {shown}")
    return warnings
