"""A model server in this process, and a request to it as an ASGI server would send it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from support import tiny_models

from functions.serve_model.app import create_app
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import OneHot
from pipelines.encoding.columns import Boolean, Number

_ENCODING = Encoding(
    (
        Feature("amount", "number", Number()),
        Feature("country", "category", OneHot(("DE", "FR"), missing=False)),
        Feature("active", "boolean", Boolean()),
    )
)


@cache
def _app() -> Any:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    return create_app(
        tiny_models.write(folder, tiny_models.classifier(_ENCODING, ("no", "yes"), entity="who"))
    )


def ask(path: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Send a body: it is answered, or refused with a 4xx that says why."""
    sent: list[Any] = []
    lines = [
        (name.encode(), value.encode())
        for name, value in {**headers, "content-length": str(len(body))}.items()
    ]
    scope = {"type": "http", "method": "POST", "path": path, "headers": lines}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(_app()(scope, receive, send))
    status = sent[0]["status"]
    assert status == 200 or 400 <= status < 500, (status, sent[1]["body"][:500])
    assert sent[1]["body"]
