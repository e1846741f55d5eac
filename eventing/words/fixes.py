"""What a person can do about an event, one line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventing import catalogue as c


def fixes_of(event: Mapping[str, Any]) -> list[str]:
    """Return what an event says can be done about it; nothing for most."""
    data = event.get("data")
    if not isinstance(data, Mapping):
        return []
    try:
        return list(_fixes(str(event["type"]), data))
    except (AttributeError, KeyError, TypeError):
        return []


def _fixes(type_: str, data: Mapping[str, Any]) -> list[str]:
    match type_:
        case c.SpecRejected.type | c.DatasetRejected.type | c.BatchFailed.type:
            lines = [
                f"{each['where']}: {each['problem']}" + (f"; fix: {each['fix']}" if each.get("fix") else "")
                for each in data["problems"]
            ]
            return lines + ([f"report: {data['report_uri']}"] if data.get("report_uri") else [])
        case c.TrainingFailed.type:
            return [f"fix: {data['fix']}"] if data.get("fix") else []
        case c.DatasetIngested.type:
            bad = data.get("quarantine_uri")
            warned = [f"warning: {_warning(each)}" for each in data.get("warnings", [])]
            return warned + ([f"quarantined rows: kascade open {bad}"] if bad else [])
        case c.BatchCompleted.type:
            report = data.get("report_uri")
            warned = [f"warning: {_warning(each)}" for each in data.get("warnings", [])]
            return warned + ([f"bad rows: kascade open {report}"] if report else [])
        case c.ModelApprovalRequested.type:
            asked = f"{data['model']} {data['version']}"
            return [f"fix: kascade approve {asked}, or kascade reject {asked}"]
        case c.DeliveryFailed.type:
            return [
                f"why: kascade explain {data['event_id']}",
                f"send it again: {data['redrive']} of record-events",
            ]
        case c.DeliveriesLost.type:
            return [f"the damaged log is kept: {data['kept']}"]
        case c.FeedbackJoined.type:
            return [
                f"{each['fate']}: {each.get('prediction_id') or each['label_id']}"
                for each in data.get("refused", [])[:5]
            ]
    return []


def _warning(warning: Any) -> str:
    """Return a warning's parts in their order; `fix` is what settles it."""
    if not isinstance(warning, Mapping):
        return str(warning)
    parts = [str(value) for name, value in warning.items() if name != "fix" and value not in (None, "")]
    return ": ".join(parts) + (f"; fix: {warning['fix']}" if warning.get("fix") else "")
