"""Tests of a model server that asks for tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support import tiny_models

from eventing.codec import to_binary, to_structured
from eventing.environment import SettingsError
from eventing.event import originate
from eventing.tokens import Tokens
from functions.serve_model.settings import from_env

SHOP, OTHER, OPS = "shop-0123456789abcdef", "other-0123456789abcdef", "ops-0123456789abcdef"
TOKENS = Tokens.parse(f"shop {SHOP} predict:churn\nother {OTHER} predict:wine,events\nops {OPS} admin")
ROW = {"instances": [[1, 2, 3]]}
V2 = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}
ASKS = (("/v1/models/churn:predict", ROW), ("/v2/models/churn/infer", V2))
BATCH = {
    "model": "churn",
    "version": 2,
    "ids": ["0190a0b0-0000-7000-8000-000000000000"],
    "times_ms": [1_790_000_000_000],
    "inputs": {"a": [1], "b": [2], "c": [3]},
    "labels": [0],
    "latencies_ms": [1],
}


@pytest.fixture
def guarded(serve: Callable[..., Any]) -> Any:
    return serve(tiny_models.classifier(tiny_models.numbers("a", "b", "c")), tokens=TOKENS)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.case("S2", "who asks a model server on a cluster")
@pytest.mark.parametrize(("path", "body"), ASKS)
def test_a_prediction_needs_a_token_of_the_model(guarded: Any, path: str, body: Any) -> None:
    assert guarded.post(path, body, bearer(SHOP)).status == 200
    assert guarded.post(path, body, bearer(OPS)).status == 200

    unknown = guarded.post(path, body)
    assert unknown.status == 401
    assert unknown.headers["www-authenticate"] == "Bearer"
    assert guarded.post(path, body, bearer("no-such-token-at-all")).status == 401

    forbidden = guarded.post(path, body, bearer(OTHER))
    assert forbidden.status == 403
    assert forbidden.json == {"error": "the token of other is not for predict:churn"}


def test_an_event_that_asks_needs_a_token_too(guarded: Any) -> None:
    headers, body = to_binary(originate("com.example.asked", "/shop", "order", ROW))
    assert guarded.post("/", body, headers).status == 401
    assert guarded.post("/", body, {**headers, **bearer(SHOP)}).status == 200


def test_a_champions_batch_needs_none_within_the_cluster_alone(guarded: Any) -> None:
    event = originate("dev.kascade.inference.logged", "/kascade/serve_model", "churn/v2", BATCH)
    headers, body = to_binary(event)
    inside = {"host": "challenger-churn.kascade.svc.cluster.local"}
    assert guarded.post("/", body, {**headers, **inside}).status == 200
    assert guarded.post("/", body, {**headers, "host": "churn.kascade.example.com"}).status == 401
    assert guarded.post("/", body, headers).status == 401


def test_no_other_event_gets_in_under_the_name_of_a_batch(guarded: Any) -> None:
    headers, body = to_structured(originate("com.example.asked", "/shop", "order", ROW))
    batch = {"ce-type": "dev.kascade.inference.logged", "host": "challenger-churn.kascade.svc.cluster.local"}
    assert guarded.post("/", body, {**headers, **batch}).status == 401


def test_health_and_metadata_are_for_everybody(guarded: Any) -> None:
    for path in ("/readyz", "/healthz", "/v2/models/churn"):
        assert guarded.get(path).status == 200


def test_tokens_that_cannot_be_read_stop_the_start_without_being_told() -> None:
    with pytest.raises(SettingsError, match="KASCADE_TOKENS: line 1: shop has no known scope") as raised:
        from_env({"KASCADE_TOKENS": f"shop {SHOP} everything"})
    assert SHOP not in str(raised.value)
