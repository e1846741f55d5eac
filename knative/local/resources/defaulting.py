"""What Knative's webhooks add to an object before it is kept: one function for each kind.

Taken from `SetDefaults` of Knative 0.50 (Serving, Eventing). Before it sets defaults, a webhook reads an
object into its Go type and writes it back. That alone adds what the type always writes (`resources: {}`,
`httpGet.port: 0`) and drops what it leaves out when empty; it happens also where no defaults are set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]

BROKER_CLASS = "eventing.knative.dev/broker.class"
CREATOR, MODIFIER = "serving.knative.dev/creator", "serving.knative.dev/lastModifier"
EXECUTION_MODE = {"name": "K_EXECUTION_MODE", "value": "batch"}
USER = "kascade"
"""Who writes objects here: the one user that the API knows, that of the kubeconfig."""

_TIMEOUT_S, _CONCURRENCY = 300, 0
_BROKER_CONFIG = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "name": "config-br-default-channel",
    "namespace": "knative-eventing",
}
_BROKER_DELIVERY = {"retry": 10, "backoffPolicy": "exponential", "backoffDelay": "PT0.2S"}
# Go types leave these out when they are empty; others, such as `emptyDir: {}`, mean something when empty.
_DROPPED_WHEN_EMPTY = frozenset(
    {
        *("args", "command", "env", "envFrom", "ports", "volumeMounts", "volumes", "imagePullSecrets"),
        *("name", "value", "prefix", "workingDir", "path", "scheme", "httpHeaders", "imagePullPolicy"),
        *("labels", "annotations", "serviceAccountName", "requests", "limits", "tag", "revisionName"),
        *("initialDelaySeconds", "failureThreshold", "periodSeconds", "successThreshold", "nodeSelector"),
    }
)


def defaulted(body: Json, before: Mapping[str, Any] | None = None) -> Json:
    """Return a sound object as a cluster keeps it.

    Args:
        body: the object, with its namespace.
        before: the object that it is to replace, None for a new one.
    """
    step = _BY_KIND.get((str(body.get("apiVersion")), str(body.get("kind"))))
    return step(body, before) if step else body


def tidy(value: Any) -> Any:
    """Return a value without what a Go type leaves out when it is written: nulls, and empty fields."""
    if isinstance(value, list):
        return [tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: tidy(item) for key, item in value.items() if item is not None}
    return {key: item for key, item in kept.items() if item or key not in _DROPPED_WHEN_EMPTY}


def revision_name(template: Mapping[str, Any]) -> str:
    """Return the name that a template gives to its revision, empty when Knative is to choose it."""
    return str((template.get("metadata") or {}).get("name") or "")


def keeps_name(template: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    """Tell whether a Service's template names the same revision as before: then it gets no defaults."""
    name = revision_name(template)
    return bool(name and before is not None and name == revision_name(before["spec"]["template"]))


def _service(body: Json, before: Mapping[str, Any] | None) -> Json:
    template = written_template(body["spec"]["template"])
    if not keeps_name(template, before):
        template = {**template, "spec": _revision_spec(template["spec"], new=before is None)}
    traffic = tidy(body["spec"].get("traffic") or [{"latestRevision": True, "percent": 100}])
    targets = [
        {"latestRevision": not target.get("revisionName"), "percent": 0, **target} for target in traffic
    ]
    spec = {**body["spec"], "template": template, "traffic": targets}
    return _signed({**body, "spec": spec}, before)


def _signed(body: Json, before: Mapping[str, Any] | None) -> Json:
    """Note who made a Service and who changed it last, as a cluster does."""
    given = body["metadata"].get("annotations") or {}
    if before is None:
        given = {**given, CREATOR: USER, MODIFIER: USER}
    elif body["spec"] != before["spec"]:
        given = {**given, MODIFIER: USER}
    else:
        return body
    return {**body, "metadata": {**body["metadata"], "annotations": given}}


def written_template(template: Mapping[str, Any]) -> Json:
    """Return a pod's template as its Go type writes it, without defaults."""
    spec = tidy(template["spec"])
    containers = [_written_container(container) for container in spec["containers"]]
    metadata = {key: item for key, item in tidy(template.get("metadata") or {}).items() if key not in _BY_API}
    return {**template, "metadata": metadata, "spec": {**spec, "containers": containers}}


_BY_API = frozenset(
    {"creationTimestamp", "managedFields", "selfLink", "uid", "generation", "resourceVersion"}
)


def _written_container(container: Json) -> Json:
    written = {**container, "resources": container.get("resources") or {}}
    for name in ("readinessProbe", "livenessProbe", "startupProbe"):
        probe = dict(container.get(name) or {})
        for handler in ("httpGet", "tcpSocket"):
            if isinstance(probe.get(handler), dict):
                probe[handler] = {"port": 0, **probe[handler]}
        if name in container:
            written[name] = probe
    return written


def _revision_spec(spec: Json, *, new: bool) -> Json:
    filled = {
        **spec,
        "timeoutSeconds": spec.get("timeoutSeconds") or _TIMEOUT_S,
        "containerConcurrency": spec.get("containerConcurrency", _CONCURRENCY),
        "containers": [_serving_container(container, spec) for container in spec["containers"]],
    }
    return {"enableServiceLinks": False, **filled} if new else filled


def _serving_container(container: Json, spec: Mapping[str, Any]) -> Json:
    probe = dict(container.get("readinessProbe") or {})
    if not any(handler in probe for handler in ("httpGet", "tcpSocket", "exec", "grpc")):
        probe["tcpSocket"] = {"port": 0}
    probe["successThreshold"] = probe.get("successThreshold") or 1
    if probe.get("periodSeconds"):
        probe["failureThreshold"] = probe.get("failureThreshold") or 3
        probe["timeoutSeconds"] = probe.get("timeoutSeconds") or 1
    filled = {"name": "user-container", **container, "readinessProbe": probe}
    own = {volume.get("name") for volume in spec.get("volumes") or () if "emptyDir" in volume}
    if container.get("volumeMounts"):
        filled["volumeMounts"] = [
            mount if mount.get("name") in own else {**mount, "readOnly": True}
            for mount in container["volumeMounts"]
        ]
    return filled


def _broker(body: Json, before: Mapping[str, Any] | None) -> Json:
    given = body.get("spec") or {}
    config = {"namespace": body["metadata"].get("namespace", ""), **(given.get("config") or _BROKER_CONFIG)}
    delivery = given.get("delivery") or _BROKER_DELIVERY
    spec = {**given, "config": config, "delivery": _delivery(delivery, body)}
    notes = {BROKER_CLASS: "MTChannelBasedBroker", **(body["metadata"].get("annotations") or {})}
    return {**body, "metadata": {**body["metadata"], "annotations": notes}, "spec": spec}


def _trigger(body: Json, before: Mapping[str, Any] | None) -> Json:
    given = body["spec"]
    spec = {"filter": {}, **given, "subscriber": _placed(given["subscriber"], body)}
    if given.get("delivery"):
        spec["delivery"] = _delivery(given["delivery"], body)
    labels = {**(body["metadata"].get("labels") or {}), "eventing.knative.dev/broker": given["broker"]}
    return {**body, "metadata": {**body["metadata"], "labels": labels}, "spec": spec}


def _ping_source(body: Json, before: Mapping[str, Any] | None) -> Json:
    return {**body, "spec": {**body["spec"], "schedule": body["spec"].get("schedule") or "* * * * *"}}


def _api_server_source(body: Json, before: Mapping[str, Any] | None) -> Json:
    given = body["spec"]
    defaults = {"mode": "Reference", "serviceAccountName": "default"}
    return {**body, "spec": {**defaults, **given, "sink": _placed(given["sink"], body)}}


def _sink_binding(body: Json, before: Mapping[str, Any] | None) -> Json:
    given = body["spec"]
    subject = {"namespace": body["metadata"].get("namespace", ""), **given["subject"]}
    return {**body, "spec": {**given, "subject": subject, "sink": _placed(given["sink"], body)}}


def _job_sink(body: Json, before: Mapping[str, Any] | None) -> Json:
    job = body["spec"]["job"]
    template = written_template(job["spec"]["template"])
    containers = [in_batch(container) for container in template["spec"]["containers"]]
    template = {**template, "spec": {**template["spec"], "containers": containers}}
    written = {"metadata": {}, "status": {}, **job, "spec": {**job["spec"], "template": template}}
    return {**body, "spec": {**body["spec"], "job": written}}


def in_batch(container: Json) -> Json:
    """Return a container that is to run in batch mode, as a JobSink asks of the containers of its Jobs."""
    given = container.get("env") or []
    if any(entry["name"] == EXECUTION_MODE["name"] for entry in given):
        return container
    return {**container, "env": [*given, EXECUTION_MODE]}


def _delivery(delivery: Mapping[str, Any], body: Mapping[str, Any]) -> Json:
    sink = delivery.get("deadLetterSink")
    return {**delivery, "deadLetterSink": _placed(sink, body)} if sink else dict(delivery)


def _placed(destination: Mapping[str, Any], body: Mapping[str, Any]) -> Json:
    """Return a Destination whose ref names its namespace: that of the object when it says none."""
    ref = destination.get("ref")
    if not ref or ref.get("namespace"):
        return dict(destination)
    return {**destination, "ref": {**ref, "namespace": body["metadata"].get("namespace", "")}}


_BY_KIND: Mapping[tuple[str, str], Callable[[Json, Mapping[str, Any] | None], Json]] = {
    ("serving.knative.dev/v1", "Service"): _service,
    ("eventing.knative.dev/v1", "Broker"): _broker,
    ("eventing.knative.dev/v1", "Trigger"): _trigger,
    ("sources.knative.dev/v1", "PingSource"): _ping_source,
    ("sources.knative.dev/v1", "ApiServerSource"): _api_server_source,
    ("sources.knative.dev/v1", "SinkBinding"): _sink_binding,
    ("sinks.knative.dev/v1alpha1", "JobSink"): _job_sink,
}
