"""Payloads of every type at every function that takes it, over a state with a model in it."""

from __future__ import annotations

import importlib
import inspect
import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from fuzz.targets._logs import Logged
from support.world import NOON, World

from eventing.catalogue import PAYLOADS
from eventing.codec import to_binary
from eventing.errors import InvalidEvent
from eventing.event import originate
from eventing.testing import MemorySink, object_created
from functions.notify_people.logic import Notification
from functions.notify_people.slack import text_of
from functions.roll_out_model.memory_deployer import MemoryDeployer
from functions.state.migrate import upgrade
from kascade.scaffold.examples import example_of
from pipelines.engines.memory import MemoryEngine

_FUNCTIONS = [
    path.parent.name
    for path in sorted((Path(__file__).parents[3] / "functions").glob("*/app.py"))
    if path.parent.name
    not in ("log_experiments", "serve_model")  # one needs MLflow; one takes no events of ours
]
TOKENS = [
    b"churn",
    b"9223372036854775808",
    b'"s3://models/churn/v1/model.onnx"',
    b'"file:///etc/passwd"',
    b'"\\u0000"',
    b"-1",
    b"1e400",
]
TOKENS += [
    b'"0001-01-01T00:00:00+23:59"',
    b'"9999-12-31T23:59:59-23:59"',
    b"null",
    b"[]",
    b"{}",
    b"govern_training/churn",
]


def _seeds() -> list[bytes]:
    found = []
    for type_, payload in sorted(PAYLOADS.items()):
        found.append(f"{type_} churn\n{json.dumps(example_of(payload))}".encode())
    dropped = object_created("churn/a.csv")
    return [*found, f"{dropped.type} {dropped.subject}\n{json.dumps(dropped.data)}".encode()]


SEEDS = _seeds()
_ENGINE = {"TRAINING_ENGINE": "airflow", "AIRFLOW_ENDPOINT": "http://127.0.0.1:9"}
"""Settings of launch_training, whose runs an engine in memory takes."""
_ROUTES = {"NOTIFY_ROUTES": "routes: [{name: all, severity: info, webhook: {url_env: U}}]", "U": "http://x"}
_OWN = {"launch_training": _ENGINE, "notify_people": _ROUTES}
"""Settings of functions that need more than an address of the state."""
_LOGGED = Logged()


class _Told:
    """Who is told by notify_people."""

    def tell(self, notification: Notification) -> None:
        """Read what is written for people; text that cannot be sent is a failure."""
        text_of(notification).encode()


@cache
def _apps() -> Mapping[str, Flask]:
    url = f"sqlite:///{Path(tempfile.mkdtemp(prefix='fuzz-')) / 'state.db'}"
    world = World(url)
    upgrade(world.engine)
    world.spec()
    world.version(1, promoted=True)
    parts: dict[str, Any] = {
        "store": world.store,
        "engine": world.engine,
        "sink": MemorySink(),
        "clock": lambda: NOON,
    }
    parts |= {"deployer": MemoryDeployer(), "later": lambda work: work(), "receivers": {"all": _Told()}}
    made = {}
    for name in _FUNCTIONS:
        app = importlib.import_module(f"functions.{name}.app")
        of_its_own = {"engine": MemoryEngine()} if name == "launch_training" else {}
        own = _OWN.get(name)
        settings = app.Settings.from_env(own | {"DATABASE_URL": url}) if own else app.Settings(url)
        has = parts | of_its_own
        given = {key: has[key] for key in inspect.signature(app.create_app).parameters if key in has}
        made[name] = app.create_app(settings, **given)
    return made


def run(data: bytes) -> None:
    """Send an event to each function; it is handled, refused, or asked for again later with a reason."""
    first, _, body = data.partition(b"\n")
    type_, _, subject = first.decode(errors="replace").partition(" ")
    try:
        payload = json.loads(body)
        headers, sent = to_binary(originate(type_ or "x", "/fuzz", subject or "x", payload, now=NOON))
    except (ValueError, RecursionError, InvalidEvent):
        return
    for name, app in _apps().items():
        answer = app.test_client().post("/", data=sent, headers=headers)
        later = answer.status_code == 503 and "Retry-After" in answer.headers
        if answer.status_code >= 500 and not later:
            _LOGGED.refuse((name, answer.status_code, answer.data[:2000]))
