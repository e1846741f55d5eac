"""Plays Seldon Core v1: the reconciler of SeldonDeployments, with Istio.

What it does was read in SeldonIO/seldon-core, branch v1.18.2-release:
operator/controllers/seldondeployment_controller.go and operator/apis/machinelearning.seldon.io/v1. Its traps:

- One state for all predictors, without a word about which failed and why; the old one stands for a while.
- The VirtualService is written when the Deployments of all predictors are ready, not before.
- The Deployment of a predictor that went is deleted then; its line in the status goes a pass later, and
  with it stays the replica that it had.
- The address in the status is that of the first predictor.
- The webhook wants shares of 100 together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kubernetes.client.exceptions import ApiException
from support.playing import Json, Player, set_condition

GROUP, VERSION, PLURAL = "machinelearning.seldon.io", "v1", "seldondeployments"
ROUTES = ("networking.istio.io", "v1beta1")


@dataclass
class Workload:
    """A Deployment that was made for a predictor."""

    is_good: bool
    finished: bool = False

    @property
    def available(self) -> int:
        return int(self.finished and self.is_good)

    @property
    def is_progressing(self) -> bool:
        return not self.finished or self.is_good


class Core1(Player):
    """Seldon Core v1. Pods start until `finish` is called."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workloads: dict[str, dict[str, Workload]] = {}
        self._finished: set[str] = set()
        self._routes: dict[str, Json] = {}

    def finish(self, model: str, predictor: str) -> None:
        """Let the start of a predictor come to its end."""
        self._finished.add(f"{model}-{predictor}")

    def answerer(self, url: str) -> str | None:
        """Return the predictor that answers most requests at an address of the ingress; None: 404."""
        name = urlsplit(url).path.rstrip("/").rpartition("/")[2]
        try:
            rule = self.api.get_namespaced_custom_object(*ROUTES, self.namespace, "virtualservices", name)
        except ApiException:
            return None
        targets = rule["spec"]["http"][0]["route"]
        return str(max(targets, key=lambda each: each.get("weight", 0))["destination"]["subset"])

    def start(self, model: str, predictor: Json) -> Workload:
        """Make what runs a predictor."""
        return Workload(_is_good(predictor))

    def act(self) -> None:
        bodies = self.listed(GROUP, VERSION, PLURAL)
        names = {each["metadata"]["name"] for each in bodies}
        for gone in self.workloads.keys() - names:
            del self.workloads[gone]
            self._routes.pop(gone, None)
            self._finished = {each for each in self._finished if not each.startswith(f"{gone}-v")}
            self.api.delete_namespaced_custom_object(*ROUTES, self.namespace, "virtualservices", gone)
        for body in bodies:
            if self.is_due(body):
                self._reconcile(body)

    def _reconcile(self, body: Json) -> None:
        name, predictors = body["metadata"]["name"], body["spec"]["predictors"]
        assert _refusal(predictors) is None, _refusal(predictors)
        made = self.workloads.setdefault(name, {})
        status: Json = {"deploymentStatus": {}, **(body.get("status") or {})}
        listed, progressing, ready = dict(status["deploymentStatus"]), True, True
        wanted = {_workload(name, each): each for each in predictors}
        for key, predictor in wanted.items():
            workload = made[key] = made.get(key) or self.start(name, predictor)
            workload.finished = workload.finished or f"{name}-{predictor['name']}" in self._finished
            if (listed.get(key) or {}).get("availableReplicas", 0) != workload.available or key not in listed:
                listed[key] = {"replicas": 1, "availableReplicas": workload.available}
            if not workload.available:
                progressing = progressing and (not ready or workload.is_progressing)
                ready = False
        if ready:
            self.route(name, predictors)
            for key in [each for each in listed if each not in wanted]:
                if made.pop(key, None) is None:
                    del listed[key]
                else:
                    self._finished.discard(key.rpartition("-0-")[0])
        self._say(body, status, listed, ready, progressing)

    def route(self, name: str, predictors: list[Json]) -> None:
        """Have Istio send the requests of a SeldonDeployment so."""
        targets = [
            {
                "destination": {"host": f"{name}-{each['name']}", "subset": each["name"]},
                "weight": each["traffic"],
            }
            for each in predictors
        ]
        spec = {"http": [{"route": targets}]}
        if self._routes.get(name) == spec:
            return
        where = (*ROUTES, self.namespace, "virtualservices")
        try:
            self.api.patch_namespaced_custom_object(*where, name, {"spec": spec})
        except ApiException as error:
            if error.status != 404:
                raise
            self.api.create_namespaced_custom_object(*where, {"metadata": {"name": name}, "spec": spec})
        self._routes[name] = spec

    def _say(self, body: Json, status: Json, listed: Json, ready: bool, progressing: bool) -> None:
        name, first = body["metadata"]["name"], body["spec"]["predictors"][0]["name"]
        state, said = ("Available", "") if ready else ("Creating", "")
        if not ready and not progressing:
            state, said = "Failed", "Deployment is no longer progressing and not available."
        conditions = list(status.get("conditions") or [])
        set_condition(conditions, self.clock.stamp(), "DeploymentsReady", ready)
        gone = dict.fromkeys(status["deploymentStatus"].keys() - listed.keys())
        told = {
            "state": state,
            "description": said,
            "address": {"url": f"http://{name}-{first}.{self.namespace}.svc.cluster.local:8080/v2"},
            "conditions": conditions,
            "deploymentStatus": {**listed, **gone},
        }
        if {**status, **told, "deploymentStatus": listed} == body.get("status"):
            return
        where = (GROUP, VERSION, self.namespace, PLURAL, name)
        self.api.patch_namespaced_custom_object_status(*where, {"status": told})


def _workload(name: str, predictor: Json) -> str:
    containers = predictor["componentSpecs"][0]["spec"]["containers"]
    return f"{name}-{predictor['name']}-0-{'-'.join(each['name'] for each in containers)}"


def _is_good(predictor: Json) -> bool:
    (container,) = predictor["componentSpecs"][0]["spec"]["containers"]
    assert container["name"] == predictor["graph"]["name"], "Can't find container for Predictive Unit"
    given = {each["name"]: each.get("value") for each in container["env"]}
    return given["MODEL_SHA256"] != "0" * 64


def _refusal(predictors: list[Json]) -> str | None:
    """Return why the webhook refuses predictors."""
    names = [each["name"] for each in predictors]
    if not names:
        return "Graph contains no predictors"
    if len(set(names)) < len(names):
        return "Duplicate predictor name"
    shares = [each.get("traffic", 0) for each in predictors if not each.get("shadow")]
    if len(shares) > 1 and sum(shares) != 100:
        return "Traffic must sum to 100 for multiple predictors"
    if len(names) == 1 and 0 < sum(shares) < 100:
        return "Traffic must sum be 100 for a single predictor when set"
    return None
