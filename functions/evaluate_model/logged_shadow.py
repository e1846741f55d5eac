"""Has a candidate answer logged requests that it has not seen: a shadow of before its rollout begins.

The champion's answers are in the log, so the labels of these requests, those that are there and those that
come, score both. Where the candidate learnt from the rows by which it was judged, these are answered by the
model as it was before that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from eventing.catalogue import Claim, LoggedShadow, TrainingCompleted
from eventing.store import Store
from functions.evaluate_model.scoring import StoredModel, Unusable, load_model
from functions.evaluate_model.unseen_log import UnseenLog
from functions.inferences.labels import text_of
from functions.inferences.log import INPUT, read_log, to_parquet
from pipelines.encoding import EncodingError
from pipelines.errors import StepError

_FILES_AT_ONCE = 50


def shadow_log(
    store: Store, completed: TrainingCompleted, log: UnseenLog, judged: Claim | None = None
) -> LoggedShadow | None:
    """Answer the requests and store the answers in the form of the log; None where there is none.

    Args:
        judged: the candidate as it was before it learnt from the rows by which it was judged.

    What the candidate cannot answer stands there without an answer, as what it never answered in a shadow.

    Raises:
        eventing.store.StoreError: the log cannot be read.
    """
    try:
        model = load_model(store, completed.candidate)
        before = model if judged is None else load_model(store, judged)
    except Unusable:
        return None
    at = pc.field("at")
    since, learnt = (pa.scalar(each, pa.timestamp("us", tz="UTC")) for each in (log.since, log.learnt))
    tables = []
    for requests in requests_in(store, model, [batch.claim for batch in log.batches]):
        tables.append(answered(before, requests.filter((at > since) & (at <= learnt))))
        tables.append(answered(model, requests.filter(at > learnt)))
    table = pa.concat_tables(tables) if tables else None
    if table is None or table.num_rows == 0:
        return None
    through: datetime = pc.max(table.column("at")).as_py()
    raw = to_parquet(table)
    name = f"shadow/{hashlib.sha256(raw).hexdigest()}.parquet"
    return LoggedShadow(
        answers=store.put(f"s3://reports/{completed.model}/v{completed.version}/{name}", raw),
        since=log.since,
        through=through,
        rows=table.num_rows,
        champion_version=log.champion,
    )


def requests_in(store: Store, model: StoredModel, files: Sequence[Claim]) -> Iterator[pa.Table]:
    """Yield what files of the log say was asked, as far as a model takes it, some files at a time."""
    columns = ["prediction_id", "at", "entity", *(INPUT + name for name in model.encoding.names)]
    for start in range(0, len(files), _FILES_AT_ONCE):
        yield read_log(store, files[start : start + _FILES_AT_ONCE], columns)


def answered(model: StoredModel, requests: pa.Table) -> pa.Table:
    """Return logged requests [N] with what a model answers them, in the form of the log."""
    labels: list[str | None] = [None] * requests.num_rows
    numbers: list[float | None] = [None] * requests.num_rows
    for rows, scores in _scored(model, requests):
        for row, score in zip(rows, scores, strict=True):
            if not np.isfinite(score).all():
                continue
            if model.classes is None:
                numbers[row] = float(score)
            else:
                labels[row] = text_of(model.classes[int(np.argmax(score))])
    return pa.table(
        {
            "prediction_id": requests.column("prediction_id"),
            "at": requests.column("at"),
            "version": pa.array([model.version] * requests.num_rows, pa.int32()),
            "shadow": pa.array([True] * requests.num_rows, pa.bool_()),
            "entity": requests.column("entity"),
            "predicted": pa.array(labels, pa.string()),
            "predicted_number": pa.array(numbers, pa.float64()),
        }
    )


def _scored(model: StoredModel, requests: pa.Table) -> Iterator[tuple[range, NDArray[Any]]]:
    """Yield (rows, scores) of what can be answered: all at once, or else one by one."""
    whole = range(requests.num_rows)
    try:
        yield whole, _score(model, requests)
        return
    except (EncodingError, StepError):
        pass
    for row in whole:
        try:
            yield range(row, row + 1), _score(model, requests.slice(row, 1))
        except (EncodingError, StepError):
            continue


def _score(model: StoredModel, requests: pa.Table) -> NDArray[Any]:
    names = [name for name in model.encoding.names if INPUT + name in requests.column_names]
    columns = {name: requests.column(INPUT + name).to_pylist() for name in names}
    scores = model.scorer.score(model.encoding.encode(columns))
    return scores if model.classes is not None else model.encoding.answers(scores)
