"""The proxy, with a pool and a connection that the test makes up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from knative.local.gateway.exchange import Exchange
from knative.local.gateway.places import Place
from knative.local.gateway.proxy import Proxy


def test_a_client_that_leaves_while_its_process_is_reached_frees_the_process() -> None:
    released: list[Any] = []
    replica = SimpleNamespace(port=1)
    pool = SimpleNamespace(
        try_acquire=lambda: replica, release=released.append, plan=SimpleNamespace(timeout_s=60)
    )
    proxy = Proxy(cast(Any, SimpleNamespace(pool_for=lambda *_: pool)))
    exchange = Exchange(cast(Any, SimpleNamespace(peer="127.0.0.1")), b"GET", b"/", [], http_1_0=False)
    closed: list[bool] = []

    async def connect(port: int) -> Any:
        exchange.leave()
        transport = SimpleNamespace(is_closing=lambda: False, close=lambda: closed.append(True))
        return SimpleNamespace(transport=transport, used=False, reusable=False)

    async def scenario() -> None:
        proxy.upstreams.connect = connect  # type: ignore[method-assign]
        async with asyncio.timeout(5):
            await proxy.serve(Place("service", "default", "web", "/"), exchange)

    asyncio.run(scenario())

    assert released == [replica]
    assert closed == [True]
