"""A model that KServe serves is watched unchanged, by the events of KServe's logger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from support.world import NOON, World

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import HandlingFailed, build_event, handle
from functions.state.inferences import InferenceHalf
from pipelines.prediction_ids import time_of


def half(type_: str, data: Any, *, id_: str = "r1", later_ms: int = 0, model: str = "iris") -> Event:
    event = build_event(
        type_, data, source="http://localhost:9081/", id_=id_, time=NOON + timedelta(milliseconds=later_ms)
    )
    extensions = {"inferenceservicename": model, "namespace": "default", "component": "predictor"}
    return replace(event, extensions=extensions)


def pair(asked: Any, answered: Any, **more: Any) -> tuple[Event, Event]:
    return (
        half(c.KSERVE_REQUEST, asked, **more),
        half(c.KSERVE_RESPONSE, answered, later_ms=12, **more),
    )


V1 = ({"instances": [[1.0, 2.0], [3.0, 4.0]]}, {"predictions": [0, 2]})


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_two_halves_make_one_batch_in_either_order(app: Flask, order: tuple[int, int]) -> None:
    events = pair(*V1)
    assert handle(app, events[order[0]]) is None
    reply = handle(app, events[order[1]])
    assert reply is not None
    batch = c.InferenceLogged.model_validate(reply.data)
    assert (reply.type, reply.subject) == (c.InferenceLogged.type, "iris/v1")
    assert batch.inputs == {"feature_0": [1.0, 3.0], "feature_1": [2.0, 4.0]}
    assert batch.labels == [0, 2]
    assert batch.latencies_ms == [12.0, 12.0]
    assert time_of(batch.ids[0]) == NOON
    assert len(set(batch.ids)) == 2


def test_a_redelivered_half_is_answered_as_before(app: Flask) -> None:
    asked, answered = pair(*V1)
    handle(app, asked)
    handle(app, asked)
    first, second = handle(app, answered), handle(app, answered)
    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert handle(app, asked) is None


@pytest.mark.parametrize(
    ("asked", "answered", "inputs", "outputs"),
    [
        (
            {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [[1, 2], [3, 4]]}]},
            {"model_version": "v3", "outputs": [{"name": "output-0", "shape": [2], "data": [1, 0]}]},
            {"x_0": [1, 3], "x_1": [2, 4]},
            {"labels": [1, 0], "version": 3},
        ),
        (
            {
                "inputs": [
                    {"name": "age", "shape": [1], "datatype": "FP32", "data": [7]},
                    {"name": "city", "shape": [1, 1], "datatype": "BYTES", "data": ["Ulm"]},
                ]
            },
            {
                "outputs": [
                    {"name": "label", "shape": [1], "data": ["yes"]},
                    {"name": "probabilities", "shape": [1, 2], "data": [0.25, 0.75]},
                ]
            },
            {"age": [7], "city": ["Ulm"]},
            {"labels": ["yes"], "probabilities": [[0.25, 0.75]], "version": 1},
        ),
        (
            {"instances": [{"a": 1}, {"a": 2, "b": "x"}]},
            {"predictions": [1.5, 2]},
            {"a": [1, 2], "b": [None, "x"]},
            {"predictions": [1.5, 2.0]},
        ),
        (
            {"instances": [[1]]},
            {"predictions": [[0.2, 0.8]]},
            {"feature_0": [1]},
            {"probabilities": [[0.2, 0.8]]},
        ),
    ],
)
def test_both_protocols_are_read(
    app: Flask, asked: Any, answered: Any, inputs: Any, outputs: dict[str, Any]
) -> None:
    first, second = pair(asked, answered)
    handle(app, first)
    reply = handle(app, second)
    assert reply is not None
    batch = c.InferenceLogged.model_validate(reply.data)
    assert batch.inputs == inputs
    for name, value in outputs.items():
        assert getattr(batch, name) == value


@pytest.mark.parametrize(
    ("asked", "answered", "said"),
    [
        ({"x": 1}, V1[1], "neither 'instances' .v1. nor 'inputs' .v2."),
        (V1[0], {"x": 1}, "neither 'predictions' .v1. nor 'outputs' .v2."),
        (V1[0], {"predictions": [1]}, "'predictions' has 1 values for 2 rows"),
        ({"instances": [[1], [1, 2]]}, V1[1], "the instances differ in length"),
        ("text", V1[1], "must be a JSON object"),
        (
            {"inputs": [{"name": "x", "shape": [3], "data": [1]}]},
            V1[1],
            "tensor 'x': 'data' does not have the values",
        ),
    ],
)
def test_a_pair_that_is_of_neither_protocol_is_refused_for_good(
    app: Flask, asked: Any, answered: Any, said: str
) -> None:
    first, second = pair(asked, answered)
    handle(app, first)
    with pytest.raises(HandlingFailed, match=said) as failed:
        handle(app, second)
    assert failed.value.status == 422


def test_a_request_whose_response_never_comes_is_forgotten_after_a_day(world: World, app: Flask) -> None:
    handle(app, pair(*V1)[0])
    world.now = NOON + timedelta(days=1, seconds=1)
    handle(app, pair(*V1, id_="r2")[0])
    with world.session() as session:
        assert session.scalar(select(func.count()).select_from(InferenceHalf)) == 1


def test_our_own_servers_replies_are_passed_over(app: Flask) -> None:
    reply = build_event(c.KSERVE_RESPONSE, V1[1], source="/kascade/serve_model", id_="x")
    assert handle(app, reply) is None


def test_an_event_that_names_no_service_is_refused(app: Flask) -> None:
    with pytest.raises(HandlingFailed, match="needs the extension inferenceservicename"):
        handle(app, build_event(c.KSERVE_REQUEST, V1[0], id_="x"))
