"""A challenger answers copies of the champion's requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import tiny_models
from support.feature_server import FeatureServerTwin, feature_server, iso

from eventing.catalogue import InferenceLogged
from eventing.codec import decode, to_binary
from eventing.event import Event, originate
from pipelines.features.plan import Key, LookedUp, LookupPlan


def batch(**changes: Any) -> Event:
    payload = {
        "model": "churn",
        "version": 1,
        "ids": ["01a2080b-94f2-795f-ac1c-3bd3e58d0000", "01a2080b-94f2-795f-ac1c-3bd3e58d0001"],
        "times_ms": [1_790_000_000_000, 1_790_000_000_000],
        "inputs": {"age": [3.0, None], "amount": [1.0, -7.5], "dropped": ["x", "y"]},
        "labels": [0, 0],
        "entities": ["a", None],
        "latencies_ms": [1.0, 1.0],
        **changes,
    }
    return originate(InferenceLogged.type, "/kascade/serve_model", "churn/v1", payload, id_="batch-1")


@pytest.fixture
def challenger(serve: Callable[..., Any]) -> Any:
    return serve(tiny_models.classifier(tiny_models.numbers("age", "amount"), version=2))


def send(client: Any, event: Event) -> Any:
    headers, body = to_binary(event)
    return client.send("POST", "/", [body], headers)


def test_its_answers_have_the_ids_of_the_requests_and_are_marked(challenger: Any) -> None:
    reply = send(challenger, batch())

    assert reply.status == 200
    event = decode(reply.headers, reply.body)
    said = InferenceLogged.model_validate(event.data)
    assert (event.type, event.subject) == (InferenceLogged.type, "churn/v2")
    assert (said.version, said.shadow) == (2, True)
    assert said.ids == batch().data["ids"]
    assert said.entities == ["a", None]
    assert said.inputs == batch().data["inputs"]
    assert said.labels == [1, 0]  # 3 + 1 > 0; a missing age counts as 1: 1 - 7.5 < 0


def test_a_redelivery_is_answered_with_the_same_event(challenger: Any) -> None:
    first, second = (decode(reply.headers, reply.body) for reply in (send(challenger, batch()),) * 2)
    again = send(challenger, batch())
    assert first.id == second.id == decode(again.headers, again.body).id


def test_copies_are_not_logged_as_if_a_client_had_asked(challenger: Any) -> None:
    send(challenger, batch())
    assert challenger.recorded == []


@pytest.mark.parametrize("changes", [{"version": 2}, {"shadow": True}, {"ids": [], "times_ms": []}])
def test_its_own_batches_and_those_of_a_shadow_are_passed_over(
    challenger: Any, changes: dict[str, Any]
) -> None:
    reply = send(challenger, batch(**changes))
    assert (reply.status, reply.body) == (204, b"")


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"model": "other"}, 422, "predictions of other are not answered here"),
        ({"inputs": {"age": ["old", "new"], "amount": [1, 2]}}, 422, "v2 cannot answer what v1 was asked"),
        ({"ids": None}, 400, "not a batch of predictions"),
    ],
)
def test_what_cannot_be_answered_is_refused_for_good(
    challenger: Any, changes: dict[str, Any], status: int, said: str
) -> None:
    reply = send(challenger, batch(**changes))
    assert reply.status == status
    assert said in json.loads(reply.body)["error"]


def test_an_entity_beside_the_features_is_noted_and_not_given_to_the_model(
    serve: Callable[..., Any],
) -> None:
    client = serve(tiny_models.classifier(tiny_models.numbers("age"), entity="customer"))
    body = json.dumps({"instances": [{"age": 1, "customer": 17}, {"age": 2, "customer": None}]}).encode()
    reply = client.post("/v1/models/churn:predict", body)
    assert reply.status == 200
    (prediction,) = client.recorded
    assert prediction.entities == ["17", None]
    assert list(prediction.inputs) == ["age"]


def test_an_entity_that_is_no_scalar_is_refused(serve: Callable[..., Any]) -> None:
    client = serve(tiny_models.classifier(tiny_models.numbers("age"), entity="customer"))
    body = json.dumps({"instances": [{"age": 1, "customer": {}}]}).encode()
    reply = client.post("/v1/models/churn:predict", body)
    assert reply.status == 400
    assert "row 0: 'customer' must be a text or a number" in json.loads(reply.body)["error"]


REFERENCES = {"amount": "v_1:amount"}


@pytest.fixture
def looking_up(serve: Callable[..., Any]) -> Iterator[tuple[Any, FeatureServerTwin]]:
    """A challenger that looks `age` and `amount` up, and what it asks."""
    plan = LookupPlan(
        (Key("who", "category"),),
        (LookedUp("age", "v_1:age"), LookedUp("amount", "v_1:amount")),
        deadline_s=5.0,
    )
    with feature_server() as twin:
        twin.views["v_1"] = (("who",), {("a",): (iso(60), {"age": 3.0, "amount": 5.0})})
        encoding = tiny_models.numbers("age", "amount")
        data = tiny_models.classifier(encoding, version=2, entity="who", plan=plan)
        yield serve(data, feature_server=twin.url), twin


@pytest.mark.parametrize(
    ("inputs", "looked_up", "asked"),
    [
        ({"age": [1.0, 1.0], "amount": [1.0, 1.0]}, REFERENCES, []),
        ({"amount": [1.0, 1.0]}, REFERENCES, ["v_1:age"]),
        ({"age": [1.0, 1.0], "amount": [1.0, 1.0]}, {"amount": "v_0:amount"}, ["v_1:amount"]),
        ({"age": [1.0, 1.0], "amount": [1.0, 1.0]}, {}, []),  # a client sent them
    ],
)
def test_a_challenger_looks_up_only_what_the_champion_did_not(
    looking_up: Any, inputs: Any, looked_up: Any, asked: list[str]
) -> None:
    client, twin = looking_up

    reply = send(client, batch(inputs=inputs, looked_up=looked_up, entities=["a", "b"]))

    assert reply.status == 200, reply.body
    assert [name for question in twin.asked for name in question["features"]] == asked
    said = InferenceLogged.model_validate(decode(reply.headers, reply.body).data)
    found = {"v_1:age": [3.0, None], "v_1:amount": [5.0, None]}
    for name, values in inputs.items():
        expected = found[f"v_1:{name}"] if f"v_1:{name}" in asked else values
        assert said.inputs[name] == expected


def test_a_challenger_is_told_the_entities_by_the_column_that_named_them(looking_up: Any) -> None:
    client, twin = looking_up

    send(client, batch(inputs={"who": ["a", "a"]}, entities=None))

    assert twin.asked[0]["entities"] == {"who": ["a"]}


def test_what_cannot_be_computed_is_null_in_the_answer(serve: Callable[..., Any]) -> None:
    plan = LookupPlan((), (), {"ratio": "age / amount"})
    encoding = tiny_models.numbers("age", "amount", "ratio")
    client = serve(tiny_models.classifier(encoding, version=2, plan=plan))

    reply = send(client, batch(inputs={"age": [1.0, 1.0], "amount": [0.0, 2.0]}))

    assert reply.status == 200, reply.body
    said = InferenceLogged.model_validate(decode(reply.headers, reply.body).data)
    assert said.inputs["ratio"] == [None, 0.5]


def test_copies_that_name_no_entity_are_refused(looking_up: Any) -> None:
    client, _ = looking_up

    reply = send(client, batch(inputs={"age": [1.0, 1.0]}, entities=None))

    assert reply.status == 422
    assert "v2 cannot answer what v1 was asked: got no amount" in reply.json["error"]
