"""Tokens of the gateway's clients: `KASCADE_TOKENS`, in the form of `eventing.tokens`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from eventing.tokens import ADMIN, EVENTS, PREDICT, Tokens
from knative.local.errors import LocalError
from knative.local.gateway.targets import Target

VARIABLE = "KASCADE_TOKENS"
_PARTS = 3
_MODEL_PATHS = ("/v1/models/", "/v2/models/")


class TokensUnusable(LocalError):
    """What KASCADE_TOKENS holds or names cannot be used; the message says what is wrong."""


def read_tokens(environment: Mapping[str, str], ours: Mapping[str, tuple[str, str]]) -> Tokens | None:
    """Return the tokens that KASCADE_TOKENS holds, or the file that it names; None when it is not set.

    Args:
        environment: the variables.
        ours: what the runtime itself gives out: a token and its scope by who has it.

    Raises:
        TokensUnusable: there is no such file, or a line is wrong.
    """
    given = environment.get(VARIABLE, "").strip()
    if not given:
        return None
    is_text = len(given.split()) >= _PARTS
    origin = VARIABLE if is_text else f"{VARIABLE} {given}"
    try:
        text = given if is_text else Path(given).read_text(encoding="utf-8")
        found = Tokens.parse(text)
        own = "\n".join(f"{name} {token} {scope}" for name, (token, scope) in ours.items())
        tokens = Tokens.parse(f"{text}\n{own}")
    except OSError as error:
        raise TokensUnusable(f"{origin} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TokensUnusable(f"{origin}: {error}") from error
    if not found:
        raise TokensUnusable(f"{origin} holds no token")
    return tokens


def scope_of(target: Target) -> str:
    """Return what a token must be for to ask for `target`."""
    if target.kind in ("broker", "jobsink"):
        return EVENTS
    if target.kind == "service" and target.path.startswith(_MODEL_PATHS):
        return f"{PREDICT}:{target.name}"
    return ADMIN
