"""Deploys models as Knative Services through the Kubernetes API: of a cluster, or of the local runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from functions.roll_out_model.deployer import Refused, Unavailable
from functions.roll_out_model.knative_service import (
    API_VERSION,
    EVENTING_GROUP,
    GROUP,
    MODEL_LABEL,
    SERVICE_LABEL,
    Json,
    ServingOptions,
    observed_in,
    service_of,
    shadow_name,
    shadow_of,
    template_of,
    traffic_of,
    traffic_to,
)
from functions.roll_out_model.logic import Observed, Route, Wanted

_T = TypeVar("_T")
_TIMEOUT_S = 10
_PASSING = frozenset({408, 409, 429})


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
        return observed_in(service, self._revisions(model), self._get("triggers", shadow_name(model)))

    def ensure_revision(self, wanted: Wanted, keep: str | None) -> None:
        """See `Deployer`."""
        body = service_of(wanted, keep, self._options)
        known = self._get("services", wanted.model)
        if known is None:
            self._call(self._api.create_namespaced_custom_object, "services", body)
            return
        _check_ours(known, wanted.model)
        self._patch(wanted.model, body["spec"])

    def shift(self, model: str, route: Route) -> None:
        """See `Deployer`."""
        self._patch(model, {"traffic": traffic_of(route)})

    def copy(self, model: str, champion: int, address: str | None) -> None:
        """See `Deployer`. A Trigger that leads elsewhere is made anew: a broker's copies have one address."""
        name = shadow_name(model)
        known = self._get("triggers", name)
        if address is None:
            self._delete("triggers", name)
            return
        wanted = shadow_of(model, champion, address, self._options.namespace)
        if known is not None and known["spec"].get("subscriber") == wanted["spec"]["subscriber"]:
            return
        if known is not None:
            self._delete("triggers", name)
        self._call(self._api.create_namespaced_custom_object, "triggers", wanted)

    def remove(self, model: str, revision: str, fallback: Wanted | None) -> None:
        """See `Deployer`. The fallback's own revision is taken up as it is, whatever the options are now."""
        if fallback is None:
            self._delete("services", model)
            return
        kept = self._get("revisions", fallback.revision)
        template = template_of(fallback, self._options)
        if kept is not None:
            template["spec"] = kept["spec"]
        if self._get("services", model) is None:
            self.ensure_revision(fallback, None)
        else:
            self._patch(
                model, {"template": template, "traffic": traffic_to(fallback.revision if kept else None)}
            )
        self._delete("revisions", revision)

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

    def _patch(self, model: str, spec: Json) -> None:
        try:
            self._call(self._api.patch_namespaced_custom_object, "services", model, {"spec": spec})
        except _Missing as error:
            raise Unavailable(f"the Service {model} has just been deleted") from error

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
            said = f"the API answered {error.status} {error.reason}: {_message(error)}"
            if error.status in _PASSING or not error.status or error.status >= 500:
                raise Unavailable(said) from error
            raise Refused(said) from error
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
