"""Part of step 1: give each row the features of its views as of its own moment, and compute expressions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from eventing.store import Store
from pipelines.errors import StepError
from pipelines.features.expressions import Expression
from pipelines.features.plan import Key, LookedUp, LookupPlan
from pipelines.features.point_in_time import join
from pipelines.features.view import View
from pipelines.spec import ModelSpec
from pipelines.spec.features import Features
from pipelines.steps import files
from pipelines.steps.view_rows import ReadParts, ViewRows, load_views, refuse_target, rows_of
from pipelines.tables import numbers
from pipelines.values.arrays import ARROW_TYPES

_NUMERIC = ("number", "integer", "boolean")


def join_views(
    store: Store,
    spec: ModelSpec,
    features: Features,
    folder: Path,
    extracted: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]],
    read_parts: ReadParts,
) -> dict[str, Any]:
    """Add the columns of views and expressions to the extracted table; return what was extracted anew.

    Args:
        parts: of the whole dataset, in order.

    Raises:
        StepError: a view is not there, does not fit the rows, or would tell them their target.
        TransientError: the store does not answer, or a view of others has not been materialised yet.
    """
    table, columns = files.read_table(folder), list(extracted["schema"]["columns"])
    views = load_views(store, spec)
    timestamp = _timestamp(spec, features, columns)
    given = tuple(columns)
    warnings: list[str] = []
    used = []
    for view in views:
        refuse_target(view, spec)
        rows = rows_of(store, view, spec.model, given, parts, read_parts)
        table, columns, counted = _join(table, columns, view, rows, timestamp, features, spec)
        warnings += _warnings(view, given, counted, table.num_rows, spec)
        used.append((view, rows))
    table, columns = _compute(table, columns, features, spec)
    _write(table, folder)
    return {
        **extracted,
        "schema": {**extracted["schema"], "columns": columns},
        "views": [_described(view, rows) for view, rows in used],
        "expressions": dict(features.expressions),
        "lookup": _plan(features, used).to_json(),
        "warnings": warnings,
    }


def _timestamp(spec: ModelSpec, features: Features, columns: Sequence[Mapping[str, Any]]) -> str | None:
    name = features.timestamp or spec.timestamp
    if name is None and not (features.views or features.use):
        return None  # there are expressions only
    kind = next((column["kind"] for column in columns if column["name"] == name), None)
    if kind != "datetime":
        problem = (
            "nothing says when a row is asked about" if name is None else f"the data has no time '{name}'"
        )
        fix = "write `timestamp: event_time` under features, with the column that says when"
        raise StepError(f"features: {problem}", fix)
    return name


def _join(
    table: pa.Table,
    columns: list[Mapping[str, Any]],
    view: View,
    rows: ViewRows,
    timestamp: str | None,
    features: Features,
    spec: ModelSpec,
) -> tuple[pa.Table, list[Mapping[str, Any]], int]:
    """Return the table and its columns with a view's features, and how many rows have no value of them."""
    lacking = [name for name in view.entity if name not in table.column_names]
    if lacking:
        raise StepError(
            f"the view {view.model}/{view.name} is by '{lacking[0]}', which is no column of the data",
            "drop files that have the column, or leave the view out",
        )
    try:
        joined = join(table, str(timestamp), view, rows.table, strictly_before=view.dataset == spec.model)
    except pa.ArrowInvalid as error:
        raise StepError(
            f"'{', '.join(view.entity)}' cannot be read as the entity of {view.model}/{view.name}: {error}",
            "correct the column's type under `schema`",
        ) from error
    for name, column in joined.columns.items():
        kind = rows.kinds[name]
        column = column.cast(ARROW_TYPES[kind])
        if features.missing == "default" and features.defaults.get(name) is not None:
            column = column.fill_null(_default(name, features.defaults[name], kind))
        _refuse_leak(name, column, table, spec)
        before = next((each for each in columns if each["name"] == name), {})
        columns = [
            *(each for each in columns if each["name"] != name),
            {**before, "name": name, "kind": kind},
        ]
        table = _with(table, name, column)
    return table, columns, joined.missing + joined.stale


def _warnings(
    view: View, given: Sequence[Mapping[str, Any]], without: int, rows: int, spec: ModelSpec
) -> Iterator[str]:
    if without:
        yield f"{without} of {rows} rows have no fresh row of the view {view.model}/{view.name}"
    own = view.fields if view.dataset == spec.model else ()
    for column in given:
        if column["name"] in view.features and column["name"] not in own:
            name = column["name"]
            yield f"'{name}' is a column of the data and a feature of {view.model}/{view.name}: that is taken"


def _default(name: str, value: Any, kind: str) -> pa.Scalar:
    try:
        return pa.scalar(value, ARROW_TYPES[kind])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise StepError(
            f"features.defaults.{name}: {value!r} is no {kind}", "write a value of the feature's kind"
        ) from error


def _refuse_leak(name: str, column: pa.ChunkedArray, table: pa.Table, spec: ModelSpec) -> None:
    """Refuse a feature that equals the target wherever it is known: it is the target under another name."""
    if spec.target not in table.column_names or column.type != table.schema.field(spec.target).type:
        return
    target = table.column(spec.target)
    same = pc.equal(column, target).drop_null()
    if len(same) >= 100 and pc.all(same).as_py() and pc.count_distinct(target).as_py() > 1:
        raise StepError(
            f"the feature '{name}' equals the target '{spec.target}' in every one of {len(same)} rows",
            "leave it out: it says what is to be predicted",
        )


def _compute(
    table: pa.Table, columns: list[Mapping[str, Any]], features: Features, spec: ModelSpec
) -> tuple[pa.Table, list[Mapping[str, Any]]]:
    for name, text in features.expressions.items():
        expression = Expression.parse(text)
        kinds = {column["name"]: column["kind"] for column in columns}
        if name in kinds:
            problem = f"features.expressions.{name}: a column of the data or of a view is called so"
            raise StepError(problem, "give it another name")
        for each in expression.names:
            if kinds.get(each) not in _NUMERIC or each == spec.target:
                got = f"'{each}' is a {kinds[each]}" if each in kinds else f"there is no column '{each}'"
                raise StepError(f"features.expressions.{name}: {got}", "name columns of numbers")
        found = expression.evaluate({each: numbers(table.column(each)) for each in expression.names})
        found = np.broadcast_to(found, (table.num_rows,)) if found.ndim == 0 else found
        column = pa.chunked_array([pa.array(found, pa.float64(), mask=np.isnan(found))])
        columns = [*columns, {"name": name, "kind": "number"}]
        table = _with(table, name, column)
    return table, columns


def _with(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    if name in table.column_names:
        table = table.drop_columns([name])
    return table.append_column(name, column)


def _write(table: pa.Table, folder: Path) -> None:
    joined = folder / f"{files.TABLE}.joined"
    with pa.OSFile(str(joined), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    os.replace(joined, folder / files.TABLE)


def _described(view: View, rows: ViewRows) -> dict[str, Any]:
    return {
        "view": f"{view.model}/{view.name}",
        "digest": view.digest,
        "feast_name": view.feast_name,
        "features": list(view.features),
        "rows": rows.table.num_rows,
        "files": [claim.model_dump() for claim in rows.files],
    }


def _plan(features: Features, used: Sequence[tuple[View, ViewRows]]) -> LookupPlan:
    return LookupPlan(
        keys=tuple(_keys(used)),
        features=tuple(
            LookedUp(
                name,
                f"{view.feast_name}:{name}",
                None if view.ttl is None else view.ttl.total_seconds(),
                features.defaults.get(name) if features.missing == "default" else None,
            )
            for view, _ in used
            for name in view.features
        ),
        expressions=dict(features.expressions),
        missing=features.missing,
        deadline_s=features.deadline.total_seconds(),
    )


def _keys(used: Sequence[tuple[View, ViewRows]]) -> Iterator[Key]:
    kinds: dict[str, tuple[str, str]] = {}
    for view, rows in used:
        for name in view.entity:
            kind, before = rows.kinds[name], kinds.get(name)
            if before is None:
                kinds[name] = (kind, view.name)
                yield Key(name, kind)
            elif before[0] != kind:
                raise StepError(
                    f"'{name}' is a {before[0]} in the view {before[1]} and a {kind} in {view.name}",
                    "give the column one type in the models whose data they are made from",
                )
