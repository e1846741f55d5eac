"""Tokens of clients, and what each may do: `KASCADE_TOKENS`."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.local.errors import LocalError
from knative.local.gateway.targets import Target

VARIABLE = "KASCADE_TOKENS"
_SHORTEST = 16
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_RIGHT = re.compile(r"all|send|(predict|call)(:[a-z0-9]([-a-z0-9]*[a-z0-9])?)?")
_MODEL_PATHS = ("/v1/models/", "/v2/models/")


class TokensUnusable(LocalError):
    """What KASCADE_TOKENS names cannot be used; the message says what is wrong."""


@dataclass(frozen=True)
class Client:
    """Who shows a token, and its rights: `all`, `send`, `predict`, `predict:wine`, `call`, `call:wine`."""

    name: str
    token: bytes
    rights: frozenset[str]

    def may(self, target: Target) -> bool:
        """Tell whether it may ask for `target`."""
        if "all" in self.rights:
            return True
        if target.kind in ("broker", "jobsink"):
            return "send" in self.rights
        if target.kind != "service":
            return False
        wanted = {"call", f"call:{target.name}"}
        if target.path.startswith(_MODEL_PATHS):
            wanted |= {"predict", f"predict:{target.name}"}
        return bool(wanted & self.rights)


class Tokens:
    """All clients."""

    def __init__(self, clients: tuple[Client, ...]) -> None:
        self._clients = clients

    def client_of(self, authorization: str) -> Client | None:
        """Return who shows the bearer token of an Authorization header, None when nobody has it.

        Every token is compared, each in a time that does not tell how much of it is right.
        """
        scheme, _, given = authorization.partition(" ")
        shown = given.strip().encode("utf-8", "surrogateescape") if scheme.lower() == "bearer" else b""
        found = None
        for client in self._clients:
            if hmac.compare_digest(client.token, shown):
                found = client
        return found


def read_tokens(environment: Mapping[str, str], ours: Mapping[str, tuple[str, str]]) -> Tokens | None:
    """Return the tokens that KASCADE_TOKENS holds, or the file that it names; None when it is not set.

    Args:
        environment: the variables.
        ours: what the runtime itself gives out: a token and its right by who has it.

    Raises:
        TokensUnusable: there is no such file, or it is not what docs/security.md says.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text:
        return None
    origin = VARIABLE
    if not text.startswith("{"):
        origin, text = f"{VARIABLE} {text}", _read(Path(text))
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TokensUnusable(f"{origin} is not JSON: {type(error).__name__}") from None
    if not isinstance(given, dict) or not given:
        raise TokensUnusable(f'{origin} must be an object: {{"<name>": {{"token": …, "may": […]}}}}')
    clients = tuple(_client(name, entry, origin) for name, entry in given.items())
    if len({client.token for client in clients}) < len(clients):
        raise TokensUnusable(f"{origin}: two clients have the same token")
    own = (Client(name, token.encode(), frozenset({right})) for name, (token, right) in ours.items())
    return Tokens((*clients, *own))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise TokensUnusable(f"{VARIABLE} {file} cannot be read: {error}") from error


def _client(name: str, entry: Any, origin: str) -> Client:
    """Read one client; what is wrong is said without the token."""
    if not isinstance(entry, dict) or set(entry) != {"token", "may"}:
        raise TokensUnusable(f"{origin}: {name}: must have token and may, and nothing else")
    token, rights = entry["token"], entry["may"]
    if not isinstance(token, str) or len(token) < _SHORTEST or not _TOKEN.fullmatch(token):
        raise TokensUnusable(
            f"{origin}: {name}: a token has at least {_SHORTEST} characters, of A-Z a-z 0-9 - . _ ~ + /"
        )
    listed = rights if isinstance(rights, list) else []
    wrong = [each for each in listed if not isinstance(each, str) or not _RIGHT.fullmatch(each)]
    if wrong or not listed:
        raise TokensUnusable(
            f"{origin}: {name}: may is a list of all, send, predict, predict:<model>, call, call:<service>; "
            f"not {wrong[0] if wrong else rights!r}"
        )
    return Client(name, token.encode(), frozenset(listed))
