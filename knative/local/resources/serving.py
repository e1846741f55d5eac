"""The fields of serving.knative.dev objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from knative.local.resources.fields import FLAG, TEXT, Accepted, Fields, Items, Problem, Rule, Scalar, whole
from knative.local.resources.metadata import check_autoscaling, template_metadata
from knative.local.resources.names import label_problem
from knative.local.resources.pods import POD

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
        "tag": Scalar((str,), "a string", label_problem),
        "url": Accepted("set by the API, ignored when given"),
    }
)


def _one_revision(target: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if target.get("latestRevision") and target.get("revisionName"):
        yield Problem(path, "may not have both revisionName and latestRevision: true")
    if not target.get("latestRevision") and not target.get("revisionName"):
        yield Problem(path, "needs revisionName or latestRevision: true")
    if target.get("configurationName"):
        yield Problem(f"{path}.configurationName", "may not be set in a Service")


def check_traffic(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield what is wrong with `spec.traffic`: percents sum to 100, tags are unique, one revision each."""
    targets = spec.get("traffic") or []
    if not targets:
        return
    for index, target in enumerate(targets):
        yield from _one_revision(target, f"{path}.traffic[{index}]")
    total = sum(target.get("percent") or 0 for target in targets)
    if total != 100:
        yield Problem(f"{path}.traffic", f"percents must sum to 100, not {total}")
    tags = [target["tag"] for target in targets if target.get("tag")]
    for tag in sorted({tag for tag in tags if tags.count(tag) > 1}):
        yield Problem(f"{path}.traffic", f"the tag {tag} is given twice")


TEMPLATE = Fields(
    {
        "metadata": template_metadata(check_autoscaling),
        "spec": Fields(_SERVING_POD, required=("containers",)),
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
        yield Problem("spec.template.metadata.name", f"must begin with {metadata['name']}-")
