"""A port that only the gateway may use, under both of our servers' protocols."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from eventing.callers import KEY_HEADER, KEY_VARIABLE, REFUSAL, asgi_for_gateway, wsgi_for_gateway

KEY = "the-key-of-this-process"
ENV = {KEY_VARIABLE: KEY}
SHOWN = [(None, 403), ("", 403), ("another", 403), (KEY + "x", 403), (KEY, 200)]


def over_wsgi(env: dict[str, str], shown: str | None) -> int:
    statuses: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"answer"]

    environ = {} if shown is None else {"HTTP_" + KEY_HEADER.upper().replace("-", "_"): shown}
    body = b"".join(wsgi_for_gateway(app, env)(environ, lambda status, _: statuses.append(status)))
    assert body == (b"answer" if statuses[0].startswith("200") else REFUSAL)
    return int(statuses[0][:3])


def over_asgi(env: dict[str, str], shown: str | None) -> int:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"status": 200})

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [] if shown is None else [(KEY_HEADER.lower().encode(), shown.encode())]
    asyncio.run(asgi_for_gateway(app, env)({"headers": [(b"host", b"evil.com"), *headers]}, None, send))
    return int(sent[0]["status"])


@pytest.mark.case("S7", "a function's own port by DNS rebinding")
@pytest.mark.parametrize(("shown", "status"), SHOWN)
def test_only_who_shows_the_key_is_answered(shown: str | None, status: int) -> None:
    assert (over_wsgi(ENV, shown), over_asgi(ENV, shown)) == (status, status)


def test_a_container_that_was_given_no_key_answers_everyone() -> None:
    assert (over_wsgi({}, None), over_asgi({}, None)) == (200, 200)
