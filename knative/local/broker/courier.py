"""How the broker reaches subscribers and sinks."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Protocol

import aiohttp
from yarl import URL

from knative.local.broker.errors import Unreachable
from knative.local.broker.event import has_event
from knative.local.broker.outcomes import Answer

_WHOLE_BYTES = 1 << 20  # a larger body is written in pieces, so that others are served in between
_MOST_OF_A_REPLY = 64 << 20
_MOST_OF_THE_REST = 4 << 10  # of an answer that is no reply only the beginning is told to anyone
_REFUSAL_WITHIN_S = 10.0


class Courier(Protocol):
    """Posts one event."""

    async def post(self, uri: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Answer:
        """Post and return the answer, whatever its status; redirects are answers.

        Of an answer that is no event only the beginning is read.

        Raises:
            Unreachable: no answer within `timeout_s` seconds, or none at all; a reply that is too large.
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
                return await _answer(response)
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


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    """Read as much of an answer as is of use; the connection is closed where that leaves some."""
    status, headers = response.status, response.raw_headers
    if not 200 <= status <= 299:
        # The status says all; whether the rest of the body ever comes is not waited for.
        body = bytearray()
        with suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(_REFUSAL_WITHIN_S):
                await _read(response, body, _MOST_OF_THE_REST)
        return Answer(status, headers, bytes(body))
    most = _MOST_OF_A_REPLY if has_event(headers) else _MOST_OF_THE_REST
    body = bytearray()
    whole = await _read(response, body, most)
    if not whole and most == _MOST_OF_A_REPLY:
        raise Unreachable(f"the reply is larger than {_MOST_OF_A_REPLY} bytes")
    return Answer(status, headers, bytes(body))


async def _read(response: aiohttp.ClientResponse, body: bytearray, most: int) -> bool:
    """Read into `body` until it has `most` bytes; return whether that is the whole."""
    async for part in response.content.iter_any():
        body += part
        if len(body) > most:
            del body[most:]
            return False
    return True


@lru_cache(maxsize=1024)
def _parsed(url: str) -> URL:
    return URL(url, encoded=True)
