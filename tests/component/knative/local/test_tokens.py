"""A gateway that asks for tokens, and what goes on inside all the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from .conftest import Local, records, until

SHOP, ANALYST = "shop-token-0123456789abcdef", "analyst-token-0123456789abcdef"
TOKENS = f"shop {SHOP} events,predict:web\nanalyst {ANALYST} predict\n"
EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/x", "ce-type": "test.sent"}
WEB, EAR = "/-/services/default/web", "/-/services/default/ear"


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    local = make_local()
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text(TOKENS)
    reference = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "ear"}
    broker = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "default"}
    spec = {"broker": "default", "subscriber": {"ref": reference}}
    local.write(
        local.service("web"),
        local.service("ear", env={"RECORD": str(local.folder / "heard")}),
        {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "default"}},
        {"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": {"name": "t"}, "spec": spec},
        {
            "apiVersion": "sources.knative.dev/v1",
            "kind": "PingSource",
            "metadata": {"name": "p"},
            "spec": {"schedule": "* * * * * *", "sink": {"ref": broker}},
        },
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KASCADE_TOKENS", str(file))
        local.start()
    yield local
    assert SHOP not in local.output()
    assert local.stop() == 0


def status(local: Local, path: str, token: str | None = None, *, post: bool = True) -> int:
    headers = dict(EVENT) if post else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    method = "POST" if post else "GET"
    return requests.request(
        method, local.endpoints["gateway"] + path, headers=headers, timeout=30
    ).status_code


def test_who_shows_no_token_gets_nothing(local: Local) -> None:
    for path in ("/default/default", f"{WEB}/v1/models/web:predict", f"{WEB}/", "/nowhere/at/all", "/"):
        assert status(local, path) == 401
        assert status(local, path, "another-token-0123456789") == 401
    answer = requests.get(local.endpoints["gateway"], timeout=10)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "KASCADE_TOKENS" in answer.text


@pytest.mark.parametrize(
    ("path", "token", "expected"),
    [
        ("/default/default", SHOP, 202),
        ("/default/default", ANALYST, 403),
        (f"{WEB}/v1/models/web:predict", SHOP, 204),
        (f"{EAR}/v1/models/ear:predict", SHOP, 403),
        (f"{EAR}/v2/models/ear/infer", ANALYST, 204),
        (f"{WEB}/", SHOP, 403),
        (f"{WEB}/dead-letters/1/redrive", ANALYST, 403),
    ],
)
def test_a_token_opens_what_it_is_for(local: Local, path: str, token: str, expected: int) -> None:
    assert status(local, path, token) == expected


def test_the_owner_s_token_opens_everything(local: Local) -> None:
    assert status(local, f"{WEB}/", local.token, post=False) == 200
    assert status(local, "/", local.token, post=False) == 200


def test_a_process_has_a_token_to_send_events_with_and_no_other(local: Local) -> None:
    answer = requests.get(
        f"{local.endpoints['gateway']}{WEB}/", headers={"Authorization": f"Bearer {local.token}"}, timeout=30
    )
    env = answer.json()["env"]
    assert "KASCADE_TOKENS" not in env
    assert SHOP not in json.dumps(env)
    token = Path(env["SINK_TOKEN_FILE"]).read_text().strip()
    assert status(local, "/default/default", token) == 202
    assert status(local, f"{WEB}/", token) == 403


def test_what_the_runtime_itself_sends_arrives(local: Local) -> None:
    def heard() -> bool:
        told = records(local.folder / "heard")
        return any(each["headers"]["ce-type"] == "dev.knative.sources.ping" for each in told)

    until(heard, what="a ping through the broker")


def test_tokens_that_cannot_be_read_end_the_start(make_local: Callable[..., Local]) -> None:
    broken = make_local()
    broken.write({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KASCADE_TOKENS", "shop short events")
        assert broken.spawn().wait(60) == 2
    assert "KASCADE_TOKENS: line 1" in broken.output()
