"""What the Kubernetes API says of the functions: which are there, ready, and how many processes each has."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

GROUP, VERSION = "serving.knative.dev", "v1"
MODEL_LABEL = "kascade.dev/model"
_SERVICE_LABEL = "serving.knative.dev/service"
_TIMEOUT_S = 5
_log = logging.getLogger(__name__)


class Unknown(Exception):
    """The API does not answer, or may not be asked; the message says why."""


@dataclass(frozen=True)
class Function:
    """A Knative Service.

    Attributes:
        state: `ready`, `starting`, `asleep` (scaled to zero) or `failing`.
        processes: how many run.
        message: why it is not ready.
        model: it serves this model, and is no function.
    """

    name: str
    state: str
    processes: int
    message: str = ""
    model: str | None = None


@dataclass(frozen=True)
class Waiting:
    """What a Trigger has not delivered yet, and what neither its subscriber nor its dead letter sink took.

    `never` says why no event can pass its filter, if so.
    """

    trigger: str
    deliveries: int
    parked: int
    never: str | None = None


class Cluster(Protocol):
    """Where functions run."""

    def functions(self) -> list[Function]:
        """Return all of them by name. Raises: Unknown."""
        ...

    def waiting(self) -> list[Waiting] | None:
        """Return the Triggers for which something waits; None where the platform does not tell."""
        ...


class KubernetesCluster:
    """Reads Knative Services and Revisions of one namespace."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    def functions(self) -> list[Function]:
        """See `Cluster`."""
        try:
            services, revisions = self._list("services"), self._list("revisions")
        except (
            Exception
        ) as error:  # the client raises its own and urllib3's, with addresses in their messages
            _log.warning("the API cannot be read", exc_info=True)
            raise Unknown(f"the Kubernetes API cannot be read ({type(error).__name__})") from error
        running: dict[str, int] = {}
        for each in revisions:
            service = each["metadata"].get("labels", {}).get(_SERVICE_LABEL, "")
            running[service] = running.get(service, 0) + int(
                each.get("status", {}).get("actualReplicas") or 0
            )
        found = [function_of(each, running.get(each["metadata"]["name"], 0)) for each in services]
        return sorted(found, key=lambda each: each.name)

    def waiting(self) -> list[Waiting] | None:
        """See `Cluster`. The local runtime's API tells it at a path of its own; Knative tells nobody."""
        try:
            found = self._api.api_client.call_api(
                "/waiting",
                "GET",
                query_params=[("events", "0")],
                auth_settings=["BearerToken"],
                response_type="object",
                _return_http_data_only=True,
                _request_timeout=_TIMEOUT_S,
            )
            return waiting_of(found, self._namespace)
        except Exception:  # the client raises its own and urllib3's; what is shown is only left out
            _log.info("the API does not say what waits for Triggers", exc_info=True)
            return None

    def _list(self, plural: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.list_namespaced_custom_object(
            GROUP, VERSION, self._namespace, plural, _request_timeout=_TIMEOUT_S
        )["items"]
        return found


class NoCluster:
    """Stands where there is no API that may be asked."""

    def __init__(self, why: str) -> None:
        self._why = why

    def functions(self) -> list[Function]:
        """See `Cluster`."""
        raise Unknown(self._why)

    def waiting(self) -> list[Waiting] | None:
        """See `Cluster`."""
        return None


def waiting_of(document: Mapping[str, Any], namespace: str) -> list[Waiting]:
    """Return the Triggers that something waits for, or that nothing can pass, as `/waiting` tells."""
    found = [
        Waiting(
            each["trigger"], sum(each["waiting"].values()), int(each["parked"]), each.get("never_matches")
        )
        for each in document["triggers"]
        if each["namespace"] == namespace
    ]
    shown = (each for each in found if each.deliveries or each.parked or each.never)
    return sorted(shown, key=lambda each: each.trigger)


def function_of(service: Mapping[str, Any], processes: int) -> Function:
    """Return what a Knative Service's conditions say, given how many processes it has."""
    name = service["metadata"]["name"]
    conditions = (service.get("status") or {}).get("conditions") or ()
    ready: Mapping[str, Any] = next((each for each in conditions if each.get("type") == "Ready"), {})
    message = str(ready.get("message") or ready.get("reason") or "")
    model = service["metadata"].get("labels", {}).get(MODEL_LABEL)
    match ready.get("status"):
        case "True":
            return Function(name, "ready" if processes else "asleep", processes, "", model)
        case "False":
            return Function(name, "failing", processes, message, model)
    return Function(name, "starting", processes, message, model)


def cluster_from_env(namespace: str) -> Cluster:
    """Return the cluster by KUBECONFIG, else the one that this pod is in; without either, none."""
    from kubernetes import client, config

    configuration = client.Configuration()
    configuration.retries = False
    try:
        try:
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            config.load_kube_config(client_configuration=configuration)
    except config.ConfigException:
        return NoCluster("no Kubernetes API is configured here")
    return KubernetesCluster(client.CustomObjectsApi(client.ApiClient(configuration)), namespace)
