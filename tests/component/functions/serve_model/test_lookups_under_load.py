"""The feature server hangs, fails or talks nonsense while clients ask: nobody waits, or is deceived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import tiny_models
from support.entity_load import BODY, PATH, asking, settled
from support.feature_server import FeatureServerTwin, Mode, feature_server, iso

from pipelines.features.plan import Key, LookedUp, LookupPlan

pytestmark = pytest.mark.slow

DEADLINE_S = 0.2
SLACK_S = 5.0  # of a machine that is busy with other tests


def model(folder: Path, missing: Any, deadline_s: float = DEADLINE_S) -> Any:
    plan = LookupPlan(
        (Key("customer_id", "integer"),),
        (LookedUp("balance", "account_1:balance", default=0),),
        missing=missing,
        deadline_s=deadline_s,
    )
    encoding = tiny_models.numbers("amount", "balance")
    data = tiny_models.classifier(encoding, entity="customer_id", plan=plan)
    return tiny_models.write(folder, data)


@pytest.fixture
def store() -> Iterator[FeatureServerTwin]:
    with feature_server() as twin:
        twin.views["account_1"] = (("customer_id",), {(7,): (iso(60), {"balance": 3.0})})
        yield twin


BROKEN: tuple[Mode, ...] = ("hangs", "trickles", "fails", "garbles", "is no HTTP", "closes")


@pytest.mark.parametrize(("missing", "broken"), [("default", (200, True)), ("refuse", (503, False))])
def test_under_load_every_answer_follows_the_policy_within_the_deadline(
    tmp_path: Path,
    start: Callable[..., Any],
    store: FeatureServerTwin,
    missing: str,
    broken: tuple[int, bool],
) -> None:
    server = start(model(tmp_path, missing), FEATURE_SERVER_URL=store.url).wait_ready()
    with asking(server) as load:
        settled(load, (200, False))
        for mode in BROKEN:
            store.mode = mode
            settled(load, broken)
            store.mode = "answers"
            settled(load, (200, False))

    assert load.failed == []
    assert {(status, told) for status, told, _ in load.answers} == {(200, False), broken}
    assert max(seconds for _, _, seconds in load.answers) < DEADLINE_S + SLACK_S
    metrics = server.request("GET", "/metrics")[2].decode()
    for outcome in ("answered", "timeout", "refused", "garbled", "unreachable"):
        assert f'outcome="{outcome}"' in metrics


def test_connections_are_kept_and_one_that_the_server_closed_is_no_failure(
    tmp_path: Path, start: Callable[..., Any], store: FeatureServerTwin
) -> None:
    server = start(model(tmp_path, "refuse", 20), FEATURE_SERVER_URL=store.url).wait_ready()
    for _ in range(20):
        assert server.request("POST", PATH, BODY)[0] == 200
    assert store.connections == 1
    store.mode = "closes"  # after this one
    assert server.request("POST", PATH, BODY)[0] == 503
    store.mode = "answers"
    assert server.request("POST", PATH, BODY)[0] == 200
