"""Writes what became of each label as a file, `labels/<model>/date=…/hour=…/<id>.parquet`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from eventing.catalogue import Claim
from eventing.event import Event
from eventing.store import Store
from functions.join_feedback.matching import Join
from pipelines.prediction_ids import uuid7


def write_outcomes(store: Store, model: str, joins: Sequence[Join], due: datetime, event: Event) -> Claim:
    """Write the file. The event and its due time decide the name, so a redelivery writes over it."""
    table = pa.table(
        {
            "label_id": [each.label.label_id for each in joins],
            "prediction_id": pa.array([each.prediction_id for each in joins], pa.string()),
            "fate": [each.fate.value for each in joins],
            "label": pa.array(
                [None if each.value is None else str(each.value) for each in joins], pa.string()
            ),
            "received_at": [each.label.received_at for each in joins],
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    name = uuid7(due, f"{event.source} {event.id}")
    return store.put(
        f"s3://labels/{model}/date={due:%Y-%m-%d}/hour={due:%H}/{name}.parquet", buffer.getvalue()
    )
