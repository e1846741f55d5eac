"""How the broker reaches subscribers and sinks."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

import aiohttp
from yarl import URL

from knative.local.broker.errors import Unreachable
from knative.local.broker.outcomes import Answer

_WHOLE_BYTES = 1 << 20  # a larger body is written in pieces, so that others are served in between


class Courier(Protocol):
    """Posts one event."""

    async def post(self, uri: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Answer:
        """Post and return the answer, whatever its status; redirects are answers.

        Raises:
            Unreachable: no answer within `timeout_s` seconds, or none at all.
        """
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


class HttpCourier:
    """Posts over HTTP/1.1 with kept-alive connections."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(self, uri: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Answer:
        """Post and return the answer. Raises Unreachable."""
        try:
            async with self._opened().post(
                _parsed(uri),
                data=body if len(body) < _WHOLE_BYTES else io.BytesIO(body),
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                return Answer(response.status, response.raw_headers, await response.read())
        except TimeoutError as error:
            raise Unreachable(f"no answer within {timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # Triggers bound their concurrency themselves; gunicorn drops idle connections after 2 s.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=1.5),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            )
        return self._session


@lru_cache(maxsize=1024)
def _parsed(url: str) -> URL:
    return URL(url, encoded=True)
