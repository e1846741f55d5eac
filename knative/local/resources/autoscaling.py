"""The annotations of Knative's autoscaler: which are honoured, and what its webhook refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from knative.local.resources.fields import Problem, denied, out_of_bounds
from knative.local.resources.names import go_duration_s

GROUP = "autoscaling.knative.dev"
_MOST = 2**31 - 1
_LONGEST_S = 3600.0
_DEADLINE = "serving.knative.dev/progress-deadline"

Find = Callable[[str, str], Iterator[Problem]]
"""Yields what is wrong with the value of an annotation at a place."""

Number = int | float


def _read(convert: Callable[[str], Number], check: Callable[[Number, str, str], Problem | None]) -> Find:
    """Return a check of an annotation's number, given as (number, text, place)."""

    def find(value: str, path: str) -> Iterator[Problem]:
        try:
            problem = check(convert(value), value, path)
        except ValueError:
            problem = _invalid(path, value)
        if problem is not None:
            yield problem

    return find


def _invalid(path: str, value: str) -> Problem:
    return denied(path, f"invalid value: {value}")


def _initial(number: Number, value: str, path: str) -> Problem | None:
    if number < 0:
        return _invalid(f"{path} must be greater than 0", value)
    if number == 0:
        # config-autoscaler's allow-zero-initial-scale is false unless an operator changes it.
        return _invalid(f"{path}=0 not allowed by cluster", value)
    return None


def _activation(number: Number, value: str, path: str) -> Problem | None:
    return denied(path, f"activation-scale={number} must be greater than 1") if number < 2 else None


def _target(number: Number, value: str, path: str) -> Problem | None:
    return denied(path, f"target {value} should be at least 0.01") if number < 0.01 else None


def _burst(number: Number, value: str, path: str) -> Problem | None:
    return _invalid(path, value) if number < 0 and number != -1 else None


def _deadline(seconds: Number, value: str, path: str) -> Problem | None:
    return denied(path, f"progress-deadline={value} is not at second precision") if seconds % 1 else None


def _between(low: int, high: int) -> Callable[[Number, str, str], Problem | None]:
    def check(number: Number, value: str, path: str) -> Problem | None:
        return None if low <= number <= high else out_of_bounds(path, value, low, high)

    return check


def _duration(low_s: float, low: str, *, whole: bool) -> Find:
    def check(seconds: Number, value: str, path: str) -> Problem | None:
        if not low_s <= seconds <= _LONGEST_S:
            return out_of_bounds(path, value, low, "1h0m0s")
        if whole and seconds % 1:
            return denied(path, "must be specified with at most second precision")
        return None

    return _read(go_duration_s, check)


def _only(word: str) -> Find:
    def find(value: str, path: str) -> Iterator[Problem]:
        if value != word:
            yield Problem(path, f"only {word!r} can be honoured locally")

    return find


_SCALE = _read(int, _between(0, _MOST))
_HONOURED: dict[str, Find] = {
    f"{GROUP}/min-scale": _SCALE,
    f"{GROUP}/minScale": _SCALE,
    f"{GROUP}/max-scale": _SCALE,
    f"{GROUP}/maxScale": _SCALE,
    f"{GROUP}/initial-scale": _read(int, _initial),
    f"{GROUP}/target": _read(float, _target),
    f"{GROUP}/window": _duration(6, "6s", whole=True),
    f"{GROUP}/scale-down-delay": _duration(0, "0s", whole=True),
    f"{GROUP}/scale-to-zero-pod-retention-period": _duration(0, "0s", whole=False),
    f"{GROUP}/class": _only("kpa.autoscaling.knative.dev"),
    f"{GROUP}/metric": _only("concurrency"),
    _DEADLINE: _read(go_duration_s, _deadline),
}
_CHECKED: dict[str, Find] = {
    f"{GROUP}/activation-scale": _read(int, _activation),
    f"{GROUP}/target-utilization-percentage": _read(float, _between(1, 100)),
    f"{GROUP}/target-burst-capacity": _read(float, _burst),
    f"{GROUP}/panic-window-percentage": _read(float, _between(1, 100)),
    f"{GROUP}/panic-threshold-percentage": _read(float, _between(110, 1000)),
}
ACCEPTED_ANNOTATIONS = {
    f"{GROUP}/activation-scale": "from zero, as many start as the waiting requests ask for",
    f"{GROUP}/target-utilization-percentage": "a replica is used up to its target",
    f"{GROUP}/target-burst-capacity": "the gateway always buffers",
    f"{GROUP}/panic-window-percentage": "scaling follows the demand at once",
    f"{GROUP}/panic-threshold-percentage": "scaling follows the demand at once",
}


def check_autoscaling(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield what is wrong with Knative's annotations in the metadata `value`; other annotations are free."""
    notes: Mapping[str, Any] = value.get("annotations") or {}
    for key, text in notes.items():
        find = _HONOURED.get(key) or _CHECKED.get(key)
        if find is not None:
            yield from find(str(text), f"{path}.annotations.{key}")
        elif key.startswith(f"{GROUP}/"):
            yield Problem(f"{path}.annotations[{key}]", "the local runtime cannot honour this annotation")
    yield from _scales(notes, f"{path}.annotations.{GROUP}")


def _scales(notes: Mapping[str, Any], path: str) -> Iterator[Problem]:
    low = _integer(_first(notes, "min-scale", "minScale")) or 0
    high = _integer(_first(notes, "max-scale", "maxScale")) or 0
    if high and high < low:
        yield denied(f"{path}/max-scale, {path}/min-scale", f"max-scale={high} is less than min-scale={low}")
    activation = _integer(_first(notes, "activation-scale"))
    if activation is None:
        return
    if low > activation:
        yield denied(
            f"{path}/activation-scale", f"min-scale={low} is greater than activation-scale={activation}"
        )
    elif high and high < activation:
        yield denied(
            f"{path}/activation-scale", f"max-scale={high} is less than activation-scale={activation}"
        )


def check_no_autoscaling(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield a problem for each annotation of the autoscaler on a Service itself, where it has no effect."""
    for key in value.get("annotations") or {}:
        if key.startswith(GROUP):
            why = 'autoscaling annotations must be put under "spec.template.metadata.annotations" to work'
            yield denied(f"{path}.annotations", f'invalid key name "{key}"', why)


def _first(notes: Mapping[str, Any], *names: str) -> str:
    return next((str(notes[f"{GROUP}/{name}"]) for name in names if f"{GROUP}/{name}" in notes), "")


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
