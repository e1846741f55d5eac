"""A desk: the ledger's real application behind a gateway, a broker that a test plays, and the terminal."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy.orm import Session, sessionmaker
from support.tables import create_tables
from typer.testing import CliRunner
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from eventing.codec import decode
from eventing.event import Event
from eventing.testing import MemorySink, handle
from functions.record_events.app import create_app
from functions.record_events.settings import Settings
from functions.state.database import make_engine, session_factory
from kascade.cli import build
from kascade.reach.port import SERVICES
from kascade.system.home import Home


class Desk:
    """What a person has before them; `answer` says which events the rest of the loop answers with."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.home.prepare(fresh=True)
        url = f"sqlite:///{folder / 'state.db'}"
        self.engine = make_engine(url)
        create_tables(self.engine)
        self.sessions: sessionmaker[Session] = session_factory(self.engine)
        self.ledger = create_app(Settings(url), sink=MemorySink())
        self.sent: list[Event] = []
        self.answer: Callable[[Event], Sequence[Event]] = lambda event: ()
        self.predictions: dict[str, Any] = {}
        self.services: list[dict[str, Any]] = []
        self.triggers: list[dict[str, Any]] = []
        self.models: dict[str, int] = {}
        self.inputs: list[dict[str, str]] = []
        self.asked: list[dict[str, Any]] = []

    def wsgi(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        if request.path == "/kascade/default":
            event = decode(dict(request.headers), request.get_data())
            self.sent.append(event)
            self.record(event, *self.answer(event))
            return Response(status=202)(environ, start_response)
        if request.path in (SERVICES.format("kascade"), "/waiting"):
            found = {"items": self.services, "triggers": self.triggers}
            return Response(json.dumps(found))(environ, start_response)
        _, _, _, _, function, below = request.path.split("/", 5)
        return self.function(function, "/" + below)({**environ, "PATH_INFO": "/" + below}, start_response)

    def function(self, name: str, path: str) -> Any:
        """Return the application of a function, to be asked for a path."""
        if name == "record-events":
            return self.ledger
        if name in self.models:
            return self._model(name)
        found = self.predictions.get(path.rpartition("/")[2]) if name == "log-inferences" else None
        return Response(json.dumps(found), 200 if found else 404)

    def _model(self, name: str) -> Any:
        def predict(environ: Any, start_response: Any) -> Any:
            request = Request(environ)
            if request.method == "GET":
                return Response(json.dumps({"inputs": self.inputs}))(environ, start_response)
            rows = json.loads(request.get_data())["instances"]
            first = len(self.asked)
            self.asked += rows
            ids = [f"id-{first + at}" for at in range(len(rows))]
            said = {
                "predictions": ["yes"] * len(rows),
                "prediction_ids": ids,
                "model_name": name,
                "model_version": str(self.models[name]),
                "probabilities": [[0.1, 0.9]] * len(rows),
            }
            return Response(json.dumps(said))(environ, start_response)

        return predict

    def record(self, *events: Event) -> None:
        for event in events:
            handle(self.ledger, event)

    def type(self, *words: str) -> Result:
        """Type a command."""
        place = () if "--url" in words else ("--home", str(self.home.path))
        return CliRunner().invoke(build(), [*words, *place])


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("COLUMNS", "200")
    found = Desk(tmp_path)
    server = make_server("127.0.0.1", 0, found.wsgi, threaded=True)
    gateway = f"http://127.0.0.1:{server.server_port}"
    (found.home.path / "endpoints.json").write_text(
        json.dumps({"gateway": gateway, "broker": gateway, "api": gateway})
    )
    found.home.remember_store(gateway)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()
    found.engine.dispose()
