"""Which views a run takes, and their rows: made anew from the run's dataset, or as they were materialised.

A view of this model's own data is made anew, so that no materialisation has to have come first, and the same
run gives the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Claim
from eventing.store import ObjectMissing, Store, StoreUnavailable
from pipelines.errors import StepError, TransientError
from pipelines.features.aggregation import output_kinds, view_rows
from pipelines.features.of_spec import UnknownView, views_of
from pipelines.features.sources import feeds_views
from pipelines.features.view import View
from pipelines.spec import ModelSpec, SpecError, parse_spec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEFINITION, PUSHED = "view.json", "pushed-"
"""In a view's folder: the file that says the kinds of its columns, and how the names of pushed rows begin."""

ReadParts = Callable[[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]], pa.Table]
"""Reads some columns of the schema of some parts of the dataset, as one table."""


@dataclass(frozen=True)
class ViewRows:
    """A view's rows, the kinds of its columns, and the files that they were read from."""

    table: pa.Table
    kinds: Mapping[str, str]
    files: tuple[Claim, ...] = ()


def load_views(store: Store, spec: ModelSpec) -> tuple[View, ...]:
    """Return the views that a model takes. Raises: StepError, TransientError."""

    def other(model: str) -> ModelSpec | None:
        return registered_spec(store, model)

    try:
        views = views_of(spec, other)
    except UnknownView as error:
        raise StepError(
            str(error), "correct `features.use` in model.yaml, or define the view first"
        ) from error
    except StoreUnavailable as error:
        raise TransientError(str(error)) from error
    seen: dict[str, View] = {}
    for view in views:
        for name in view.features:
            if name in seen:
                raise StepError(
                    f"the feature '{name}' is in the views {seen[name].name} and {view.name}",
                    "name one of them otherwise with `as`, or use one of the views only",
                )
            seen[name] = view
    return views


def registered_spec(store: Store, model: str) -> ModelSpec | None:
    """Return the newest model.yaml of a model that was registered; None where there is none."""
    try:
        found = max(store.list(f"s3://models/{model}/specs/"), key=lambda each: each.modified, default=None)
    except ObjectMissing:
        return None
    if found is None:
        return None
    try:
        return parse_spec(store.get(found.uri), model=model)
    except SpecError as error:
        raise StepError(
            f"model.yaml of {model} is not valid: {error}", f"drop model.yaml of {model} again"
        ) from error


def refuse_target(view: View, spec: ModelSpec) -> None:
    """Raise StepError where a view would tell the rows their target."""
    needed = {*view.fields, *(window.of for window in view.windows), *view.entity}
    if view.dataset == spec.model and spec.target in needed:
        raise StepError(
            f"the view {view.model}/{view.name} is made from the target '{spec.target}', which is "
            "not known yet when a prediction is asked for",
            "leave the view out of `features.use`, or the target out of the view",
        )
    if spec.target in view.features:
        raise StepError(
            f"a feature of the view {view.model}/{view.name} is called '{spec.target}', as the target is",
            "name it otherwise with `as`",
        )


def rows_of(
    store: Store,
    view: View,
    model: str,
    columns: Sequence[Mapping[str, Any]],
    parts: Sequence[Mapping[str, Any]],
    read_parts: ReadParts,
) -> ViewRows:
    """Return a view's rows.

    Args:
        model: whose run it is.
        columns: of the run's data.
        parts: of the run's whole dataset, in order.

    Raises:
        StepError: the data does not have what the view is made from.
        TransientError: the store does not answer, or a view of others has not been materialised yet.
    """
    if view.dataset != model:
        return _materialised(store, view)
    by_name = {column["name"]: column for column in columns}
    lacking = [name for name in view.columns if name not in by_name]
    if lacking:
        raise StepError(
            f"the view {view.name} needs '{lacking[0]}', which is no column of the data",
            "correct the view in model.yaml, or drop files that have the column",
        )
    sources = [part for part in parts if feeds_views(part.get("key") or "", model)]
    table = read_parts(sources, [by_name[name] for name in view.columns])
    kinds = output_kinds(view, {name: column["kind"] for name, column in by_name.items()})
    made = view_rows(view, table, created=EPOCH)
    pushed, claims = _stored(store, f"{view.folder}/rows/{PUSHED}")
    return ViewRows(pa.concat_tables([made, *pushed]), kinds, claims)


def _materialised(store: Store, view: View) -> ViewRows:
    tables, claims = _stored(store, f"{view.folder}/rows/")
    if not tables:
        raise TransientError(
            f"the view {view.model}/{view.name} has no rows yet: nothing lies in {view.folder}/rows"
        )
    kinds = json.loads(store.get(f"{view.folder}/{DEFINITION}"))["kinds"]
    return ViewRows(pa.concat_tables(tables), kinds, claims)


def _stored(store: Store, prefix: str) -> tuple[list[pa.Table], tuple[Claim, ...]]:
    """Read what was materialised or pushed. Raises: TransientError."""
    tables, claims = [], []
    try:
        for found in store.list(prefix):
            raw = store.get(found.uri)
            tables.append(pq.read_table(pa.BufferReader(raw)))
            claims.append(Claim.of(found.uri, raw))
    except ObjectMissing:  # there is no such bucket: nothing was ever materialised
        pass
    except StoreUnavailable as error:
        raise TransientError(str(error)) from error
    return tables, tuple(claims)
