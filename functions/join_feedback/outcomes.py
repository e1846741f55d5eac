"""Writes what became of each label as a file, `labels/<model>/date=…/hour=…/<id>.parquet`."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Claim, LabelFileJoined, LabelRefused
from eventing.event import Event
from eventing.store import ObjectMissing, Store
from functions.join_feedback.label_files import file_key
from functions.join_feedback.matching import Fate, Join
from pipelines.prediction_ids import uuid7

MAX_NAMED = 20
"""So many refused labels, and so many files, are named in one event: it is to stay small."""


def summary_of(joins: Sequence[Join]) -> tuple[list[LabelRefused], list[LabelFileJoined]]:
    """Return the first labels that were not joined, single ones first, and what became of each file's."""
    refused: list[tuple[bool, Join]] = []
    files: dict[str, Counter[Fate]] = defaultdict(Counter)
    for join in joins:
        key = file_key(join.label.label_id)
        if key is not None:
            files[key][join.fate] += 1
        if join.fate is not Fate.JOINED:
            refused.append((key is not None, join))
    first = [join for _, join in sorted(refused, key=lambda each: each[0])[:MAX_NAMED]]
    return (
        [
            LabelRefused.model_validate(
                {
                    "label_id": each.label.label_id,
                    "fate": each.fate.value,
                    "prediction_id": each.label.prediction_id,
                }
            )
            for each in first
        ],
        [
            LabelFileJoined(key=key, **{fate.value: counts[fate] for fate in Fate})
            for key, counts in list(files.items())[:MAX_NAMED]
        ],
    )


def write_outcomes(
    store: Store, model: str, joins: Sequence[Join], due: datetime, event: Event
) -> Claim | None:
    """Write the file; return None when there is nothing to write.

    The event and its due time decide the name, so a redelivery writes over what an earlier delivery left:
    also where another joining has taken those labels meanwhile; then the file is emptied.
    """
    name = uuid7(due, f"{event.source} {event.id}")
    uri = f"s3://labels/{model}/date={due:%Y-%m-%d}/hour={due:%H}/{name}.parquet"
    if not joins and not _exists(store, uri):
        return None
    table = pa.table(
        {
            "label_id": pa.array([each.label.label_id for each in joins], pa.string()),
            "prediction_id": pa.array([each.prediction_id for each in joins], pa.string()),
            "fate": pa.array([each.fate.value for each in joins], pa.string()),
            "label": pa.array(
                [None if each.value is None else str(each.value) for each in joins], pa.string()
            ),
            "received_at": pa.array([each.label.received_at for each in joins], pa.timestamp("us", "UTC")),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    claim = store.put(uri, buffer.getvalue())
    return claim if joins else None


def _exists(store: Store, uri: str) -> bool:
    try:
        store.head(uri)
    except ObjectMissing:
        return False
    return True
