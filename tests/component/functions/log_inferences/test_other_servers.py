"""Models that KServe or Seldon serves: their loggers' events, read as our model says of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from support.world import MODEL, NOON, World

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import HandlingFailed, build_event, handle
from functions.inferences.log import read_log
from functions.state.inferences import InferenceBatch, InferenceHalf
from functions.state.rollouts import lock_rollout
from pipelines.prediction_ids import time_of, uuid7

FEATURES = (("amount", "number"), ("calls", "integer"))
V2 = {"inputs": [{"name": "input-0", "shape": [1, 2], "datatype": "FP64", "data": [12.5, 3]}]}
SCORES = {"outputs": [{"name": "predict_proba", "shape": [1, 2], "datatype": "FP64", "data": [0.25, 0.75]}]}
OWN = {"data": {"names": ["amount", "calls"], "ndarray": [[12.5, 3]]}}
OWN_SCORES = {"data": {"names": ["t:0", "t:1"], "tensor": {"shape": [1, 2], "values": [0.25, 0.75]}}}


def half(type_: str, data: Any, *, id_: str, **told: str) -> Event:
    later = timedelta(milliseconds=12 if type_.endswith("response") else 0)
    event = build_event(type_, data, source="http://localhost:9081/", id_=id_, time=NOON + later)
    return replace(event, extensions={"inferenceservicename": MODEL, "namespace": "default", **told})


def kserve(asked: Any, answered: Any, *, id_: str = "r1", **told: str) -> tuple[Event, Event]:
    return (
        half(c.KSERVE_REQUEST, asked, id_=id_, **told),
        half(c.KSERVE_RESPONSE, answered, id_=id_, **told),
    )


def seldon(asked: Any, answered: Any, *, puid: str = "p1", **told: str) -> tuple[Event, Event]:
    """Core v1: each event has an id of its own."""
    told = {"requestid": puid, "modelid": "classifier", "endpoint": "default", "protocol": "v2", **told}
    return (
        half(c.SELDON_REQUEST, asked, id_=f"{puid}-a", **told),
        half(c.SELDON_RESPONSE, answered, id_=f"{puid}-b", **told),
    )


def joined(app: Flask, *events: Event) -> c.InferenceLogged:
    """Send both halves; return the batch that answers the second."""
    assert handle(app, events[0]) is None
    reply = handle(app, events[1])
    assert reply is not None
    return c.InferenceLogged.model_validate(reply.data)


@pytest.mark.parametrize("pair", [kserve(V2, SCORES), seldon(V2, SCORES), seldon(OWN, OWN_SCORES)])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_names_no_version_is_the_champions_and_is_read_by_its_card(
    world: World, app: Flask, pair: tuple[Event, Event], order: tuple[int, int]
) -> None:
    world.version(6, features=FEATURES)
    world.version(7, features=FEATURES, promoted=True)

    batch = joined(app, *(pair[index] for index in order))

    assert (batch.model, batch.version, batch.shadow) == (MODEL, 7, False)
    assert batch.inputs == {"amount": [12.5], "calls": [3]}
    assert (batch.labels, batch.probabilities) == (["yes"], [[0.25, 0.75]])
    assert batch.latencies_ms == [12.0]


@pytest.mark.parametrize("pair", [kserve, seldon])
def test_an_endpoint_named_as_a_version_says_which_one_answered(world: World, app: Flask, pair: Any) -> None:
    world.version(6, features=FEATURES, promoted=True)
    world.version(7, features=FEATURES)

    assert joined(app, *pair(V2, SCORES, endpoint="v7")).version == 7


def test_numbers_are_classes_of_a_classifier_and_numbers_of_a_regressor(world: World, app: Flask) -> None:
    world.version(1, classes=(0, 1))
    world.version(2, classes=None)
    asked, answered = {"instances": [[1.0], [2.0]]}, {"predictions": [1.0, 0.0]}

    assert joined(app, *kserve(asked, answered, endpoint="v1")).labels == [1, 0]
    batch = joined(app, *kserve(asked, {"predictions": [3, 4]}, id_="r2", endpoint="v2"))
    assert (batch.predictions, batch.labels) == ([3.0, 4.0], None)


def test_whom_a_row_is_about_is_kept_for_labels_and_is_no_input(world: World, app: Flask) -> None:
    world.spec(entity="customer")
    world.version(1, promoted=True)
    asked = {"instances": [{"amount": 1.5, "customer": 7.0}, {"amount": 2.5, "customer": "k"}]}

    batch = joined(app, *kserve(asked, {"predictions": ["no", "yes"]}))

    assert (batch.entities, batch.inputs) == (["7", "k"], {"amount": [1.5, 2.5]})


def test_columns_that_do_not_fit_the_model_are_logged_as_they_came(world: World, app: Flask) -> None:
    world.version(1, features=FEATURES, promoted=True)

    batch = joined(app, *kserve({"instances": [[1, 2, 3]]}, {"predictions": ["no"]}))

    assert list(batch.inputs) == ["feature_0", "feature_1", "feature_2"]


def test_halves_of_two_services_with_one_id_are_not_mixed(app: Flask) -> None:
    (asked, answered), (other, _) = kserve(V2, SCORES), kserve(V2, SCORES, inferenceservicename="other")

    assert handle(app, asked) is None
    assert handle(app, other) is None
    reply = handle(app, answered)
    assert reply is not None
    assert reply.subject == f"{MODEL}/v1"


def test_an_id_of_the_request_that_tells_its_time_is_the_predictions_for_a_shadow_as_well(
    world: World, app: Flask
) -> None:
    for version in (6, 7):
        world.version(version, features=FEATURES, promoted=version == 6)
    with world.session() as session:
        row = lock_rollout(session, MODEL)
        row.version, row.phase, row.champion_version = 7, "shadow", 6
    asked_at = NOON - timedelta(milliseconds=40)
    puid = uuid7(asked_at, "given by the client")
    two = {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}]}
    answer = {"outputs": [{"name": "label", "shape": [2], "data": ["no", "yes"]}]}

    served = joined(app, *seldon(two, answer, puid=puid, endpoint="v6"))
    copied = joined(app, *seldon(two, answer, puid=puid, endpoint="v7"))

    assert served.ids == copied.ids
    assert served.ids[0] == puid
    assert [time_of(each) for each in served.ids] == [asked_at] * 2
    assert [each.shadow for each in (served, copied)] == [False, True]


def test_an_id_of_long_ago_is_not_believed(app: Flask) -> None:
    batch = joined(app, *seldon(V2, SCORES, puid=uuid7(NOON - timedelta(days=400), "old")))

    assert time_of(batch.ids[0]) == NOON


def test_a_health_check_that_is_logged_is_passed_over(world: World, app: Flask) -> None:
    assert handle(app, half(c.KSERVE_REQUEST, None, id_="h1")) is None
    with world.session() as session:
        assert session.scalar(select(func.count()).select_from(InferenceHalf)) == 0


def test_a_seldon_event_that_names_no_request_is_refused(app: Flask) -> None:
    with pytest.raises(HandlingFailed, match="needs the extension requestid"):
        handle(app, half(c.SELDON_REQUEST, V2, id_="x"))


def test_garbage_is_refused_and_the_rest_is_logged(world: World, app: Flask) -> None:
    world.version(1, features=FEATURES, promoted=True)
    asked, answered = kserve(V2, {"error": "no"}, id_="bad")
    handle(app, asked)
    with pytest.raises(HandlingFailed, match="cannot be logged: the response has neither"):
        handle(app, answered)

    batch = joined(app, *kserve(V2, SCORES, id_="good"))
    stored = build_event(c.InferenceLogged.type, json.loads(batch.model_dump_json()), id_="b", time=NOON)
    handle(app, stored)

    with world.session() as session:
        (row,) = session.scalars(select(InferenceBatch)).all()
        claim = row.claim
    table = read_log(world.store, [claim])
    assert table.column("in.amount").to_pylist() == [12.5]


def test_what_a_version_in_its_shadow_phase_is_asked_is_a_copy_though_its_server_cannot_tell(
    world: World, app: Flask
) -> None:
    world.spec(drift={"window": 50})
    with world.session() as session:
        row = lock_rollout(session, MODEL)
        row.version, row.phase, row.champion_version = 7, "shadow", 6
    rows = 60
    batch = {"ids": [uuid7(NOON, str(each)) for each in range(rows)], "inputs": {"amount": [1.0] * rows}}
    told = {"times_ms": [0] * rows, "latencies_ms": [1.0] * rows, "labels": ["no"] * rows}

    for version in (6, 7):
        event = {"model": MODEL, "version": version, **batch, **told}
        reply = handle(app, build_event(c.InferenceLogged.type, event, id_=f"batch-{version}", time=NOON))
        assert (reply is not None) is (version == 6), "copies close no window"

    with world.session() as session:
        rows_of = session.scalars(select(InferenceBatch).order_by(InferenceBatch.version)).all()
        assert [each.shadow for each in rows_of] == [False, True]
        claim = rows_of[1].claim
    assert set(read_log(world.store, [claim]).column("shadow").to_pylist()) == {True}
