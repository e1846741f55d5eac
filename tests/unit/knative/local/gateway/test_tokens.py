"""KASCADE_TOKENS: what it may hold, and what each right opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from knative.local.gateway.targets import Target
from knative.local.gateway.tokens import TokensUnusable, read_tokens

TOKEN = "a-token-of-32-characters-or-more"
BROKER, JOB_SINK, INDEX = Target("broker", "d", "default"), Target("jobsink", "d", "run"), Target("index")


def service(name: str, path: str) -> Target:
    return Target("service", "d", name, path)


def read(**clients: Any) -> Any:
    return read_tokens({"KASCADE_TOKENS": json.dumps(clients)}, {})


@pytest.mark.parametrize(
    ("right", "allowed"),
    [
        ("all", {"broker", "jobsink", "index", "wine", "churn", "ledger"}),
        ("send", {"broker", "jobsink"}),
        ("predict", {"wine", "churn"}),
        ("predict:wine", {"wine"}),
        ("call", {"wine", "churn", "ledger"}),
        ("call:record-events", {"ledger"}),
    ],
)
def test_each_right_opens_what_it_says(right: str, allowed: set[str]) -> None:
    client = read(shop={"token": TOKEN, "may": [right]}).client_of(f"Bearer {TOKEN}")
    targets = {
        "broker": BROKER,
        "jobsink": JOB_SINK,
        "index": INDEX,
        "wine": service("wine", "/v2/models/wine/infer"),
        "churn": service("churn", "/v1/models/churn:predict"),
        "ledger": service("record-events", "/dead-letters/1/redrive"),
    }
    assert {name for name, target in targets.items() if client.may(target)} == allowed


@pytest.mark.parametrize(
    "shown",
    ["", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer ", "Bearer \udcff"],
)
def test_nothing_but_the_token_itself_is_taken(shown: str) -> None:
    assert read(shop={"token": TOKEN, "may": ["all"]}).client_of(shown) is None


def test_the_variable_may_name_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text(json.dumps({"shop": {"token": TOKEN, "may": ["send"]}}))
    tokens = read_tokens({"KASCADE_TOKENS": str(file)}, {"the owner": ("o" * 20, "all")})
    assert tokens is not None
    names = [tokens.client_of(f"bearer {each}") for each in (TOKEN, "o" * 20)]
    assert [each and each.name for each in names] == ["shop", "the owner"]
    assert read_tokens({}, {"the owner": ("o" * 20, "all")}) is None


@pytest.mark.parametrize(
    "value",
    [
        "/nowhere/at/all",
        "{",
        "{}",
        '{"shop": "secret-secret-secret"}',
        '{"shop": {"token": "secret-secret-secret"}}',
        '{"shop": {"token": "secret-secret-secret", "may": []}}',
        '{"shop": {"token": "secret-secret-secret", "may": "all"}}',
        '{"shop": {"token": "secret-secret-secret", "may": ["everything"]}}',
        '{"shop": {"token": "secret-secret-secret", "may": ["predict:*"]}}',
        '{"shop": {"token": "secret", "may": ["all"]}}',
        '{"shop": {"token": "secret secret secret", "may": ["all"]}}',
        '{"shop": {"token": "secret-secret-secret", "may": ["all"], "until": 3}}',
        json.dumps({name: {"token": "secret-secret-secret", "may": ["all"]} for name in "ab"}),
    ],
)
def test_what_cannot_be_meant_is_refused_without_showing_a_token(value: str) -> None:
    with pytest.raises(TokensUnusable) as refusal:
        read_tokens({"KASCADE_TOKENS": value}, {})
    assert "secret" not in str(refusal.value)
    assert "KASCADE_TOKENS" in str(refusal.value)
