"""Batches become files and windows, each once, whatever is delivered twice or at the same time."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from flask import Flask
from sqlalchemy import select
from support.world import MODEL, NOON, World, logged

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.event import Event
from eventing.store import StoreUnavailable
from eventing.testing import HandlingFailed, build_event, handle
from functions.inferences.log import read_log
from functions.state.inferences import InferenceBatch


def event_of(number: int, rows: int = 10, **changes: Any) -> Event:
    times = [NOON + timedelta(seconds=number, milliseconds=row) for row in range(rows)]
    batch = logged(times, seed=str(number), **changes)
    return build_event(
        c.InferenceLogged.type, batch, subject=f"{MODEL}/v{batch.version}", id_=f"b{number}", time=NOON
    )


def batches(world: World) -> list[InferenceBatch]:
    with world.session() as session:
        return list(session.scalars(select(InferenceBatch).order_by(InferenceBatch.seq)))


def rows_in(world: World, window: Event) -> list[str]:
    data = c.WindowClosed.model_validate(window.data).data
    files = [Claim(**each) for each in json.loads(world.store.get(data.uri, sha256=data.sha256))]
    return list(read_log(world.store, files).column("prediction_id").to_pylist())


def test_a_batch_lies_under_its_date_and_hour_and_is_in_the_index(world: World, app: Flask) -> None:
    assert handle(app, event_of(1)) is None
    (batch,) = batches(world)
    assert batch.uri.startswith(f"s3://inferences/{MODEL}/date=2026-03-01/hour=12/")
    assert (batch.rows, batch.first) == (10, NOON + timedelta(seconds=1))
    assert read_log(world.store, [batch.claim]).num_rows == 10


def test_a_redelivery_writes_nothing_more(world: World, app: Flask) -> None:
    for _ in range(3):
        handle(app, event_of(1))
    assert len(batches(world)) == 1
    assert len(list(world.store.list("s3://inferences/"))) == 1


def test_enough_rows_close_a_window_that_holds_each_of_them_once(world: World, app: Flask) -> None:
    world.spec(drift={"window": 50})
    windows = [handle(app, event_of(number)) for number in range(12)]
    closed = [each for each in windows if each is not None]
    assert [each.data["window"] for each in closed] == [1, 2]
    assert [each.data["rows"] for each in closed] == [50, 50]
    assert (closed[0].type, closed[0].subject) == (c.WindowClosed.type, f"{MODEL}/v1")
    first, second = (rows_in(world, each) for each in closed)
    assert len(set(first) | set(second)) == 100


def test_a_redelivery_of_the_batch_that_closed_a_window_says_so_again(world: World, app: Flask) -> None:
    world.spec(drift={"window": 50})
    first = handle(app, event_of(1, rows=60))
    again = handle(app, event_of(1, rows=60))
    assert first is not None
    assert again is not None
    assert (first.id, first.data) == (again.id, again.data)


def test_a_window_whose_list_could_not_be_written_is_told_of_with_it_by_the_redelivery(
    world: World, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.spec(drift={"window": 50})
    put = world.store.put

    def away(uri: str, data: bytes) -> Claim:
        if "/windows/" in uri:
            raise StoreUnavailable(uri, "away")
        return put(uri, data)

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "put", away)
        with pytest.raises(HandlingFailed) as caught:
            handle(app, event_of(1, rows=60))
    assert caught.value.status == 503
    assert handle(app, event_of(2, rows=40)) is None

    closed = handle(app, event_of(1, rows=60))
    assert closed is not None
    assert len(rows_in(world, closed)) == closed.data["rows"] == 60


def test_batches_at_once_are_in_one_window_each(world: World, app: Flask) -> None:
    world.spec(drift={"window": 50})
    with ThreadPoolExecutor(4) as pool:
        closed = [each for each in pool.map(lambda n: handle(app, event_of(n)), range(40)) if each]
    assert sorted(each.data["window"] for each in closed) == list(range(1, len(closed) + 1))
    ids = [identity for each in closed for identity in rows_in(world, each)]
    assert len(ids) == len(set(ids)) == sum(each.data["rows"] for each in closed) >= 350


def test_each_version_has_windows_of_its_own_and_shadow_answers_are_in_none(world: World, app: Flask) -> None:
    world.spec(drift={"window": 50})
    assert handle(app, event_of(1, rows=60, version=2, shadow=True)) is None
    first, second = handle(app, event_of(2, rows=60)), handle(app, event_of(3, rows=60, version=2))
    assert first is not None
    assert second is not None
    assert (first.subject, second.subject) == (f"{MODEL}/v1", f"{MODEL}/v2")
    assert (first.data["window"], second.data["window"]) == (1, 1)


def test_a_model_without_a_spec_has_windows_of_500_rows(app: Flask) -> None:
    assert handle(app, event_of(1, rows=499)) is None
    assert handle(app, event_of(2, rows=1)) is not None


def test_failures_without_rows_are_kept_without_a_file(world: World, app: Flask) -> None:
    handle(app, event_of(1, rows=0, failures=7))
    (batch,) = batches(world)
    assert (batch.rows, batch.failures, batch.uri, batch.first) == (0, 7, "", NOON)


def test_lists_of_different_lengths_are_refused_for_good(app: Flask) -> None:
    event = event_of(1)
    event.data["inputs"]["amount"].pop()
    with pytest.raises(HandlingFailed, match="amount has 9 values for 10 predictions") as failed:
        handle(app, event)
    assert failed.value.status == 400


def test_a_prediction_is_found_by_its_id_with_its_shadow_and_its_label(world: World, app: Flask) -> None:
    handle(app, event_of(1, labels=["yes"] * 10))
    handle(
        app,
        event_of(1, labels=["no"] * 10, version=2, shadow=True).__class__(
            **{**event_of(1, labels=["no"] * 10, version=2, shadow=True).__dict__, "id": "b1-shadow"}
        ),
    )
    identity = event_of(1).data["ids"][3]
    world.label((identity, NOON, "yes"))

    answer = app.test_client().get(f"/predictions/{identity}").get_json()

    served, shadow = answer["rows"]
    assert (served["version"], served["predicted"], served["label"]) == (1, "yes", "yes")
    assert (shadow["version"], shadow["predicted"], shadow["shadow"]) == (2, "no", True)
    assert served["inputs"] == {"amount": 3.0}
    assert served["batch"]["event_id"] == "b1"


@pytest.mark.parametrize("identity", ["nonsense", "01a2080b-94f2-795f-ac1c-3bd3e58d0000"])
def test_an_unknown_prediction_is_not_found(app: Flask, identity: str) -> None:
    answer = app.test_client().get(f"/predictions/{identity}")
    assert answer.status_code == 404
    assert identity in answer.get_json()["error"]


def test_outliers_are_marked_where_the_spec_asks_for_it(world: World, app: Flask) -> None:
    pytest.importorskip("alibi_detect", reason="pip install 'kascade[drift]'")
    rng = np.random.default_rng(0)
    world.spec(outliers={"detector": "isolation_forest", "share": 0.02}, target="churned")
    reference = pa.table({"amount": rng.normal(size=500), "country": rng.choice(["DE", "FR"], 500).tolist()})
    world.version(1, reference=reference, promoted=True)
    inputs = {"amount": [0.1, -0.2, 60.0], "country": ["DE", "FR", "??"]}
    for _ in range(2):
        handle(app, event_of(1, rows=3, inputs=inputs))
    table = read_log(world.store, [batches(world)[0].claim])
    assert table.column("outlier").to_pylist() == [False, False, True]
    scores = table.column("outlier_score").to_pylist()
    assert scores[2] == max(scores)
