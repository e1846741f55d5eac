"""The fields of serving.knative.dev objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from knative.local.resources.autoscaling import check_autoscaling
from knative.local.resources.fields import FLAG, TEXT, Accepted, Fields, Items, Problem, Rule, denied, whole
from knative.local.resources.metadata import template_metadata
from knative.local.resources.names import label_problem
from knative.local.resources.pods import POD, check_mounts
from knative.local.resources.serving_checks import check_pod

_SERVING_POD: dict[str, Rule] = {
    **POD,
    "containerConcurrency": whole(0, 1000),
    "timeoutSeconds": whole(0, 3600),
    "responseStartTimeoutSeconds": whole(0, 3600),
    "idleTimeoutSeconds": Accepted("only the time to the first byte of an answer is bounded"),
}
_TARGET = Fields(
    {
        "revisionName": TEXT,
        "configurationName": TEXT,
        "latestRevision": FLAG,
        "percent": whole(0, 100),
        "tag": TEXT,
        "url": TEXT,
    }
)


def _one_revision(target: Mapping[str, Any], path: str) -> Iterator[Problem]:
    name, latest = target.get("revisionName") or "", target.get("latestRevision")
    if latest is not None and bool(name) == latest:
        message = f'may not set revisionName "{name}" when latestRevision is {str(latest).lower()}'
        yield denied(f"{path}.latestRevision", message)
    for field in ("configurationName", "url"):
        if target.get(field):
            yield denied(f"{path}.{field}", "must not set the field(s)")
    if target.get("tag") and (complaint := label_problem(target["tag"])):
        yield denied(f"{path}.tag", f"not a DNS 1035 label: {complaint}")


def check_traffic(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield what is wrong with `spec.traffic`: percents sum to 100, tags are unique, one revision each."""
    targets = spec.get("traffic") or []
    if not targets:
        return
    for index, target in enumerate(targets):
        yield from _one_revision(target, f"{path}.traffic[{index}]")
    total = sum(target.get("percent") or 0 for target in targets)
    if total != 100:
        yield denied(f"{path}.traffic", f"Traffic targets sum to {total}, want 100")
    first: dict[str, int] = {}
    for index, target in enumerate(targets):
        tag = target.get("tag")
        if tag in first:
            paths = f"{path}.traffic[{first[tag]}].tag, {path}.traffic[{index}].tag"
            yield denied(paths, f'Multiple definitions for "{tag}"')
        elif tag:
            first[tag] = index


TEMPLATE = Fields(
    {
        "metadata": template_metadata(check_autoscaling),
        "spec": Fields(_SERVING_POD, required=("containers",), checks=(check_mounts, check_pod)),
    },
    required=("spec",),
)
SERVICE_SPEC = Fields(
    {"template": TEMPLATE, "traffic": Items(_TARGET)}, required=("template",), checks=(check_traffic,)
)


def check_revision_name(service: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield a problem when a revision is named but not after its Service, as Knative demands."""
    metadata = service["metadata"]
    named = ((service["spec"].get("template") or {}).get("metadata") or {}).get("name")
    if named and not named.startswith(f"{metadata['name']}-"):
        prefix = f"{metadata['name']}-"
        message = f'invalid value: "{named}" must have prefix "{prefix}"'
        yield denied("spec.template.metadata.name", message)
