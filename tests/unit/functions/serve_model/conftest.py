"""Small models, and a way to send the application a request without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support import tiny_models

from functions.serve_model.app import Deps, create_app
from functions.serve_model.asgi import Application
from functions.serve_model.logic import Prediction
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import OneHot
from pipelines.encoding.columns import Boolean, Number

MIXED = Encoding(
    (
        Feature("amount", "number", Number()),
        Feature("country", "category", OneHot(("DE", "FR"), missing=False)),
        Feature("active", "boolean", Boolean()),
    )
)
NOW_S = 1_790_000_000.0


@dataclass
class Notes:
    """A log of predictions that keeps them."""

    recorded: list[Prediction] = field(default_factory=list)
    failures: int = 0

    def note(self, prediction: Prediction, seconds: float, body_bytes: int) -> None:
        assert seconds > 0
        assert body_bytes > 0
        self.recorded.append(prediction)

    def note_failure(self) -> None:
        self.failures += 1

    def close(self, timeout_s: float) -> None:
        """Nothing is open."""


@dataclass
class Reply:
    """What the application answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Sends requests to an application, as an ASGI server would."""

    app: Application
    recorded: list[Prediction] = field(default_factory=list)
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def get(self, path: str, method: str = "GET") -> Reply:
        return self.send(method, path, [b""], {})

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", path, [raw], {"content-length": str(len(raw)), **(headers or {})})

    def send(self, method: str, path: str, parts: list[bytes], headers: dict[str, str]) -> Reply:
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        waiting = list(parts)
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            part = waiting.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(waiting)}

        async def send(message: Any) -> None:
            sent.append(message)

        self.runner.run(self.app(scope, receive, send))
        names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], names, sent[1]["body"])

    def close(self) -> None:
        lookup = self.app._inference.lookup
        if lookup is not None:
            self.runner.run(lookup.close())
        self.runner.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Build a client of an application that serves the given model."""
    built: list[Client] = []

    def build(data: bytes, **settings: Any) -> Client:
        notes = Notes()
        deps = Deps(clock=lambda: NOW_S, random_bits=lambda bits: 0, log=notes)
        app = create_app(tiny_models.write(tmp_path, data, **settings), deps)
        built.append(Client(app, notes.recorded))
        return built[-1]

    yield build
    for client in built:
        client.close()


@pytest.fixture
def churn(serve: Callable[..., Client]) -> Client:
    """A classifier of three numbers."""
    return serve(tiny_models.classifier(tiny_models.numbers("age", "amount", "visits")))


@pytest.fixture
def mixed(serve: Callable[..., Client]) -> Client:
    """A classifier named `mixed` of a number, a category and a boolean, with classes of text."""
    return serve(tiny_models.classifier(MIXED, ("no", "yes"), model="mixed", version=7))


@pytest.fixture
def price(serve: Callable[..., Client]) -> Client:
    """A regression of two numbers."""
    return serve(tiny_models.regressor(tiny_models.numbers("rooms", "area")))


INFER = "/v2/models/churn/infer"
MIXED_INFER = "/v2/models/mixed/infer"


def tensor(data: Any, shape: list[int], datatype: str = "FP32", name: str = "input") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def asked(*inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"inputs": list(inputs), **more}


def outputs(reply: Any) -> dict[str, Any]:
    assert reply.status == 200, reply.body
    return {entry["name"]: entry for entry in reply.json["outputs"]}
