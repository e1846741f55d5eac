"""Seldon Core 2 played in the API of a system on one machine, with real servers behind an Envoy of ours.

For each Model it makes a Knative Service of our own server, which stands for an MLServer that has loaded it.
What the mesh does with a request is what the played scheduler has told Envoy.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
import urllib3
from kubernetes import client
from support.playing import FastClock, Json
from support.seldon.core2 import Core2
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from kascade.stream.predicting import Answer, NoPrediction
from pipelines.layout import ONNX

KNATIVE = ("serving.knative.dev", "v1", "kascade", "services")


class PlayedCore2(Core2):
    """Seldon Core 2 over the API of a running `kascade up`."""

    def __init__(self, api: client.CustomObjectsApi) -> None:
        super().__init__(api, "kascade", 0.3)
        self.clock = FastClock(1.0, datetime.now(UTC))
        self._served: set[str] = set()

    def act(self) -> None:
        super().act()
        for gone in self._served - self.models.keys():
            self._served.discard(gone)
            self.api.delete_namespaced_custom_object(*KNATIVE, gone)

    def outcome(self, name: str, spec: Json) -> str | None:
        if name not in self._served:
            self._served.add(name)
            self.api.create_namespaced_custom_object(*KNATIVE, _server(name, spec))
            return None
        found = self.api.get_namespaced_custom_object(*KNATIVE, name)
        told = (found.get("status") or {}).get("conditions") or []
        ready = next((each for each in told if each["type"] == "Ready"), {})
        if ready.get("status") == "True":
            return ""
        return str(ready.get("message")) if ready.get("status") == "False" else None


def _server(name: str, spec: Json) -> Json:
    """Return the Service that serves a Model, whose parameters say which file is the approved one."""
    given = {each["name"]: each["value"] for each in spec["parameters"]}
    variables = {
        "MODEL_NAME": given["model"],
        "MODEL_VERSION": given["version"],
        "MODEL_SHA256": given["sha256"],
        "MODEL_URI": f"{spec['storageUri']}/{ONNX}",
    }
    container = {
        "name": "mlserver",
        "image": "kascade/serve-model:0.1.0",
        "envFrom": [
            {"configMapRef": {"name": "broker"}},
            {"configMapRef": {"name": "kascade"}},
            {"secretRef": {"name": "object-store"}},
        ],
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}},
    }
    notes = {"autoscaling.knative.dev/min-scale": "1", "serving.knative.dev/progress-deadline": "90s"}
    template = {"metadata": {"annotations": notes}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "kascade"},
        "spec": {"template": template},
    }


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args: Any) -> None:
        """Say nothing: the output is the tests'."""


class Mesh:
    """The Envoy in front: it draws a candidate by its weight for each request, and says which in a header."""

    def __init__(self, platform: PlayedCore2, gateway: str) -> None:
        self._platform, self._gateway = platform, gateway
        self._draw = random.Random(7)
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=30)
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[Mesh]:
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
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        name = request.path.removeprefix("/v2/models/").removesuffix("/infer")
        with self._platform.lock:
            route = self._platform.routes.get(name)
            clusters = list(route.clusters) if route is not None else []
        if not clusters:
            return Response("", 404)
        (chosen,) = self._draw.choices([each for each, _ in clusters], [weight for _, weight in clusters])
        answer = self._pool.request(
            "POST",
            f"{self._gateway}/v2/models/{chosen.rpartition('-v')[0]}/infer",
            body=request.get_data(),
            headers={"Host": f"{chosen}.kascade.localhost", "Content-Type": "application/json"},
        )
        headers = {"x-seldon-route": f":{chosen}_1:"}
        return Response(answer.data, answer.status, headers, mimetype="application/json")


class MeshClient:
    """Asks an Experiment by the Open Inference Protocol, one row at a time."""

    def __init__(self, url: str, model: str) -> None:
        self._url = f"{url}/v2/models/{model}.experiment/infer"
        self._session = requests.Session()

    def predict(self, row: Mapping[str, Any]) -> Answer:
        """Return the prediction for a row. Raises: NoPrediction."""
        asked = datetime.now(UTC).timestamp()
        inputs = [
            {"name": name, "shape": [1], "datatype": _datatype(value), "data": [value]}
            for name, value in row.items()
        ]
        try:
            response = self._session.post(self._url, json={"inputs": inputs}, timeout=30)
        except requests.RequestException as error:
            raise NoPrediction(str(error)) from error
        if response.status_code != 200:
            raise NoPrediction(f"{response.status_code}: {response.text[:300]}")
        document = response.json()
        outputs = {each["name"]: each["data"] for each in document["outputs"]}
        version = int(document["model_version"])
        assert response.headers["x-seldon-route"].endswith(f"-v{version}_1:")
        return Answer(
            outputs["prediction_id"][0],
            version,
            outputs["label"][0],
            asked,
            datetime.now(UTC).timestamp() - asked,
        )

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _datatype(value: Any) -> str:
    return {float: "FP64", int: "INT64"}.get(type(value), "BYTES")
