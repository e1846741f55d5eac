"""The settings of notify_people, from its environment."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from eventing.environment import Variables
from functions.notify_people.routes import FILE, Routes, RoutesError, parse_routes

SECRET_PREFIX = "whsec_"  # noqa: S105 - the mark of a secret, none itself
_URL = re.compile(r"https?://[^\s/?#]+([/?][^\s#]*)?")


@dataclass(frozen=True)
class Settings:
    """Whom to tell, and with which secrets.

    Attributes:
        database_url: of functions.state.
        routes: as the file says.
        secrets: the values of the variables that the file names.
        console_url: the console's address as people reach it, for links; without it there are none.
        timeout_s: how long each answer of a receiver is waited for.
    """

    database_url: str
    routes: Routes
    secrets: Mapping[str, str] = field(repr=False)
    console_url: str = ""
    timeout_s: float = 10.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable, and what is bad in the file."""
        read = Variables(env)
        url = read.text("CONSOLE_URL", r"https?://[^\s?#<>|\"]+", "the http address of the console", "")
        database_url = read.database_url()
        timeout_s = read.seconds("NOTIFY_TIMEOUT_S", cls.timeout_s, 0.1, 60)
        routes, secrets = _routes(read)
        read.checked(None)
        assert routes is not None  # noqa: S101 - else something was wrong
        return cls(database_url, routes, secrets, url.rstrip("/"), timeout_s)


def problems_of(routes: Routes, env: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the variables that a file of routes names; no value is in it."""
    found = []
    for route in routes.routes:
        hook = route.slack or route.webhook
        if hook is not None and not _URL.fullmatch(_value(env, hook.url_env)):
            found.append(_wrong(route.name, hook.url_env, env, "an http or https address"))
        name = route.webhook and route.webhook.secret_env
        if name and signing_key(_value(env, name)) is None:
            found.append(
                _wrong(route.name, name, env, f"{SECRET_PREFIX} and the base64 of 24 to 64 random bytes")
            )
        password = route.mail and route.mail.password_env
        if password and not _value(env, password):
            found.append(_wrong(route.name, password, env, "a password"))
    return found


def signing_key(secret: str) -> bytes | None:
    """Return the key in a secret of a webhook; None when it is none."""
    if not secret.startswith(SECRET_PREFIX):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if 24 <= len(key) <= 64 else None


def _routes(read: Variables) -> tuple[Routes | None, dict[str, str]]:
    text = read.get("NOTIFY_ROUTES")
    if not text:
        read.wrong(f"NOTIFY_ROUTES is not set: expected the text of {FILE}")
        return None, {}
    try:
        routes = parse_routes(text.encode("utf-8", "surrogateescape"))
    except RoutesError as error:
        for problem in error.problems:
            read.wrong(f"NOTIFY_ROUTES: {problem}")
        return None, {}
    values = {name: read.get(name).strip() for name in routes.variables()}
    for problem in problems_of(routes, values):
        read.wrong(problem)
    return routes, values


def _value(env: Mapping[str, str], name: str) -> str:
    return env.get(name, "").strip()


def _wrong(route: str, name: str, env: Mapping[str, str], expected: str) -> str:
    what = "is not what it should be" if _value(env, name) else "is not set"
    return f"{name}, which the route {route} names, {what}: expected {expected}"
