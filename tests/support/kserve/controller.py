"""KServe's controller in Knative mode, and Knative's, as far as revisions, traffic and statuses go."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from support.kserve.rules import Json, notes_of, propagated, shares_of, traffic_of, traffic_problem


@dataclass
class Failure:
    """How the container of a revision ends."""

    message: str
    exit_code: int = 4


@dataclass
class Revision:
    """One revision of Knative, with its one pod."""

    name: str
    template: Json
    ready_at: float
    failure: Failure | None = None
    is_ready: bool = False

    def as_object(self, service: str, number: int) -> Json:
        """Return it as the API shows it: Knative reports a container that ends much later than KServe."""
        labels = {**self.template["labels"], "serving.knative.dev/service": service}
        labels["serving.knative.dev/configurationGeneration"] = str(number)
        condition = {"type": "Ready", "status": "True" if self.is_ready else "Unknown"}
        if not self.is_ready:
            condition["reason"] = "Deploying"
        return {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Revision",
            "metadata": {"name": self.name, "labels": labels, "annotations": self.template["annotations"]},
            "spec": {"containers": [self.template["container"]]},
            "status": {"conditions": [condition]},
        }


@dataclass
class Deployment:
    """What KServe and Knative have made of one InferenceService.

    Attributes:
        history: each split of traffic that there was, as percent by revision.
    """

    name: str
    revisions: dict[str, Revision] = field(default_factory=dict)
    template: Json | None = None
    traffic: list[Json] = field(default_factory=list)
    component: Json = field(default_factory=dict)
    model_status: Json = field(default_factory=dict)
    history: list[dict[str, int]] = field(default_factory=list)
    served: dict[str, int] = field(default_factory=dict)

    @property
    def latest_created(self) -> Revision | None:
        return next(reversed(self.revisions.values()), None)

    @property
    def latest_ready(self) -> Revision | None:
        return next((each for each in reversed(self.revisions.values()) if each.is_ready), None)


@dataclass
class Controller:
    """Plays both controllers.

    Attributes:
        runtimes: the names of the ServingRuntimes that there are.
        fails: how the pod of a container ends, None for one that becomes ready.
        start_s: how long a pod takes.
    """

    runtimes: Callable[[], set[str]]
    fails: Callable[[Json], Failure | None]
    start_s: float = 0.05
    deployments: dict[str, Deployment] = field(default_factory=dict)

    def reconcile(self, service: Json, now: float) -> Json:
        """Do what the controllers do about an InferenceService; return its status."""
        name, predictor = service["metadata"]["name"], service["spec"]["predictor"]
        found = self.deployments.setdefault(name, Deployment(name))
        runtime = (predictor.get("model") or {}).get("runtime")
        if runtime not in self.runtimes():
            found.model_status["transitionStatus"] = "InvalidSpec"
            info = {"reason": "RuntimeNotRecognized", "message": "Waiting for runtime to become available"}
            found.model_status["lastFailureInfo"] = info
            return self._status(found, {"status": "Unknown"})
        problem = traffic_problem(name, service)
        if problem:
            return self._status(found, {"status": "False", "reason": "ReconcileFailed", "message": problem})
        self._apply_template(found, service, now)
        found.traffic = traffic_of(service, found.component)
        self._run_pods(found, now)
        self._route(found)
        ready = found.latest_created is found.latest_ready and found.latest_ready is not None
        return self._status(found, {"status": "True" if ready else "Unknown"})

    def _apply_template(self, found: Deployment, service: Json, now: float) -> None:
        template = _template(service)
        if template == found.template:
            return
        found.template = template
        name = f"{found.name}-predictor-{len(found.revisions) + 1:05d}"
        found.revisions[name] = Revision(
            name, template, now + self.start_s, self.fails(template["container"])
        )

    def _run_pods(self, found: Deployment, now: float) -> None:
        for each in found.revisions.values():
            each.is_ready = each.is_ready or (each.failure is None and now >= each.ready_at)
        created = found.latest_created
        if created is None:
            return
        if created.is_ready:
            found.model_status["transitionStatus"] = "UpToDate"
        elif created.failure is not None and now >= created.ready_at:
            found.model_status["transitionStatus"] = "BlockedByFailedLoad"
            found.model_status["lastFailureInfo"] = {
                "reason": "ModelLoadFailed",
                "message": created.failure.message,
                "exitCode": created.failure.exit_code,
            }
        else:
            found.model_status["transitionStatus"] = "InProgress"

    def _route(self, found: Deployment) -> None:
        """Send the traffic, and note what is rolled out."""
        ready, created = found.latest_ready, found.latest_created
        if ready is None or created is None:
            found.component = {**found.component, "latestCreatedRevision": created.name if created else ""}
            return
        routed = [
            {**each, "revisionName": each.get("revisionName") or ready.name, "percent": each["percent"]}
            for each in found.traffic
        ]
        found.served = {name: share for name, share in shares_of(routed).items() if share}
        if not found.history or found.history[-1] != found.served:
            found.history.append(found.served)
        component = propagated(found.component, created.name, ready.name, routed)
        component["url"] = f"http://{found.name}-predictor.kascade.example.com"
        found.component = component

    def _status(self, found: Deployment, ready: Json) -> Json:
        conditions = [{"type": "Ready", **ready}, {"type": "PredictorReady", **ready}]
        status = {
            "conditions": conditions,
            "components": {"predictor": found.component},
            "modelStatus": found.model_status,
            "deploymentMode": "Knative",
            "observedGeneration": len(found.revisions),
        }
        url = found.component.get("url")
        return json.loads(json.dumps({**status, **({"url": url} if url else {})}))


def _template(service: Json) -> Json:
    """Return the template of a revision: all of the object's labels and annotations are in it."""
    metadata, predictor = service["metadata"], service["spec"]["predictor"]
    model = predictor["model"]
    return {
        "labels": {**metadata.get("labels", {}), **predictor.get("labels", {})},
        "annotations": {
            **notes_of(service),
            "autoscaling.knative.dev/min-scale": str(predictor.get("minReplicas", 1)),
            "logger": json.dumps(predictor.get("logger")),
        },
        "container": {"name": "kserve-container", "runtime": model["runtime"], "env": model.get("env", [])},
    }
