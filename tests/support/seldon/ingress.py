"""What is in front of models that Seldon serves: it draws who answers a request, by the shares in force."""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import urllib3
from support.seldon.core1 import ROUTES
from support.seldon.playing import PlayedCore1, PlayedCore2
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from kascade.stream.predicting import Answer, NoPrediction
from pipelines.prediction_ids import time_of, uuid7

_Self = TypeVar("_Self", bound="Ingress")
_JSON = {"Content-Type": "application/json"}


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args: Any) -> None:
        """Say nothing: the output is the tests'."""


class Ingress(ABC):
    """An ingress; `url` is its address while it is running."""

    def __init__(self, gateway: str) -> None:
        self._gateway, self._draw = gateway, random.Random(7)
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=30)
        self.url = ""

    @contextmanager
    def running(self: _Self) -> Iterator[_Self]:
        server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.answer(Request(environ))(environ, start_response)

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """Answer a request as whoever is drawn does."""

    def draw(self, shares: Mapping[str, int]) -> str:
        """Return who answers."""
        (chosen,) = self._draw.choices([*shares], [*shares.values()])
        return chosen

    def ask(self, service: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """Return what a pod answers."""
        headers = {**headers, "Host": f"{service}.kascade.localhost"}
        answer = self._pool.request("POST", f"{self._gateway}{path}", body=body, headers=headers)
        return Response(answer.data, answer.status, mimetype="application/json")


class Gateway(Ingress):
    """Istio's, in front of Core v1: what it knows is the VirtualService."""

    def __init__(self, platform: PlayedCore1, gateway: str) -> None:
        super().__init__(gateway)
        self._platform = platform

    def answer(self, request: Request) -> Response:
        _, seldon, namespace, model, path = request.path.split("/", 4)
        assert seldon == "seldon"
        rule = self._platform.api.get_namespaced_custom_object(*ROUTES, namespace, "virtualservices", model)
        targets = rule["spec"]["http"][0]["route"]
        chosen = self.draw({each["destination"]["host"]: each["weight"] for each in targets})
        return self.ask(chosen, f"/{path}", request.get_data(), _JSON)


class Mesh(Ingress):
    """Core 2's Envoy: it says who answered, and sends a copy to the mirror, whose answer nobody gets.

    An MLServer takes the ids of predictions from `x-request-id`. Our own server, which stands for it, takes
    them from an event's id: so a request reaches it as an event, and its copy as the same.
    """

    def __init__(self, platform: PlayedCore2, gateway: str) -> None:
        super().__init__(gateway)
        self._platform = platform

    def answer(self, request: Request) -> Response:
        with self._platform.lock:
            route = self._platform.routes.get(request.path.removeprefix("/v2/models/").removesuffix("/infer"))
            shares, mirror = (dict(route.clusters), route.mirror) if route is not None else ({}, None)
        if not shares:
            return Response("", 404)
        chosen, asked = self.draw(shares), (request.get_data(), _as_event(request.headers["x-request-id"]))
        if mirror is not None:
            threading.Thread(target=self.ask, args=(mirror, "/", *asked)).start()
        answer = self.ask(chosen, "/", *asked)
        answer.headers["x-seldon-route"] = f":{chosen}_1:"
        return answer


def _as_event(request_id: str) -> dict[str, str]:
    """Return the headers of a request as an event."""
    at = time_of(request_id)
    assert at is not None
    told = {"id": request_id, "source": "/mesh", "type": "seldon.request", "time": at.isoformat()}
    return {**_JSON, "ce-specversion": "1.0", **{f"ce-{name}": value for name, value in told.items()}}


class MeshClient:
    """Asks an Experiment by the Open Inference Protocol, one row at a time, each under an id of its own."""

    def __init__(self, url: str, model: str) -> None:
        self._url = f"{url}/v2/models/{model}.experiment/infer"
        self._pool = urllib3.PoolManager(maxsize=1, timeout=30, retries=False)
        self._draw = random.Random()

    def predict(self, row: Mapping[str, Any]) -> Answer:
        """Return the prediction for a row. Raises: NoPrediction."""
        at, began = datetime.now(UTC), time.perf_counter()
        inputs = [
            {"name": name, "shape": [1], "datatype": _datatype(value), "data": [value]}
            for name, value in row.items()
        ]
        headers = {**_JSON, "x-request-id": uuid7(at, str(self._draw.random()))}
        try:
            body = orjson.dumps({"inputs": inputs})
            response = self._pool.request("POST", self._url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise NoPrediction(str(error)) from error
        if response.status != 200:
            raise NoPrediction(f"{response.status}: {response.data[:300].decode(errors='replace')}")
        document = orjson.loads(response.data)
        outputs = {each["name"]: each["data"][0] for each in document["outputs"]}
        version, seconds = int(document["model_version"]), time.perf_counter() - began
        assert response.headers["x-seldon-route"].endswith(f"-v{version}_1:")
        return Answer(outputs["prediction_id"], version, outputs["label"], at.timestamp(), seconds)

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()


def _datatype(value: Any) -> str:
    return {float: "FP64", int: "INT64"}.get(type(value), "BYTES")
