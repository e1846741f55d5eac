"""The fields every object has, and the annotations of Knative's autoscaler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from knative.local.resources.fields import TEXT, TEXTS, Accepted, Check, Fields, Problem, Rule, Scalar
from knative.local.resources.names import go_duration_problem, namespace_problem, subdomain_problem

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


def _number(low: float) -> Any:
    def test(value: str) -> str | None:
        try:
            number = float(value)
        except ValueError:
            return f"must be a number in quotes, not {value!r}"
        return None if number >= low else f"must be {low:g} or more"

    return test


def _whole(low: int) -> Any:
    def test(value: str) -> str | None:
        return (
            None
            if value.isdigit() and int(value) >= low
            else f"must be a whole number of {low} or more, in quotes"
        )

    return test


def _only(word: str) -> Any:
    return lambda value: None if value == word else f"only {word!r} can be honoured locally"


_HONOURED = {
    "autoscaling.knative.dev/min-scale": _whole(0),
    "autoscaling.knative.dev/minScale": _whole(0),
    "autoscaling.knative.dev/max-scale": _whole(0),
    "autoscaling.knative.dev/maxScale": _whole(0),
    "autoscaling.knative.dev/initial-scale": _whole(0),
    "autoscaling.knative.dev/target": _number(0.01),
    "autoscaling.knative.dev/window": go_duration_problem,
    "autoscaling.knative.dev/scale-down-delay": go_duration_problem,
    "autoscaling.knative.dev/scale-to-zero-pod-retention-period": go_duration_problem,
    "autoscaling.knative.dev/class": _only("kpa.autoscaling.knative.dev"),
    "autoscaling.knative.dev/metric": _only("concurrency"),
    "serving.knative.dev/progress-deadline": go_duration_problem,
}
HONOURED_ANNOTATIONS = tuple(_HONOURED)
ACCEPTED_ANNOTATIONS = {
    "autoscaling.knative.dev/activation-scale": "from zero, as many start as the waiting requests ask for",
    "autoscaling.knative.dev/target-utilization-percentage": "a replica is used up to its target",
    "autoscaling.knative.dev/target-burst-capacity": "the gateway always buffers",
    "autoscaling.knative.dev/panic-window-percentage": "scaling follows the demand at once",
    "autoscaling.knative.dev/panic-threshold-percentage": "scaling follows the demand at once",
}


def check_autoscaling(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield what is wrong with Knative's annotations in the metadata `value`; other annotations are free."""
    for key, text in (value.get("annotations") or {}).items():
        place = f"{path}.annotations[{key}]"
        if key in _HONOURED:
            complaint = _HONOURED[key](str(text))
            if complaint:
                yield Problem(place, complaint)
        elif key.startswith("autoscaling.knative.dev/") and key not in ACCEPTED_ANNOTATIONS:
            yield Problem(place, "the local runtime cannot honour this annotation")


def metadata(*checks: Check) -> Fields:
    """Return the rule of a top-level object's metadata."""
    return Fields(METADATA, required=("name",), checks=checks)


def template_metadata(*checks: Check) -> Fields:
    """Return the rule of a template's metadata, where everything is optional."""
    return Fields(METADATA, checks=checks)


class _Anything:
    """Any value: whoever reads it checks it."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield nothing."""
        yield from ()

    def accepted(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield nothing."""
        yield from ()


ANYTHING = _Anything()
