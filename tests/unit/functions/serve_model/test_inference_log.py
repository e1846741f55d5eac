"""The log of predictions: nothing is lost, doubled or waited for; what does not fit is dropped and told."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import tiny_models

from eventing.catalogue import InferenceLogged
from functions.serve_model.batching import Noted, cut, side_by_side, time_ms
from functions.serve_model.inference_log import InferenceLog
from functions.serve_model.logic import Prediction
from functions.serve_model.model import Model, Outputs, load
from functions.serve_model.posting import Batch, NotTaken
from functions.serve_model.settings import LogSettings
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.columns import Number
from pipelines.encoding.unused import Unused
from pipelines.prediction_ids import prediction_ids

NOW_MS = 1_790_000_000_000
BODY_BYTES = 100


def churn() -> Model:
    return load(tiny_models.classifier(tiny_models.numbers("age", "amount")), "churn", 1, "0" * 64)


def predicted(rows: int, *, seed: int = 0, matrix: bool = False, entities: bool = False) -> Prediction:
    ids = prediction_ids(rows, NOW_MS + seed, seed)
    values = np.arange(2 * rows, dtype=np.float64).reshape(rows, 2) + seed
    named = {"amount": values[:, 1].tolist(), "age": values[:, 0].tolist()}
    outputs = Outputs(np.array([1] * rows), np.full((rows, 2), 0.5, dtype=np.float32))
    names: list[str | None] | None = [f"c{seed}-{row}" for row in range(rows)] if entities else None
    return Prediction(ids, values if matrix else named, outputs, names)


class Sender:
    """Takes batches; refuses the first few as told."""

    def __init__(self, *refusals: NotTaken) -> None:
        self.refusals = list(refusals)
        self.seen: list[str] = []
        self.batches: list[Batch] = []

    def send(self, batch: Batch, timeout_s: float) -> None:
        self.seen.append(batch.id)
        if self.refusals:
            raise self.refusals.pop(0)
        self.batches.append(batch)

    @property
    def payloads(self) -> list[Any]:
        return [json.loads(batch.body) for batch in self.batches]


def log_of(sender: Sender, **settings: Any) -> InferenceLog:
    return InferenceLog(churn(), sender, LogSettings(sink="http://sink", interval_s=0.01, **settings))


def outcome(log: InferenceLog) -> dict[str, int]:
    counts = log.counts()
    return {name: counts[f"{name}_rows"] for name in ("sent", "dropped", "refused")}


def test_a_batch_is_what_the_catalogue_says() -> None:
    sender = Sender()
    log = log_of(sender)
    log.note(predicted(2, seed=1), 0.0015, BODY_BYTES)
    log.note(predicted(1, seed=2, matrix=True, entities=True), 0.002, BODY_BYTES)
    log.note_failure()
    log.drain()

    (payload,) = sender.payloads
    batch = InferenceLogged.model_validate(payload)
    assert (batch.model, batch.version, batch.shadow, batch.failures) == ("churn", 1, False, 1)
    assert batch.inputs == {"age": [1.0, 3.0, 2.0], "amount": [2.0, 4.0, 3.0]}
    assert batch.entities == [None, None, "c2-0"]
    assert batch.latencies_ms == [1.5, 1.5, 2.0]
    assert batch.times_ms == [NOW_MS + 1, NOW_MS + 1, NOW_MS + 2]
    assert (batch.labels, batch.predictions) == ([1, 1, 1], None)
    assert batch.probabilities == [[0.5, 0.5]] * 3
    assert outcome(log) == {"sent": 3, "dropped": 0, "refused": 0}


def test_what_was_looked_up_is_logged_with_the_entities_and_by_what_it_was() -> None:
    plain = predicted(1, seed=1)
    by_entity = replace(
        predicted(2, seed=2), keys={"customer_id": [7, 8]}, looked_up={"amount": "activity_1:amount"}
    )

    columns = side_by_side(churn(), [(plain, 0.001, 1), (by_entity, 0.001, 1)])
    ((body, _),) = cut(columns, 0, max_rows=10, max_bytes=1 << 20)

    batch = InferenceLogged.model_validate_json(body)
    assert batch.inputs["customer_id"] == [None, 7, 8]
    assert len(batch.inputs["amount"]) == 3
    assert batch.looked_up == {"amount": "activity_1:amount"}


def test_what_is_no_number_is_null() -> None:
    values = {"age": [float("nan"), float("inf")], "amount": np.array([1.0, -np.inf])}
    prediction = Prediction(prediction_ids(2, NOW_MS, 0), values, Outputs(np.array([0, 1])))

    ((body, _),) = cut(side_by_side(churn(), [(prediction, 0.001, 1)]), 0, max_rows=10, max_bytes=1 << 20)

    assert json.loads(body)["inputs"] == {"age": [None, None], "amount": [1.0, None]}


@given(
    st.lists(st.integers(1, 40), max_size=12),
    st.integers(1, 50),
    st.integers(300, 4000),
    st.integers(0, 3),
)
def test_however_it_is_cut_every_row_is_there_once_in_order(
    requests: list[int], max_rows: int, max_bytes: int, failures: int
) -> None:
    noted: list[Noted] = [(predicted(rows, seed=seed), 0.001, 1) for seed, rows in enumerate(requests)]
    columns = side_by_side(MODEL, noted)

    parts = list(cut(columns, failures, max_rows=max_rows, max_bytes=max_bytes))

    documents = [json.loads(body) for body, _ in parts]
    assert [identity for each in documents for identity in each["ids"]] == columns.ids
    assert [row for each in documents for row in each["inputs"]["age"]] == list(columns.inputs["age"])
    assert sum(each["failures"] for each in documents) == failures
    for (body, rows), document in zip(parts, documents, strict=True):
        assert rows == len(document["ids"]) <= max_rows
        assert len(body) <= max_bytes or rows <= 1
        InferenceLogged.model_validate(document)


MODEL = churn()


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted_at_once() -> None:
    sender = Sender()
    log = log_of(sender, queue_rows=10)
    for seed in range(5):
        log.note(predicted(4, seed=seed), 0.001, BODY_BYTES)
    assert outcome(log)["dropped"] == 12
    log.drain()
    log.note(predicted(4, seed=9), 0.001, BODY_BYTES)
    log.drain()
    assert outcome(log) == {"sent": 12, "dropped": 12, "refused": 0}


def test_large_requests_fill_the_queue_earlier() -> None:
    log = log_of(Sender(), queue_bytes=50_000)
    log.note(predicted(1), 0.001, 60_000)
    assert outcome(log)["dropped"] == 1
    log.note(predicted(1), 0.001, 40_000)
    log.note(predicted(1), 0.001, 40_000)
    assert outcome(log)["dropped"] == 2
    log.drain()
    log.note(predicted(1), 0.001, 40_000)
    assert (outcome(log)["dropped"], log.counts()["waiting_rows"]) == (2, 1)


def test_a_batch_that_is_not_taken_is_sent_again_under_the_same_id() -> None:
    sender = Sender(NotTaken("503"), NotTaken("refused"))
    log = log_of(sender)
    log.note(predicted(1), 0.001, BODY_BYTES)
    log.drain()
    assert len(sender.seen) == 3
    assert len(set(sender.seen)) == 1
    assert outcome(log)["sent"] == 1


def test_a_batch_that_is_refused_for_good_is_counted_and_the_next_one_goes_on() -> None:
    sender = Sender(NotTaken("400: no", final=True))
    log = log_of(sender, batch_rows=1)
    log.note(predicted(2), 0.001, BODY_BYTES)
    log.drain()
    assert outcome(log) == {"sent": 1, "dropped": 0, "refused": 1}


def test_what_is_noted_while_a_batch_is_sent_waits_for_the_next_one() -> None:
    class Slow(Sender):
        def send(self, batch: Batch, timeout_s: float) -> None:
            super().send(batch, timeout_s)
            for seed in range(5):
                log.note(predicted(1, seed=seed), 0.001, BODY_BYTES)

    sender = Slow()
    log = log_of(sender)
    log.note(predicted(1), 0.001, BODY_BYTES)
    log.drain()
    assert [batch.rows for batch in sender.batches] == [1]
    log.drain()
    assert [batch.rows for batch in sender.batches] == [1, 5]


def test_closing_sends_what_is_queued() -> None:
    sender = Sender()
    log = InferenceLog(churn(), sender, LogSettings(sink="http://sink", interval_s=3600))
    log.start()
    log.note(predicted(3), 0.001, BODY_BYTES)
    log.close(5)
    assert outcome(log) == {"sent": 3, "dropped": 0, "refused": 0}


def test_closing_gives_up_at_its_deadline_and_counts_what_is_lost() -> None:
    sender = Sender(*[NotTaken("down")] * 1000)
    log = log_of(sender)
    log.start()
    log.note(predicted(3), 0.001, BODY_BYTES)
    log.close(0.5)
    assert outcome(log) == {"sent": 0, "dropped": 3, "refused": 0}


def test_noting_does_not_wait_for_a_sink_that_hangs() -> None:
    hanging = threading.Event()

    class Hanging(Sender):
        def send(self, batch: Batch, timeout_s: float) -> None:
            hanging.wait(30)
            super().send(batch, timeout_s)

    sender = Hanging()
    log = log_of(sender, queue_rows=100)
    log.start()
    for seed in range(200):
        log.note(predicted(1, seed=seed), 0.001, BODY_BYTES)
    assert outcome(log)["sent"] == 0
    assert outcome(log)["dropped"] >= 100
    hanging.set()
    log.close(5)
    assert outcome(log)["sent"] + outcome(log)["dropped"] == 200


def test_an_id_tells_its_time() -> None:
    assert {time_ms(each) for each in prediction_ids(3, NOW_MS, 77)} == {NOW_MS}


def test_a_feature_that_is_not_used_is_logged_where_a_request_carries_it() -> None:
    features = (Feature("shop", "category", Unused()), Feature("amount", "number", Number()))
    model = load(tiny_models.classifier(Encoding(features)), "churn", 1, "0" * 64)
    sent: dict[str, list[Any]] = {"amount": [1.0, 2.0], "shop": ["a", None]}
    with_it = replace(predicted(2), inputs=sent)
    without = replace(predicted(1, seed=1), inputs={"amount": [3.0]})

    def logged(*predictions: Prediction) -> dict[str, Any]:
        return dict(side_by_side(model, [(each, 0.1, BODY_BYTES) for each in predictions]).inputs)

    assert logged(with_it, without) == {"shop": ["a", None, None], "amount": [1.0, 2.0, 3.0]}
    assert logged(without) == {"amount": [3.0]}
