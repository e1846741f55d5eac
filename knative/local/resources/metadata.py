"""The fields every object has."""

from __future__ import annotations

from knative.local.resources.fields import TEXT, TEXTS, Accepted, Check, Fields, Rule, Scalar
from knative.local.resources.names import namespace_problem, subdomain_problem

_BY_API = Accepted("set by the API, ignored when given")

METADATA: dict[str, Rule] = {
    "name": Scalar((str,), "a string", subdomain_problem),
    "namespace": Scalar((str,), "a string", namespace_problem),
    "labels": TEXTS,
    "annotations": TEXTS,
    "uid": _BY_API,
    "resourceVersion": TEXT,
    "generation": _BY_API,
    "creationTimestamp": _BY_API,
    "deletionTimestamp": _BY_API,
    "deletionGracePeriodSeconds": _BY_API,
    "managedFields": _BY_API,
    "selfLink": _BY_API,
    "ownerReferences": Accepted("the runtime deletes what a deleted object made by itself"),
    "finalizers": Accepted("nothing outside the runtime takes part in a deletion"),
}


def metadata(*checks: Check) -> Fields:
    """Return the rule of a top-level object's metadata."""
    return Fields(METADATA, required=("name",), checks=checks)


def template_metadata(*checks: Check) -> Fields:
    """Return the rule of a template's metadata, where everything is optional."""
    return Fields(METADATA, checks=checks)
