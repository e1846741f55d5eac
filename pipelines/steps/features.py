"""Step 3: keep the holdout aside, learn the encoding from the training rows, and plan the experiments."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
from numpy.lib.format import open_memmap

from pipelines.adoption import try_out
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import TargetMean
from pipelines.encoding.columns import Boolean, Encoder, Matrix
from pipelines.encoding.fitting import (
    Responses,
    fit_category,
    fit_datetime,
    fit_number,
    fit_text,
    out_of_fold_means,
    responses_of,
)
from pipelines.encoding.names import column_names
from pipelines.encoding.scales import AS_IS, fit_scale
from pipelines.encoding.times import to_seconds
from pipelines.errors import StepError
from pipelines.spec import ModelSpec
from pipelines.steps import files
from pipelines.steps.adopt import adopt_registered
from pipelines.steps.extract import read_spec
from pipelines.steps.folds import Folds, folds_by_class, folds_by_group, folds_by_time, rounds
from pipelines.steps.partition import Partition, divide
from pipelines.steps.plan import REGISTERED, plan_experiments
from pipelines.tables import encode_feature, factorise, known_numbers, times, write_blocks
from pipelines.target import usable_counts, usable_positions, usable_rows
from pipelines.values.form import PLAIN, Form

MAX_MATRIX_BYTES = 4 << 30
_SKEWED = (
    5  # weigh classes when the commonest is more than this many times the rarest, if the spec leaves it open
)
_BLURRED = 0.05  # of neighbouring values that float32 takes for one: from here on it is warned of
_MANY_ROWS = 20_000  # from here on three folds compare as well as five


def features(extracted: Path, checked: Path, folder: Path, model: str, seed: int) -> list[str]:
    """Write matrices, targets, folds and the plan into `folder`; of a registered model its graph as well.

    Returns: the experiments' indices as text, one per parallel item.
    Raises: StepError when a side of the split is too small, the matrix too large, or a registered model does
        not fit.
    """
    spec = read_spec((extracted / files.SPEC).read_bytes(), model)
    facts = files.read_json(checked / files.CHECKED)
    whole = files.read_table(extracted)
    extraction = files.read_json(extracted / files.EXTRACTED)
    forms = {column["name"]: Form.from_json(column) for column in extraction["schema"]["columns"]}
    parts = usable_counts(whole.column(spec.target), extraction["rows_of_parts"])
    table = usable_rows(whole, spec.target)
    positions = extraction.get("rows_before", 0) + usable_positions(whole.column(spec.target))
    partition = divide(table, spec, facts, parts, positions)
    folder.mkdir(parents=True, exist_ok=True)
    partition.save(folder)
    _save_order(table, spec, partition, folder)
    seed = seed or spec.train.seed
    training = table.take(pa.array(partition.train))
    folds, ordered, mixed = _folds(training, partition, spec, seed)
    np.save(folder / files.FOLDS, folds)
    holdout = table.take(pa.array(partition.holdout))
    adopted = adopt_registered(extracted, table, facts["features"], forms, partition)
    if adopted is None:
        encoding, blurred = _encode_training(training, facts["features"], forms, partition, folds, folder)
        _encode(encoding, holdout, folder / files.HOLDOUT_MATRIX)
        own_code = _own_code(extracted, spec, encoding, folder)
        plan = plan_experiments(spec, facts["task"], encoding.width)
    else:
        encoding, blurred, own_code = adopted.encoding, [], None
        facts["features"] = [[feature.name, feature.kind] for feature in adopted.features]
        _encode(encoding, training, folder / files.TRAIN_MATRIX)
        try_out(adopted, _encode(encoding, holdout, folder / files.HOLDOUT_MATRIX), partition.classes)
        (folder / files.ADOPTED).write_bytes(adopted.raw)
        plan = [{"estimator": REGISTERED, "parameters": [{}]}]
    prepared = {
        **facts,
        "classes": partition.classes,
        "target": spec.target,
        "encoding": encoding.to_json(),
        "forms": {name: form.to_json() for name, form in forms.items() if form != PLAIN},
        "width": encoding.width,
        "seed": seed,
        "balanced": _balanced(spec, partition),
        "ordered": ordered,
        "auto_window": spec.train.window.auto,
        "plan": plan,
        "own_code": own_code,
        "split": partition.describe(),
        "warnings": [*facts["warnings"], *partition.warnings(), *mixed, *blurred],
    }
    files.write_json(folder / files.PREPARED, prepared)
    return [str(index) for index in range(len(plan))]


def _save_order(table: pa.Table, spec: ModelSpec, partition: Partition, folder: Path) -> None:
    """Save the training rows' positions, oldest first, and before how many of them each held row came.

    Rows go by their timestamp; those without one, and rows of one moment, by when they arrived.
    """
    place = np.arange(table.num_rows)
    if spec.timestamp is not None:
        place[np.argsort(times(table.column(spec.timestamp)), kind="stable")] = np.arange(table.num_rows)
    order = np.argsort(place[partition.train], kind="stable")
    np.save(folder / files.TRAIN_ORDER, order)
    ages = np.searchsorted(place[partition.train][order], place[partition.holdout])
    np.save(folder / files.HOLDOUT_AGES, ages)


def _own_code(extracted: Path, spec: ModelSpec, encoding: Encoding, folder: Path) -> dict[str, object] | None:
    """Pass on the code that model.yaml names, with its arguments."""
    if spec.train.code is None:
        return None
    for name in (files.CODE, files.REQUIREMENTS):
        if (extracted / name).exists():
            shutil.copy(extracted / name, folder / name)
    return {
        "name": PurePosixPath(spec.train.code).name,
        "requirements": PurePosixPath(spec.train.requirements).name if spec.train.requirements else None,
        "train": spec.train.model_dump_json(),
        "columns": column_names(encoding),
    }


def _folds(
    training: pa.Table, partition: Partition, spec: ModelSpec, seed: int
) -> tuple[Folds, bool, list[str]]:
    """Return the folds, whether they are in order of time, and warnings.

    Where classes come one after the other in time, no past has what the future needs; then they are dealt.
    """
    target, classes = partition.train_target, partition.classes is not None
    if partition.divided.by in ("time", "arrival"):
        by_time = partition.divided.by == "time"
        order = times(training.column(str(spec.timestamp))) if by_time else np.arange(training.num_rows)
        dealt = folds_by_time(order, 3)
        if not classes or any(
            len(np.unique(target[past])) > 1 and len(np.unique(target[future])) > 1
            for past, future in rounds(dealt, ordered=True)
        ):
            return dealt, True, []
    count = 3 if len(partition.train) >= _MANY_ROWS else 5
    if partition.divided.groups is not None:
        groups = partition.divided.groups[partition.train]
        grouped = folds_by_group(target, groups, count, seed, classes=classes)
        if grouped is not None:
            return grouped, False, []
    mixed = []
    if partition.divided.by == "entity":
        mixed = [
            f"experiments are measured on the same '{spec.entity}' as they learn from, as too few "
            "are in the rows to train on; what they measure may be too good"
        ]
    return folds_by_class(target, count, seed, classes=classes), False, mixed


def _balanced(spec: ModelSpec, partition: Partition) -> bool:
    if partition.classes is None or spec.train.class_weight == "none":
        return False
    counts = np.bincount(partition.train_target, minlength=len(partition.classes))
    return spec.train.class_weight == "balanced" or int(counts.max()) > _SKEWED * int(counts.min())


def _encode_training(
    training: pa.Table,
    columns: Sequence[Sequence[str]],
    forms: Mapping[str, Form],
    partition: Partition,
    folds: Folds,
    folder: Path,
) -> tuple[Encoding, list[str]]:
    """Learn an encoder per feature and write the training matrix, target means out of fold.

    Returns: the encoding, and warnings of numbers that float32 cannot tell apart.
    """
    blurred = {}
    answer, target = AS_IS, np.asarray(partition.train_target, dtype=np.float64)
    if partition.classes is None:
        answer, blurred["the target"] = fit_scale(target)
        target = answer.apply(target)
    responses = responses_of(target, None if partition.classes is None else len(partition.classes))
    fitted: list[Feature] = []
    encoder: Encoder
    for name, kind in columns:
        if kind in ("number", "integer"):
            encoder, blurred[f"'{name}'"] = fit_number(known_numbers(training.column(name)))
        else:
            encoder = _fit(kind, training.column(name), responses)
        fitted.append(Feature(name, kind, encoder, forms[name]))
    encoding = Encoding(tuple(fitted), answer)
    matrix = _open_matrix(folder / files.TRAIN_MATRIX, training.num_rows, encoding)
    start = 0
    for feature in encoding.features:
        end = start + feature.encoder.width
        column = training.column(feature.name)
        if isinstance(feature.encoder, TargetMean):
            found = factorise(column)
            block = out_of_fold_means(found.labels, found.codes, responses, folds.astype(np.int64))
        else:
            block = encode_feature(feature, column)
        matrix[:, start:end] = block
        start = end
    _flush(matrix)
    return encoding, [_blurred(name, share) for name, share in blurred.items() if share > _BLURRED]


def _blurred(name: str, share: float) -> str:
    return (
        f"{name}: the model counts in float32 and takes {share:.0%} of neighbouring values for one number; "
        "where they are names and no measures, set the column's type to category under `schema`"
    )


def _fit(kind: str, column: pa.ChunkedArray, responses: Responses) -> Encoder:
    match kind:
        case "category":
            found = factorise(column)
            return fit_category(found.labels, found.codes, responses)
        case "text":
            return fit_text(factorise(column).labels)
        case "datetime":
            return fit_datetime(to_seconds(times(column)))
        case _:
            return Boolean()


def _encode(encoding: Encoding, table: pa.Table, path: Path) -> Matrix:
    matrix = _open_matrix(path, table.num_rows, encoding)
    write_blocks(encoding.features, table, matrix)
    _flush(matrix)
    return matrix


def _open_matrix(path: Path, rows: int, encoding: Encoding) -> Matrix:
    size = rows * encoding.width * 4
    if size > MAX_MATRIX_BYTES:
        raise StepError(
            f"{rows} rows of {encoding.width} encoded columns need {size / 2**30:.1f} GiB; "
            f"the limit is {MAX_MATRIX_BYTES >> 30} GiB",
            "train on fewer rows (train.window), or on fewer text and category columns",
        )
    shape = (rows, encoding.width)
    return np.asanyarray(open_memmap(path, mode="w+", dtype=np.float32, shape=shape))  # type: ignore[no-untyped-call]


def _flush(matrix: Matrix) -> None:
    if isinstance(matrix, np.memmap):
        matrix.flush()
