"""Kascade's feature views as they lie in the bucket, and as Feast has them. It runs where Feast is installed.

A view is `s3://features/<model>/<view>/<digest>/view.json`; its rows are the Parquet files in `rows/`
beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

BUCKET = "features"
BATCH_ROWS = 10_000


def stored_views() -> dict[str, dict[str, Any]]:
    """Return the views of the bucket by their names in Feast."""
    found = {}
    for key in keys_below(""):
        if key.endswith("/view.json"):
            stored = json.loads(_bucket().Object(key).get()["Body"].read())
            if stored.get("retired"):
                continue
            found[stored["name"]] = {**stored, "folder": key.removesuffix("/view.json")}
    return found


def keys_below(prefix: str) -> Iterator[str]:
    """Yield the keys of the bucket, in order."""
    for each in _bucket().objects.filter(Prefix=prefix):
        yield each.key


def newest_rows(view: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each entity's newest row that is not of the future."""
    import pyarrow.parquet as pq

    now, entity = datetime.now(UTC), view["view"]["entity"]
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for key in keys_below(f"{view['folder']}/rows/"):
        for row in pq.read_table(BytesIO(_bucket().Object(key).get()["Body"].read())).to_pylist():
            name = tuple(row[each] for each in entity)
            if row["event_timestamp"] <= now and (name not in newest or moment(newest[name]) <= moment(row)):
                newest[name] = row
    return list(newest.values())


def moment(row: dict[str, Any]) -> tuple[Any, Any]:
    """Return what orders rows of one entity."""
    return row["event_timestamp"], row["created_timestamp"]


def batches(rows: list[dict[str, Any]], view: dict[str, Any]) -> Iterator[Any]:
    """Yield rows as DataFrames, as Feast takes them.

    A time is text, as JSON has it. A column of whole numbers with a gap would be one of floats: rows with a
    gap go by themselves.
    """
    import pandas as pd

    integers = [name for name, kind in view["kinds"].items() if kind == "integer"]
    groups: dict[tuple[bool, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] is None for name in integers), []).append(row)
    times = [name for name, kind in view["kinds"].items() if kind == "datetime"]
    for group in groups.values():
        for start in range(0, len(group), BATCH_ROWS):
            batch = group[start : start + BATCH_ROWS]
            yield pd.DataFrame([{**row, **{name: text_of(row[name]) for name in times}} for row in batch])


def text_of(time: datetime | None) -> str | None:
    """Write a time as the function that writes single rows does."""
    return None if time is None else time.isoformat(timespec="microseconds")


def objects_of(name: str, stored: dict[str, Any]) -> list[Any]:
    """Return a view as Feast has it: its entities, its source and itself."""
    from feast import Entity, FeatureView, Field, FileSource, ValueType
    from feast.data_format import ParquetFormat
    from feast.types import Bool, Float64, Int64, String

    # A time is text: Feast's own type keeps no microseconds, and one that is missing spoils its whole batch.
    types = {"number": Float64, "integer": Int64, "boolean": Bool}
    view, kinds = stored["view"], stored["kinds"]
    keys = {"integer": ValueType.INT64, "number": ValueType.DOUBLE}
    entities = [
        Entity(
            name=f"{each}_{kinds[each]}",
            join_keys=[each],
            value_type=keys.get(kinds[each], ValueType.STRING),
        )
        for each in view["entity"]
    ]
    source = FileSource(
        name=name,
        path=f"s3://{BUCKET}/{stored['folder']}/rows/",
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        s3_endpoint_override=os.environ.get("AWS_ENDPOINT_URL_S3"),
    )
    seconds = view.get("ttl_s")
    features = [*view["fields"], *(each["name"] for each in view["windows"])]
    schema = [Field(name=each, dtype=types.get(kinds[each], String)) for each in (*view["entity"], *features)]
    described = FeatureView(
        name=name,
        entities=entities,
        ttl=timedelta(seconds=seconds or 0),
        schema=schema,
        source=source,
        tags={"model": view["model"], "view": view["name"]},
    )
    return [*entities, described]


def _s3() -> Any:
    import boto3

    return boto3.resource("s3", endpoint_url=os.environ.get("AWS_ENDPOINT_URL_S3"))


def _bucket() -> Any:
    return _s3().Bucket(BUCKET)
