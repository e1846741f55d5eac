"""An event as one line for a person: when, what, about what, and the few words that matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from rich.markup import escape

from eventing import catalogue as c

Data = Mapping[str, Any]


def _metrics(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in sorted(metrics.items())[:4])


def _problems(data: Data) -> str:
    problems = data.get("problems", [])
    more = f" (+{len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]['where']}: {problems[0]['problem']}{more}" if problems else ""


_WORDS: dict[str, Callable[[Data], str]] = {
    c.SPEC_REGISTERED: lambda d: f"spec {d['spec']['sha256'][:12]}",
    c.SPEC_REJECTED: _problems,
    c.DATASET_INGESTED: lambda d: (
        f"{d['rows']} rows from {d['key']}, {d['quarantined_rows']} quarantined, {d['total_rows']} in all"
    ),
    c.DATASET_REJECTED: lambda d: f"{d['reason']}: {_problems(d)}",
    c.TRAINING_APPROVED: lambda d: f"v{d['version']}, because of {d['reason']}",
    c.TRAINING_DEFERRED: lambda d: f"{d['rule']}: {d['message']}",
    c.TRAINING_STARTED: lambda d: f"v{d['version']} by {d['launcher']}",
    c.TRAINING_COMPLETED: lambda d: f"v{d['version']} in {d['seconds']:.1f} s: {_metrics(d['metrics'])}",
    c.TRAINING_FAILED: lambda d: f"v{d['version']} at {d['step']}: {d['error']}",
    c.MODEL_APPROVED: lambda d: f"v{d['version']} by {d['approved_by']}",
    c.MODEL_REJECTED: lambda d: f"v{d['version']} by {d['rejected_by']}: {d.get('message', '')}",
    c.ROLLOUT_STARTED: lambda d: f"v{d['version']} as {d['revision']}",
    c.ROLLOUT_COMPLETED: lambda d: f"v{d['version']} {d['outcome']}: {d.get('url') or d['message']}",
    c.DELIVERY_FAILED: lambda d: f"{d['event_type']} to {d['destination']}: {d['error']}",
    c.TIMER_DUE: lambda d: f"{d['owner']} {d['key']}",
}
_BAD = (".rejected", ".failed", "rolled_back")


def event_line(event: Mapping[str, Any]) -> str:
    """Return one line of rich markup for an event in structured JSON form."""
    type_ = str(event["type"])
    name = type_.removeprefix(c.PREFIX).removeprefix(c.S3_PREFIX)
    data = event.get("data")
    words = ""
    if isinstance(data, Mapping) and type_ in _WORDS:
        try:
            words = _WORDS[type_](data)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            words = "(incomplete payload)"
    colour = "red" if name.endswith(_BAD) else "cyan"
    when = datetime.fromisoformat(event["time"]).astimezone() if event.get("time") else None
    clock = when.strftime("%H:%M:%S.%f")[:-3] if when else " " * 12
    subject = escape(str(event.get("subject") or ""))
    return f"[dim]{clock}[/] [{colour}]{name:<24}[/] {subject:<24} {escape(words)}"
