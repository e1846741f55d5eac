"""Rules for names and durations as Kubernetes and Knative check them."""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_GO_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def label_problem(value: str) -> str | None:
    """Return why `value` is no DNS-1035 label (what a Service name must be), or None."""
    if _LABEL_1035.fullmatch(value):
        return None
    return "must be a DNS label: at most 63 lower case letters, digits and '-', starting with a letter"


def subdomain_problem(value: str) -> str | None:
    """Return why `value` is no DNS-1123 subdomain (what most names must be), or None."""
    if len(value) <= 253 and _SUBDOMAIN.fullmatch(value):
        return None
    return "must be a DNS name: lower case letters, digits, '-' and '.', at most 253 characters"


def namespace_problem(value: str) -> str | None:
    """Return why `value` is no DNS-1123 label (what a namespace must be), or None."""
    return None if _LABEL.fullmatch(value) else "must be a DNS label of at most 63 characters"


def go_duration_s(value: str) -> float:
    """Return the seconds of a Go duration such as `1m30s`.

    Raises:
        ValueError: it is none.
    """
    parts = _GO_DURATION.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is not a duration such as 60s or 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
