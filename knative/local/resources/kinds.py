"""Every kind of object the runtime knows, with its fields. A kind that is not here is an error."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from knative.local.resources import batch, eventing, serving
from knative.local.resources.autoscaling import check_no_autoscaling
from knative.local.resources.custom import definitions
from knative.local.resources.fields import FLAG, TEXT, TEXTS, Accepted, Check, Fields, Problem, Rule, denied
from knative.local.resources.fields import Mapped as MappedTo
from knative.local.resources.metadata import metadata
from knative.local.resources.names import label_problem

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of object, as the API's discovery tells it and as manifests are checked.

    `custom`: a controller elsewhere acts on its objects: it writes their status, and may hold a deletion up.
    """

    group: str
    version: str
    name: str
    rule: Rule
    short: tuple[str, ...] = ()
    namespaced: bool = True
    written_by_users: bool = True
    custom: bool = False

    @property
    def plural(self) -> str:
        """The name of its collection, as paths have it."""
        name = self.name.lower()
        return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The name Kubernetes uses in messages, e.g. `services.serving.knative.dev`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _whole_object(
    fields: Mapping[str, Rule],
    required: tuple[str, ...] = (),
    *,
    about: tuple[Check, ...] = (),
    checks: tuple[Check, ...] = (),
) -> Fields:
    base: dict[str, Rule] = {
        "apiVersion": TEXT,
        "kind": TEXT,
        "metadata": metadata(*about),
        "status": Accepted("set by the runtime, ignored when given"),
    }
    return Fields({**base, **fields}, required=("metadata", *required), checks=checks)


def _label_name(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if complaint := label_problem(value["name"]):
        yield denied(f"{path}.name", f"not a DNS 1035 label: {complaint}")


def _watched_kinds(body: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield a problem for what an ApiServerSource is to watch and there is none of: it would never tell."""
    for number, each in enumerate(body["spec"]["resources"]):
        if kind_of(each) is None:
            yield Problem(f"spec.resources[{number}].kind", unknown_kind(each))


_NO_RIGHTS = Accepted("the API on one machine has one token, for everything")
_SERVING, _EVENTING, _SOURCES = "serving.knative.dev", "eventing.knative.dev", "sources.knative.dev"
_RBAC = "rbac.authorization.k8s.io"


def _spec(rule: Rule) -> Fields:
    return _whole_object({"spec": rule}, ("spec",))


def _unused(why: str) -> Fields:
    return _whole_object({"spec": Accepted(why)})


_LOOPBACK = "processes of one machine reach each other on the loopback address"
_ANY_SPEC = _unused("made by the runtime")
_RULES = _whole_object({"rules": _NO_RIGHTS, "aggregationRule": _NO_RIGHTS})
_BINDING = _whole_object({"roleRef": _NO_RIGHTS, "subjects": _NO_RIGHTS})
_CONFIG_MAP = _whole_object({"data": TEXTS, "binaryData": MappedTo(TEXT), "immutable": FLAG})
_SECRET = _whole_object({"data": MappedTo(TEXT), "stringData": TEXTS, "type": TEXT, "immutable": FLAG})
_ACCOUNT = _whole_object(
    {"secrets": _NO_RIGHTS, "imagePullSecrets": _NO_RIGHTS, "automountServiceAccountToken": _NO_RIGHTS}
)

SERVICE = Kind(
    _SERVING,
    "v1",
    "Service",
    _whole_object(
        {"spec": serving.SERVICE_SPEC},
        ("spec",),
        about=(_label_name, check_no_autoscaling),
        checks=(serving.check_revision_name,),
    ),
    ("kservice", "ksvc"),
)
REVISION = Kind(_SERVING, "v1", "Revision", _ANY_SPEC, ("rev",), written_by_users=False)
CONFIGURATION = Kind(_SERVING, "v1", "Configuration", _ANY_SPEC, ("config", "cfg"), written_by_users=False)
ROUTE = Kind(_SERVING, "v1", "Route", _ANY_SPEC, ("rt",), written_by_users=False)
BROKER = Kind(_EVENTING, "v1", "Broker", _whole_object({"spec": eventing.BROKER_SPEC}))
TRIGGER = Kind(_EVENTING, "v1", "Trigger", _spec(eventing.TRIGGER_SPEC))
PING_SOURCE = Kind(_SOURCES, "v1", "PingSource", _spec(eventing.PING_SPEC))
API_SERVER_SOURCE = Kind(
    _SOURCES,
    "v1",
    "ApiServerSource",
    _whole_object({"spec": eventing.API_SERVER_SPEC}, ("spec",), checks=(_watched_kinds,)),
)
SINK_BINDING = Kind(
    _SOURCES,
    "v1",
    "SinkBinding",
    _whole_object({"spec": eventing.BINDING_SPEC}, ("spec",), checks=(eventing.check_subject_namespace,)),
)
JOB_SINK = Kind("sinks.knative.dev", "v1alpha1", "JobSink", _spec(eventing.JOB_SINK_SPEC))
JOB = Kind("batch", "v1", "Job", _spec(batch.JOB_SPEC))
CONFIG_MAP = Kind("", "v1", "ConfigMap", _CONFIG_MAP, ("cm",))
SECRET = Kind("", "v1", "Secret", _SECRET)
NAMESPACE = Kind("", "v1", "Namespace", _unused("a namespace is a name"), ("ns",), namespaced=False)
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", _ACCOUNT, ("sa",))
_ROLES = (
    Kind(_RBAC, "v1", "Role", _RULES),
    Kind(_RBAC, "v1", "RoleBinding", _BINDING),
    Kind(_RBAC, "v1", "ClusterRole", _RULES, namespaced=False),
    Kind(_RBAC, "v1", "ClusterRoleBinding", _BINDING, namespaced=False),
)
_UNTOUCHED = (
    Kind(
        "policy", "v1", "PodDisruptionBudget", _unused("no node is drained: there is one machine"), ("pdb",)
    ),
    Kind("networking.k8s.io", "v1", "NetworkPolicy", _unused(_LOOPBACK), ("netpol",)),
    Kind(_EVENTING, "v1alpha1", "EventPolicy", _unused("who may send is said by KASCADE_TOKENS")),
)
_CUSTOM = tuple(
    Kind(each.group, each.version, each.name, _spec(each.spec), each.short, custom=True)
    for each in definitions()
)

KINDS: tuple[Kind, ...] = (
    NAMESPACE,
    SERVICE_ACCOUNT,
    *_ROLES,
    CONFIG_MAP,
    SECRET,
    JOB,
    SERVICE,
    CONFIGURATION,
    REVISION,
    ROUTE,
    BROKER,
    TRIGGER,
    JOB_SINK,
    SINK_BINDING,
    PING_SOURCE,
    API_SERVER_SOURCE,
    *_UNTOUCHED,
    *_CUSTOM,
)
_MOST_PROBLEMS = 100
"""Told of one object: for each unknown field the nearest known one is looked for."""
_BY_TYPE = {(kind.api_version, kind.name): kind for kind in KINDS}
_BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}


def kind_of(body: Mapping[str, Any]) -> Kind | None:
    """Return the kind that `apiVersion` and `kind` of `body` name, or None when it is not known."""
    return _BY_TYPE.get((str(body.get("apiVersion")), str(body.get("kind"))))


def kind_at(group: str, version: str, plural: str) -> Kind | None:
    """Return the kind served at a path of the API, or None."""
    return _BY_PATH.get((group, version, plural))


def unknown_kind(body: Mapping[str, Any]) -> str:
    """Return a sentence saying that the kind of `body` is not known, with the nearest that is."""
    given = f"{body.get('apiVersion')} {body.get('kind')}"
    names = [f"{kind.api_version} {kind.name}" for kind in KINDS if kind.written_by_users]
    near = difflib.get_close_matches(given, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"the local runtime cannot run a {given}{hint}"


def problems_of(body: Mapping[str, Any]) -> list[Problem]:
    """Return everything that is wrong with the object `body`, in the order of its fields."""
    kind = kind_of(body)
    if kind is None:
        return [Problem("kind", unknown_kind(body))]
    if not kind.written_by_users:
        return [Problem("kind", f"a {kind.name} is made by its Service; write the Service instead")]
    return list(islice(kind.rule.check(body, ""), _MOST_PROBLEMS))
