"""Both generations of Seldon played in the API of a system on one machine, with real servers.

For each Model, or predictor, it makes a Knative Service of our own server, which stands for its pods.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from kubernetes import client
from support.playing import FastClock, Json
from support.seldon.core1 import Core1, Workload
from support.seldon.core2 import Core2, Experiment

from pipelines.layout import ONNX

KNATIVE = ("serving.knative.dev", "v1", "kascade", "services")
LAG_S = 0.3


class Pods:
    """The Knative Services that stand for pods."""

    def __init__(self, api: client.CustomObjectsApi) -> None:
        self._api = api
        self.names: set[str] = set()

    def start(self, name: str, spec: Json) -> None:
        """Run a pod under a name."""
        self.names.add(name)
        notes = {"autoscaling.knative.dev/min-scale": "1", "serving.knative.dev/progress-deadline": "90s"}
        body = {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "kascade"},
            "spec": {"template": {"metadata": {"annotations": notes}, "spec": spec}},
        }
        self._api.create_namespaced_custom_object(*KNATIVE, body)

    def outcome(self, name: str) -> str | None:
        """Return why a pod could not start, empty where it is ready; None while it is starting."""
        found = self._api.get_namespaced_custom_object(*KNATIVE, name)
        told = (found.get("status") or {}).get("conditions") or []
        ready = next((each for each in told if each["type"] == "Ready"), {})
        if ready.get("status") == "True":
            return ""
        return str(ready.get("message")) if ready.get("status") == "False" else None

    def keep(self, names: Iterable[str]) -> None:
        """End all others."""
        for gone in self.names - set(names):
            self.names.discard(gone)
            self._api.delete_namespaced_custom_object(*KNATIVE, gone)


class PlayedCore2(Core2):
    """Seldon Core 2 over the API of a running `kascade up`.

    Attributes:
        mirrors: each Model that got copies of a model's requests, None for none, by the model's name.
    """

    def __init__(self, api: client.CustomObjectsApi) -> None:
        super().__init__(api, "kascade", LAG_S, FastClock(1.0, datetime.now(UTC)))
        self._pods = Pods(api)
        self.mirrors: dict[str, list[str | None]] = {}

    def act(self) -> None:
        super().act()
        self._pods.keep(self.models)

    def outcome(self, name: str, spec: Json) -> str | None:
        if name not in self._pods.names:
            self._pods.start(name, {"containers": [_mlserver(spec)]})
        return self._pods.outcome(name)

    def update(self, name: str, experiment: Experiment) -> None:
        super().update(name, experiment)
        route, seen = self.routes[f"{name}.experiment"], self.mirrors.setdefault(name, [])
        self.note(name, {int(each.rpartition("-v")[2]): weight for each, weight in route.clusters})
        if seen[-1:] != [route.mirror]:
            seen.append(route.mirror)


def _mlserver(spec: Json) -> Json:
    """Return the container that serves a Model, whose parameters say which file is the approved one."""
    given = {each["name"]: each["value"] for each in spec["parameters"]}
    variables = {
        "MODEL_NAME": given["model"],
        "MODEL_VERSION": given["version"],
        "MODEL_SHA256": given["sha256"],
        "MODEL_URI": f"{spec['storageUri']}/{ONNX}",
    }
    return {
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


class PlayedCore1(Core1):
    """Seldon Core v1, with Istio, over the API of a running `kascade up`."""

    def __init__(self, api: client.CustomObjectsApi) -> None:
        super().__init__(api, "kascade", LAG_S, FastClock(1.0, datetime.now(UTC)))
        self._pods = Pods(api)

    def act(self) -> None:
        super().act()
        running = {
            key.rpartition("-0-")[0]: workload
            for made in self.workloads.values()
            for key, workload in made.items()
        }
        self._pods.keep(running)
        for name, workload in running.items():
            outcome = None if workload.finished else self._pods.outcome(name)
            if outcome is not None:
                workload.finished, workload.is_good = True, not outcome

    def start(self, model: str, predictor: Json) -> Workload:
        pod = predictor["componentSpecs"][0]["spec"]
        containers = [{**each, "ports": [{"containerPort": 8080}]} for each in pod["containers"]]
        self._pods.start(f"{model}-{predictor['name']}", {**pod, "containers": containers})
        return Workload(is_good=True)

    def route(self, name: str, predictors: list[Json]) -> None:
        super().route(name, predictors)
        self.note(name, {int(each["name"].removeprefix("v")): each["traffic"] for each in predictors})
