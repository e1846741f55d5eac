"""Tests of rows by entity: what is looked up, what stands in for what is not there, and what is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from support import tiny_models
from support.feature_server import FeatureServerTwin, feature_server, iso

from pipelines.features.plan import Key, LookedUp, LookupPlan

V1, V2 = "/v1/models/churn:predict", "/v2/models/churn/infer"
NOW_S = 1_790_000_000.0  # the clock of the application under test
PLAN = LookupPlan(
    (Key("customer_id", "integer"),),
    (
        LookedUp("amount_sum_7d", "activity_a1:amount_sum_7d", ttl_s=7 * 86400, default=0),
        LookedUp("balance", "account_b2:balance"),
    ),
    {"ratio": "amount / amount_sum_7d"},
    "default",
    deadline_s=20,
)
ENCODING = tiny_models.numbers("amount", "amount_sum_7d", "balance", "ratio")


@pytest.fixture(scope="module")
def running() -> Iterator[FeatureServerTwin]:
    with feature_server() as twin:
        yield twin


@pytest.fixture
def store(running: FeatureServerTwin) -> FeatureServerTwin:
    """Customer 7 has all, 8 a stale sum and no balance; nobody else is known."""
    running.mode, running.connections = "answers", 0
    running.asked.clear()
    running.views = {
        "activity_a1": (
            ("customer_id",),
            {
                (7,): (iso(60, NOW_S), {"amount_sum_7d": 4.0}),
                (8,): (iso(8 * 86400, NOW_S), {"amount_sum_7d": 40.0}),
            },
        ),
        "account_b2": (("customer_id",), {(7,): (iso(900 * 86400, NOW_S), {"balance": -3.0})}),
    }
    return running


@pytest.fixture
def ask(serve: Callable[..., Any], store: FeatureServerTwin) -> Callable[..., Any]:
    """Build a client of a model with a plan like PLAN but for what is said."""

    def build(settings: dict[str, Any] | None = None, **plan: Any) -> Any:
        data = tiny_models.classifier(ENCODING, entity="customer_id", plan=replace(PLAN, **plan))
        return serve(data, **{"feature_server": store.url, **(settings or {})})

    return build


def v2_body(*columns: tuple[str, str, list[Any]]) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}
            for name, datatype, data in columns
        ]
    }


ENTITY_AND_AMOUNT = v2_body(("customer_id", "INT64", [7]), ("amount", "FP64", [2.0]))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (V1, {"entities": [{"customer_id": 7, "amount": 2.0}]}),
        (V1, {"entities": [{"customer_id": 7}], "instances": [{"amount": 2.0}]}),
        (V1, {"instances": [{"customer_id": 7, "amount": 2.0}]}),
        (V2, ENTITY_AND_AMOUNT),
        (V2, v2_body(("amount", "FP64", [2.0]), ("customer_id", "BYTES", ["7"]))),
    ],
)
def test_features_are_looked_up_and_computed(ask: Any, path: str, body: Any) -> None:
    client = ask()

    reply = client.post(path, body)

    assert reply.status == 200, reply.body
    assert "kascade-missing-features" not in reply.headers
    noted = client.recorded[0]
    assert {name: list(values) for name, values in noted.inputs.items()} == {
        "amount": [2.0],
        "amount_sum_7d": [4.0],
        "balance": [-3.0],
        "ratio": [0.5],
    }
    assert noted.entities == ["7"]
    assert dict(noted.looked_up) == {
        "amount_sum_7d": "activity_a1:amount_sum_7d",
        "balance": "account_b2:balance",
        "ratio": "amount / amount_sum_7d",
    }


def test_the_same_answer_as_with_plain_features(ask: Any) -> None:
    client = ask()
    plain = {"amount": 2.0, "amount_sum_7d": 4.0, "balance": -3.0, "ratio": 0.5}

    by_entity = client.post(V1, {"entities": [{"customer_id": 7, "amount": 2.0}]}).json
    sent = client.post(V1, {"instances": [plain]}).json

    assert by_entity["probabilities"] == sent["probabilities"]


def test_all_views_and_entities_are_asked_for_in_one_question_each_entity_once(
    ask: Any, store: FeatureServerTwin
) -> None:
    rows = [{"customer_id": each, "amount": 1} for each in (7, 8, 7, 7)]

    ask(missing="null").post(V1, {"entities": rows})

    assert store.asked == [
        {
            "features": ["activity_a1:amount_sum_7d", "account_b2:balance"],
            "entities": {"customer_id": [7, 8]},
            "full_feature_names": True,
        }
    ]


def test_plain_features_ask_nobody(ask: Any, store: FeatureServerTwin) -> None:
    client = ask()
    plain = {"amount": 2.0, "amount_sum_7d": 4.0, "balance": -3.0}

    assert client.post(V1, {"instances": [{**plain, "ratio": 0.5}]}).status == 200
    assert client.post(V1, {"instances": [plain]}).status == 200  # an expression is computed all the same

    assert store.asked == []
    assert list(client.recorded[1].inputs["ratio"]) == [0.5]


def test_a_feature_that_is_sent_is_not_looked_up(ask: Any, store: FeatureServerTwin) -> None:
    client = ask()

    client.post(V1, {"entities": [{"customer_id": 7, "amount": 2.0, "balance": 99}]})

    assert store.asked[0]["features"] == ["activity_a1:amount_sum_7d"]
    assert list(client.recorded[0].inputs["balance"]) == [99]


@pytest.mark.parametrize(("missing", "stands_in"), [("default", 0), ("null", None)])
def test_a_stale_value_and_a_missing_one_are_stood_in_for_and_told(
    ask: Any, missing: str, stands_in: Any
) -> None:
    client = ask(missing=missing)

    reply = client.post(V1, {"entities": [{"customer_id": each, "amount": 1} for each in (7, 8, 9, None)]})

    assert reply.status == 200, reply.body
    assert reply.headers["kascade-missing-features"] == "amount_sum_7d,balance"
    both = ["amount_sum_7d", "balance"]
    assert reply.json["missing_features"] == [[], both, both, both]
    assert client.recorded[0].inputs["amount_sum_7d"] == [4.0, stands_in, stands_in, stands_in]
    assert client.recorded[0].inputs["balance"] == [-3.0, None, None, None]
    metrics = client.get("/metrics").body.decode()
    assert 'kascade_feature_values_total{model="churn",state="stale",version="1"} 1.0' in metrics
    assert 'kascade_feature_values_total{model="churn",state="missing",version="1"} 5.0' in metrics
    assert 'kascade_feature_values_total{model="churn",state="found",version="1"} 2.0' in metrics
    assert 'kascade_feature_lookups_total{model="churn",outcome="answered",version="1"} 1.0' in metrics


def test_v2_names_the_missing_features_in_a_parameter(ask: Any) -> None:
    reply = ask().post(V2, v2_body(("customer_id", "INT64", [8]), ("amount", "FP64", [2.0])))

    assert reply.json["parameters"]["missing_features"] == "amount_sum_7d,balance"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (8, "row 0, customer_id 8: feature 'amount_sum_7d' is stale: its newest value is of 2026-"),
        (9, "row 0, customer_id 9: feature 'amount_sum_7d' has no value"),
        (None, "row 0 names no entity: customer_id must not be null"),
    ],
)
def test_under_refuse_a_missing_or_stale_value_is_422_naming_the_entity(
    ask: Any, row: Any, says: str
) -> None:
    reply = ask(missing="refuse").post(V1, {"entities": [{"customer_id": row, "amount": 1}]})

    assert reply.status == 422
    assert reply.json["error"].startswith(says)


FAILURES = [
    ("hangs", "timeout"),
    ("trickles", "timeout"),
    ("fails", "refused"),
    ("garbles", "garbled"),
    ("lacks rows", "garbled"),
    ("is no HTTP", "garbled"),
    ("closes", "unreachable"),
]


def _deadline_s(outcome: str) -> float:
    return 0.2 if outcome == "timeout" else 4


@pytest.mark.parametrize(("mode", "outcome"), FAILURES)
def test_a_server_that_fails_is_answered_by_policy_within_the_deadline(
    ask: Any, store: FeatureServerTwin, caplog: Any, mode: Any, outcome: str
) -> None:
    client = ask(deadline_s=_deadline_s(outcome))
    store.mode = mode

    began = time.monotonic()
    reply = client.post(V1, {"entities": [{"customer_id": 7, "amount": 1}]})

    assert time.monotonic() - began < 5
    assert reply.status == 200
    assert reply.json["missing_features"] == [["amount_sum_7d", "balance"]]
    assert list(client.recorded[0].inputs["amount_sum_7d"]) == [0]
    metrics = client.get("/metrics").body.decode()
    assert f'kascade_feature_lookups_total{{model="churn",outcome="{outcome}",version="1"}} 1.0' in metrics
    assert 'kascade_feature_values_total{model="churn",state="away",version="1"} 2.0' in metrics
    assert "the feature server: " in caplog.text


@pytest.mark.parametrize(("mode", "outcome"), FAILURES)
def test_under_refuse_a_server_that_fails_is_503_with_retry_after(
    ask: Any, store: FeatureServerTwin, mode: Any, outcome: str
) -> None:
    store.mode = mode

    reply = ask(missing="refuse", deadline_s=_deadline_s(outcome)).post(V2, ENTITY_AND_AMOUNT)

    assert reply.status == 503
    assert reply.headers["retry-after"] == "1"
    assert "features cannot be looked up" in reply.json["error"]


def test_a_server_that_is_gone_is_answered_by_policy(ask: Any) -> None:
    gone = {"feature_server": "http://127.0.0.1:1"}

    assert ask(gone).post(V1, {"entities": [{"customer_id": 7, "amount": 1}]}).status == 200
    assert ask(gone, missing="refuse").post(V2, ENTITY_AND_AMOUNT).status == 503


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"entities": [{"custmer_id": 7, "amount": 1}]}, "did you mean 'customer_id'?"),
        ({"entities": [{"customer_id": 7, "amount": 1, "shop": 2}]}, "'shop' is neither a feature nor an"),
        ({"entities": [{"customer_id": 7, "amount": 1}, {"customer_id": 8}]}, "entity 1 does not have"),
        ({"entities": [{"customer_id": 7}]}, "feature 'amount': got nothing"),
        ({"entities": [{"customer_id": "x", "amount": 1}]}, "row 0: 'customer_id' must be of kind integer"),
        ({"entities": [{"customer_id": 7.5, "amount": 1}]}, "row 0: 'customer_id' must be of kind integer"),
        ({"entities": [{"customer_id": [7], "amount": 1}]}, "row 0: 'customer_id' must be of kind integer"),
        ({"entities": [{"customer_id": 7, "amount": "x"}]}, "row 0: 'amount' must be a number or null"),
        ({"entities": [7]}, "`entities` must be a list with an object for each row"),
        ({"entities": []}, "the request has no rows"),
        ({"entities": [{"customer_id": 7}], "instances": []}, "1 entities and 0 instances"),
        ({"entities": [{"customer_id": 7}], "instances": [[1]]}, "`instances` must be a list with an object"),
        (
            {"entities": [{"customer_id": 7, "amount": 1}], "instances": [{"amount": 1}]},
            "amount: given in `entities` and in `instances`",
        ),
        ({"instances": [{"amount": 1}]}, "got no amount_sum_7d, balance: send them, or customer_id"),
    ],
)
def test_what_is_wrong_in_a_request_is_400(ask: Any, body: Any, says: str) -> None:
    reply = ask().post(V1, body)

    assert reply.status == 400, reply.body
    assert says in reply.json["error"]


def test_too_many_entities_are_413_naming_the_setting(ask: Any, store: FeatureServerTwin) -> None:
    rows = [{"customer_id": each, "amount": 1} for each in range(3)]

    reply = ask({"max_entities": 2}).post(V1, {"entities": rows})

    assert reply.status == 413
    assert "MAX_ENTITIES" in reply.json["error"]
    assert store.asked == []


def test_a_model_that_looks_nothing_up_says_so(churn: Any) -> None:
    reply = churn.post(V1, {"entities": [{"customer_id": 7}]})

    assert reply.status == 400
    assert "looks up no features" in reply.json["error"]


def test_a_lone_entity_tensor_of_two_dimensions_is_no_matrix(serve: Any, store: FeatureServerTwin) -> None:
    plan = replace(PLAN, features=PLAN.features[:1], expressions={})
    data = tiny_models.classifier(tiny_models.numbers("amount_sum_7d"), entity="customer_id", plan=plan)
    client = serve(data, feature_server=store.url)
    tensor = {"name": "customer_id", "shape": [1, 1], "datatype": "INT64", "data": [[7]]}

    assert client.post(V2, {"inputs": [tensor]}).status == 200
    assert client.recorded[0].inputs["amount_sum_7d"] == [4.0]


def test_the_metadata_names_what_is_looked_up_and_by_what(ask: Any) -> None:
    properties = ask().get("/v2/models/churn").json["properties"]

    assert properties["entities"] == ["customer_id"]
    assert properties["looked_up"] == ["amount_sum_7d", "balance", "ratio"]


def test_a_model_that_reads_less_than_its_model_yaml_has_is_given_only_that(
    serve: Callable[..., Any], store: FeatureServerTwin
) -> None:
    data = tiny_models.classifier(tiny_models.numbers("ratio"), entity="customer_id", plan=PLAN)
    client = serve(data, feature_server=store.url)

    reply = client.post(V1, {"entities": [{"customer_id": 7, "amount": 2.0}]})

    assert reply.status == 200, reply.body
    assert store.asked[0]["features"] == ["activity_a1:amount_sum_7d"]
    assert {name: list(each) for name, each in client.recorded[0].inputs.items()} == {"ratio": [0.5]}


def test_an_event_may_name_entities(ask: Any) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/shop",
        "ce-type": "com.example.order.placed",
        "content-type": "application/json",
    }
    client = ask()

    reply = client.post("/", {"entities": [{"customer_id": 7, "amount": 2.0}]}, headers)

    assert reply.status == 200, reply.body
    assert client.recorded[0].inputs["balance"] == [-3.0]
