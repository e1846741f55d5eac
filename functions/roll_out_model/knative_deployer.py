"""Deploys models as Knative Services through the Kubernetes API: of a cluster, or of the local runtime."""

from __future__ import annotations

import time

from functions.roll_out_model.deployer import (
    Observed,
    Refused,
    ServedVersion,
    Traffic,
    Unavailable,
    version_name,
)
from functions.roll_out_model.knative_service import (
    API_VERSION,
    EVENTING_GROUP,
    GROUP,
    MODEL_LABEL,
    SERVICE_LABEL,
    Json,
    ServingOptions,
    service_of,
    shadow_name,
    shadow_of,
    template_of,
    traffic_of,
    traffic_to,
)
from functions.roll_out_model.knative_status import observed_in, serving_most, works_by
from functions.roll_out_model.kubernetes_objects import KubernetesObjects, Resource

SERVICES = Resource(GROUP, API_VERSION, "services")
REVISIONS = Resource(GROUP, API_VERSION, "revisions")
TRIGGERS = Resource(EVENTING_GROUP, API_VERSION, "triggers")
_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


class KnativeDeployer:
    """A `Deployer` over serving.knative.dev/v1."""

    former_can_watch = True

    def __init__(self, objects: KubernetesObjects, options: ServingOptions) -> None:
        self._objects = objects
        self._options = options

    def observe(self, model: str) -> Observed:
        """See `Deployer`."""
        service = self._objects.get(SERVICES, model)
        if service is None:
            return Observed()
        _check_ours(service, model)
        shadow = self._objects.get(TRIGGERS, shadow_name(model))
        return observed_in(service, self._revisions(model), shadow, self._options)

    def deploy(self, version: ServedVersion, keep: int | None) -> None:
        """See `Deployer`."""
        model = version.model
        service = self._objects.get(SERVICES, model)
        if service is None:
            body = service_of(version, None, self._options)
            self._objects.create(SERVICES, body)
            return
        _check_ours(service, model)
        others = {each["metadata"]["name"] for each in self._revisions(model)} - {version.name}
        kept = version_name(model, keep) if keep is not None else None
        if kept not in others:
            kept = serving_most(service, others)
        self._apply(service, service_of(version, kept, self._options)["spec"])

    def shift(self, model: str, traffic: Traffic) -> None:
        """See `Deployer`."""
        self._objects.patch(SERVICES, model, {"spec": {"traffic": traffic_of(model, traffic)}})

    def mirror(self, model: str, traffic: Traffic | None) -> None:
        """See `Deployer`. A Trigger that leads elsewhere is changed: one made anew may get no events."""
        name = shadow_name(model)
        if traffic is None:
            self._objects.delete(TRIGGERS, name)
            return
        known, trigger = self._objects.get(TRIGGERS, name), shadow_of(model, traffic.champion, self._options)
        if known is None:
            self._objects.create(TRIGGERS, trigger)
        elif any(known["spec"].get(field) != trigger["spec"][field] for field in ("subscriber", "filters")):
            self._objects.patch(TRIGGERS, name, {"spec": trigger["spec"]})

    def remove(self, model: str, version: int, fallback: ServedVersion) -> None:
        """See `Deployer`. The fallback's own revision is taken up as it is, whatever the options are now.

        The revision is deleted once the platform works by the fallback's template: before, it would make the
        revision again.
        """
        self.mirror(model, None)
        service = self._objects.get(SERVICES, model)
        if service is None:
            self.deploy(fallback, None)
            return
        kept = self._objects.get(REVISIONS, fallback.name)
        template = template_of(fallback, self._options)
        if kept is not None:
            template["spec"] = kept["spec"]
        self._apply(service, {"template": template, "traffic": traffic_to(fallback.name if kept else None)})
        self._wait_until_in_use(fallback)
        self._objects.delete(REVISIONS, version_name(model, version))

    def delete(self, model: str) -> bool:
        """See `Deployer`. The Trigger goes in any case: it may be left of a Service that was deleted."""
        self.mirror(model, None)
        service = self._objects.get(SERVICES, model)
        if service is None:
            return True
        _check_ours(service, model)
        self._objects.delete(SERVICES, model)
        return self._objects.get(SERVICES, model) is None

    def _wait_until_in_use(self, version: ServedVersion) -> None:
        """Wait briefly until the platform works by a template. Raises: Unavailable when it does not."""
        for pause_s in _PAUSES_S:
            service = self._objects.get(SERVICES, version.model)
            if service is not None and works_by(service, version.name):
                return
            time.sleep(pause_s)
        raise Unavailable(f"the Service {version.model} has not taken up {version.name} again yet")

    def _apply(self, service: Json, spec: Json) -> None:
        """Have a Service take a template and traffic. A template that it has by name cannot be changed."""
        known = (service["spec"]["template"].get("metadata") or {}).get("name")
        if known == spec["template"]["metadata"]["name"]:
            spec = {"traffic": spec["traffic"]}
        self._objects.patch(SERVICES, service["metadata"]["name"], {"spec": spec})

    def _revisions(self, model: str) -> list[Json]:
        return self._objects.list(REVISIONS, f"{SERVICE_LABEL}={model}")


def _check_ours(service: Json, model: str) -> None:
    labels = service["metadata"].get("labels") or {}
    if labels.get(MODEL_LABEL) != model:
        raise Refused(
            f"the Service {model} exists and is not a model's: it has no label {MODEL_LABEL}={model}; "
            "rename the model, or delete that Service"
        )
