"""KASCADE_TOKENS at the gateway: where the tokens are read from, and what each scope opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from knative.local.gateway.targets import Target
from knative.local.gateway.tokens import TokensUnusable, read_tokens, scope_of

TOKEN, OWN = "a-token-of-32-characters-or-more", {"owner": ("o" * 20, "admin")}
TARGETS = {
    "broker": Target("broker", "d", "default"),
    "jobsink": Target("jobsink", "d", "run"),
    "index": Target("index"),
    "nowhere": Target("nowhere"),
    "wine": Target("service", "d", "wine", "/v2/models/wine/infer"),
    "churn": Target("service", "d", "churn", "/v1/models/churn:predict"),
    "ledger": Target("service", "d", "record-events", "/dead-letters/1/redrive"),
    "function": Target("service", "d", "ingest-data", "/"),
}


@pytest.mark.case("S9", "tokens for events and predictions")
@pytest.mark.parametrize(
    ("scope", "opened"),
    [
        ("admin", set(TARGETS)),
        ("events", {"broker", "jobsink"}),
        ("predict", {"wine", "churn"}),
        ("predict:wine", {"wine"}),
    ],
)
def test_each_scope_opens_what_it_says(scope: str, opened: set[str]) -> None:
    tokens = read_tokens({"KASCADE_TOKENS": f"shop {TOKEN} {scope}"}, OWN)
    assert tokens is not None
    holder = tokens.holder(f"Bearer {TOKEN}")
    assert holder is not None
    assert {name for name, target in TARGETS.items() if holder.may(scope_of(target))} == opened


def test_the_variable_may_name_a_file_and_our_own_tokens_are_taken_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"# who may what\nshop {TOKEN} events\n")
    tokens = read_tokens({"KASCADE_TOKENS": str(file)}, OWN)
    assert tokens is not None
    holders = [tokens.holder(f"bearer {each}") for each in (TOKEN, "o" * 20, "x" * 20)]
    assert [each and each.name for each in holders] == ["shop", "owner", None]
    assert read_tokens({}, OWN) is None


@pytest.mark.parametrize(
    "value", ["/nowhere/at/all", "shop secret-secret events", "a secret-secret-secret-1 b"]
)
def test_what_cannot_be_meant_is_refused_without_showing_a_token(value: str) -> None:
    with pytest.raises(TokensUnusable) as refusal:
        read_tokens({"KASCADE_TOKENS": value}, OWN)
    assert "secret" not in str(refusal.value)
    assert "KASCADE_TOKENS" in str(refusal.value)


def test_an_empty_file_closes_no_door_by_being_there(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("# none yet\n")
    with pytest.raises(TokensUnusable, match="holds no token"):
        read_tokens({"KASCADE_TOKENS": str(tmp_path / "tokens")}, OWN)
