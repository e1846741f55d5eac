"""Objects of one namespace through the Kubernetes API, with its errors as those of the port to a platform.

A passing fault is waited for: an API that is away, hangs or is busy, a token that has expired, a right that
is missing, a kind of object that is not installed. What the API or a webhook refuses is refused for good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from functions.roll_out_model.deployer import Refused, Unavailable

Json = dict[str, Any]
_T = TypeVar("_T")
_TIMEOUT_S = 10
_TRANSIENT = frozenset({401, 408, 429})
_PATH = "/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}"
_APPLY = "application/apply-patch+yaml"
_MISSING_RIGHT = re.compile(r"cannot \w+ resource")


@dataclass(frozen=True)
class Resource:
    """Where the objects of one kind are, as the API's paths have it."""

    group: str
    version: str
    plural: str

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}"


class Changed(Unavailable):
    """The object was changed since it was read, or exists already."""


class OwnedElsewhere(Refused):
    """Somebody else has set a field that would be changed."""


class NotServed(Unavailable):
    """The API knows no objects of this kind."""


def cluster_api() -> client.CustomObjectsApi:
    """Open the API by KUBECONFIG, else as a pod of the cluster. Raises: kubernetes' ConfigException."""
    configuration = client.Configuration()
    configuration.retries = False
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        config.load_kube_config(client_configuration=configuration)
    return client.CustomObjectsApi(client.ApiClient(configuration))


class KubernetesObjects:
    """Reads and writes custom objects. Every method raises Unavailable and Refused.

    With `reopen` the API is opened anew when it answers 401: the token may have been renewed in its file.
    """

    def __init__(
        self,
        api: client.CustomObjectsApi,
        namespace: str,
        reopen: Callable[[], client.CustomObjectsApi] | None = None,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._reopen = reopen

    def in_namespace(self, namespace: str) -> KubernetesObjects:
        """Return the objects of another namespace."""
        return KubernetesObjects(self._api, namespace, self._reopen)

    def get(self, resource: Resource, name: str) -> Json | None:
        """Return an object, or None when there is none of this name."""
        return self._existing(
            resource, lambda api, where: api.get_namespaced_custom_object(**where, name=name, **_LIMIT)
        )

    def list(self, resource: Resource, label_selector: str) -> list[Json]:
        """Return the objects that have a label."""
        found = self._existing(
            resource,
            lambda api, where: api.list_namespaced_custom_object(
                **where, label_selector=label_selector, **_LIMIT
            ),
        )
        return list(found["items"]) if found else []

    def create(self, resource: Resource, body: Json) -> None:
        """Make an object."""
        self._call(
            resource, lambda api, where: api.create_namespaced_custom_object(**where, body=body, **_LIMIT)
        )

    def patch(self, resource: Resource, name: str, patch: Json) -> None:
        """Merge fields into an object, which exists."""
        done = self._existing(
            resource,
            lambda api, where: api.patch_namespaced_custom_object(**where, name=name, body=patch, **_LIMIT),
        )
        if done is None:
            raise Unavailable(f"{name} of {resource.plural} has just been deleted")

    def apply(self, resource: Resource, body: Json, manager: str) -> Json:
        """Apply an object on the server side: what `manager` set before and leaves out now is removed.

        Returns: the object as it is after that.

        Raises: OwnedElsewhere when it would change what somebody else has set.
        """

        def send(api: client.CustomObjectsApi, where: dict[str, str]) -> Any:
            return api.api_client.call_api(
                _PATH,
                "PATCH",
                path_params={**where, "name": body["metadata"]["name"]},
                query_params=[("fieldManager", manager), ("fieldValidation", "Strict")],
                header_params={"Accept": "application/json", "Content-Type": _APPLY},
                body=body,
                response_type="object",
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                **_LIMIT,
            )

        return self._call(resource, send)

    def delete(self, resource: Resource, name: str) -> None:
        """Take an object away, if it is there."""
        self._existing(
            resource, lambda api, where: api.delete_namespaced_custom_object(**where, name=name, **_LIMIT)
        )

    def _existing(self, resource: Resource, send: _Send[Any]) -> Json | None:
        try:
            return self._call(resource, send)
        except _Missing:
            return None

    def _call(self, resource: Resource, send: _Send[Any]) -> Json:
        """Ask the API, once more with its token read anew when that is refused."""
        where = {
            "group": resource.group,
            "version": resource.version,
            "namespace": self._namespace,
            "plural": resource.plural,
        }
        try:
            return _object(_answer(resource, lambda: send(self._api, where)))
        except _TokenRefused:
            if self._reopen is None:
                raise
        try:
            self._api = self._reopen()
        except (config.ConfigException, OSError) as error:
            raise Unavailable(f"the API cannot be opened: {error}") from error
        return _object(_answer(resource, lambda: send(self._api, where)))


_Send = Callable[[client.CustomObjectsApi, dict[str, str]], _T]
_LIMIT = {"_request_timeout": _TIMEOUT_S}


class _Missing(Refused):
    """The object, or the namespace that it is to be in, does not exist."""


class _TokenRefused(Unavailable):
    """The API does not know who asks."""


def _answer(resource: Resource, send: Callable[[], Any]) -> Any:
    """Return the API's answer; turn its errors into the port's."""
    try:
        return send()
    except ApiException as error:
        raise _error_of(resource, error) from error
    except (HTTPError, OSError) as error:
        raise Unavailable(f"the API cannot be reached: {error}") from error


def _error_of(resource: Resource, error: ApiException) -> Unavailable | Refused:
    message = _message(error)
    reply = f"the API answered {error.status} {error.reason}: {message}"
    match error.status:
        case 401:
            return _TokenRefused(f"{reply}; the token of this function is not accepted")
        case 403 if _MISSING_RIGHT.search(message):
            return Unavailable(f"{reply}; its Role must allow this")
        case 404 if not _is_about_an_object(error):
            return NotServed(f"{reply}; {resource} cannot be used here: is its platform installed?")
        case 404:
            return _Missing(reply)
        case 409 if "conflict with" in message:
            return OwnedElsewhere(f"{reply}; have whoever that is give the field up, and ask again")
        case 409:
            return Changed(reply)
        case status if not status or status in _TRANSIENT or status >= 500:
            return Unavailable(reply)
    return Refused(reply)


def _is_about_an_object(error: ApiException) -> bool:
    """Say whether a 404 is about an object or a namespace that is not there, and not about their kind."""
    try:
        details = json.loads(error.body or "{}").get("details") or {}
    except (ValueError, AttributeError):
        return False
    return bool(details.get("name"))


def _object(answer: Any) -> Json:
    if not isinstance(answer, dict):
        raise Unavailable(f"the API answered what is no object: {str(answer)[:200]}")
    return answer


def _message(error: ApiException) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        message = json.loads(body).get("message")
    except (ValueError, AttributeError):
        message = None
    return str(message or body)[:500]
