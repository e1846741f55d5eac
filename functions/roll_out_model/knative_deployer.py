"""Deploys models as Knative Services through the Kubernetes API: of a cluster, or of the local runtime."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

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

_T = TypeVar("_T")
_TIMEOUT_S = 10
_TRANSIENT = frozenset({408, 409, 429})
_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


def cluster_api() -> client.CustomObjectsApi:
    """Open the API by KUBECONFIG, else as a pod of the cluster. Raises: kubernetes' ConfigException."""
    configuration = client.Configuration()
    configuration.retries = False
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        config.load_kube_config(client_configuration=configuration)
    return client.CustomObjectsApi(client.ApiClient(configuration))


class KnativeDeployer:
    """A `Deployer` over serving.knative.dev/v1."""

    def __init__(self, api: client.CustomObjectsApi, options: ServingOptions) -> None:
        self._api = api
        self._options = options

    def observe(self, model: str) -> Observed:
        """See `Deployer`."""
        service = self._get("services", model)
        if service is None:
            return Observed()
        _check_ours(service, model)
        shadow = self._get("triggers", shadow_name(model))
        return observed_in(service, self._revisions(model), shadow, self._options)

    def deploy(self, version: ServedVersion, keep: int | None) -> None:
        """See `Deployer`."""
        model = version.model
        service = self._get("services", model)
        if service is None:
            body = service_of(version, None, self._options)
            self._call(self._api.create_namespaced_custom_object, "services", body)
            return
        _check_ours(service, model)
        others = {each["metadata"]["name"] for each in self._revisions(model)} - {version.name}
        kept = version_name(model, keep) if keep is not None else None
        if kept not in others:
            kept = serving_most(service, others)
        self._apply(service, service_of(version, kept, self._options)["spec"])

    def shift(self, model: str, traffic: Traffic) -> None:
        """See `Deployer`."""
        self._patch("services", model, {"traffic": traffic_of(model, traffic)})

    def mirror(self, model: str, traffic: Traffic | None) -> None:
        """See `Deployer`. A Trigger that leads elsewhere is changed: one made anew may get no events."""
        name = shadow_name(model)
        if traffic is None:
            self._delete("triggers", name)
            return
        known, trigger = self._get("triggers", name), shadow_of(model, traffic.champion, self._options)
        if known is None:
            self._call(self._api.create_namespaced_custom_object, "triggers", trigger)
        elif any(known["spec"].get(field) != trigger["spec"][field] for field in ("subscriber", "filters")):
            self._patch("triggers", name, trigger["spec"])

    def remove(self, model: str, version: int, fallback: ServedVersion) -> None:
        """See `Deployer`. The fallback's own revision is taken up as it is, whatever the options are now.

        The revision is deleted once the platform works by the fallback's template: before, it would make the
        revision again.
        """
        self.mirror(model, None)
        service = self._get("services", model)
        if service is None:
            self.deploy(fallback, None)
            return
        kept = self._get("revisions", fallback.name)
        template = template_of(fallback, self._options)
        if kept is not None:
            template["spec"] = kept["spec"]
        self._apply(service, {"template": template, "traffic": traffic_to(fallback.name if kept else None)})
        self._wait_until_in_use(fallback)
        self._delete("revisions", version_name(model, version))

    def delete(self, model: str) -> bool:
        """See `Deployer`. The Trigger goes in any case: it may be left of a Service that was deleted."""
        self.mirror(model, None)
        service = self._get("services", model)
        if service is None:
            return True
        _check_ours(service, model)
        self._delete("services", model)
        return self._get("services", model) is None

    def _wait_until_in_use(self, version: ServedVersion) -> None:
        """Wait briefly until the platform works by a template. Raises: Unavailable when it does not."""
        for pause_s in _PAUSES_S:
            service = self._get("services", version.model)
            if service is not None and works_by(service, version.name):
                return
            time.sleep(pause_s)
        raise Unavailable(f"the Service {version.model} has not taken up {version.name} again yet")

    def _apply(self, service: Json, spec: Json) -> None:
        """Have a Service take a template and traffic. A template that it has by name cannot be changed."""
        known = (service["spec"]["template"].get("metadata") or {}).get("name")
        if known == spec["template"]["metadata"]["name"]:
            spec = {"traffic": spec["traffic"]}
        self._patch("services", service["metadata"]["name"], spec)

    def _revisions(self, model: str) -> list[Json]:
        listed: Json = self._call(
            self._api.list_namespaced_custom_object, "revisions", label_selector=f"{SERVICE_LABEL}={model}"
        )
        return list(listed["items"])

    def _get(self, plural: str, name: str) -> Json | None:
        try:
            found: Json = self._call(self._api.get_namespaced_custom_object, plural, name)
        except _Missing:
            return None
        return found

    def _patch(self, plural: str, name: str, spec: Json) -> None:
        try:
            self._call(self._api.patch_namespaced_custom_object, plural, name, {"spec": spec})
        except _Missing as error:
            raise Unavailable(f"{name} of {plural} has just been deleted") from error

    def _delete(self, plural: str, name: str) -> None:
        try:
            self._call(self._api.delete_namespaced_custom_object, plural, name)
        except _Missing:
            return

    def _call(self, method: Callable[..., _T], plural: str, *args: Any, **kwargs: Any) -> _T:
        """Call the API; turn its errors into the port's."""
        group = EVENTING_GROUP if plural == "triggers" else GROUP
        where = (group, API_VERSION, self._options.namespace, plural)
        try:
            return method(*where, *args, _request_timeout=_TIMEOUT_S, **kwargs)
        except ApiException as error:
            if error.status == 404 and method.__name__ != "create_namespaced_custom_object":
                raise _Missing from error
            reply = f"the API answered {error.status} {error.reason}: {_message(error)}"
            if error.status in _TRANSIENT or not error.status or error.status >= 500:
                raise Unavailable(reply) from error
            raise Refused(reply) from error
        except (HTTPError, OSError) as error:
            raise Unavailable(f"the API cannot be reached: {error}") from error


class _Missing(Exception):
    """The object does not exist."""


def _check_ours(service: Json, model: str) -> None:
    labels = service["metadata"].get("labels") or {}
    if labels.get(MODEL_LABEL) != model:
        raise Refused(
            f"the Service {model} exists and is not a model's: it has no label {MODEL_LABEL}={model}; "
            "rename the model, or delete that Service"
        )


def _message(error: ApiException) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    return body[:500]
