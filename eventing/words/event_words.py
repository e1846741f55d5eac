"""The few words that matter of an event, for a person."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from eventing import catalogue as c
from eventing.words.addresses import every_address
from eventing.words.numbers import clock, coverage, number, share

Data = Mapping[str, Any]


def words_of(type_: str, data: Any) -> str:
    """Return the few words that matter of an event's data; none for a type without any."""
    if not isinstance(data, Mapping) or type_ not in _WORDS:
        return ""
    try:
        return _WORDS[type_](data)
    except Exception:  # the ledger keeps whatever was sent, and a line must not end the list of events
        return "(incomplete payload)"


def reason_of(error: str) -> str:
    """Return the sentences in a function's refusal, which it gives as JSON; other text as it is."""
    try:
        return "; ".join(map(str, json.loads(error)["problems"]))
    except (ValueError, KeyError, TypeError):
        return error


def _dead(data: Data) -> str:
    place = str(data["destination"]).rstrip("/").rpartition("/")[2]
    return f"{data['event_type'].removeprefix(c.PREFIX)} to {place}: {reason_of(data['error'])}"


def _metrics(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in sorted(metrics.items())[:4])


def _problems(data: Data) -> str:
    problems = data.get("problems", [])
    more = f" (+{len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]['where']}: {problems[0]['problem']}{more}" if problems else ""


def _approved(data: Data) -> str:
    verdict = data.get("verdict")
    return f"v{data['version']} by {data['approved_by']}" + (f": {verdict['message']}" if verdict else "")


def _training_approved(data: Data) -> str:
    rule = f" ({data['rule']})" if data.get("rule") else ""
    return f"v{data['version']}, because of {data['reason']}{rule}"


def _deferred(data: Data) -> str:
    what = "refused" if data.get("refused") else "waits"
    until = f" until {clock(data['until'])}" if data.get("until") else ""
    return f"{what}{until} ({data['rule']}): {data['message']}"


def _requested(data: Data) -> str:
    version = f" v{data['version']}" if data.get("version") else ""
    comment = f": {data['comment']}" if data.get("comment") else ""
    return f"{data['action'].replace('_', ' ')}{version}, by {data.get('requested_by', 'unknown')}{comment}"


def _window(window: Data | None) -> str:
    if not window or window["rows"] == window["of"]:
        return ""
    return f", of the newest {window['rows']} of {window['of']} rows"


def _training_requested(data: Data) -> str:
    comment = f": {data['comment']}" if data.get("comment") else ""
    return f"by {data.get('requested_by', 'unknown')}{comment}"


def _registered(data: Data) -> str:
    origin = f"{data['origin']}, " if data.get("origin") else ""
    comment = f": {data['comment']}" if data.get("comment") else ""
    return f"{origin}{data['file']['sha256'][:12]}, by {data.get('registered_by', 'unknown')}{comment}"


def _phase(data: Data) -> str:
    phase, percent = data.get("phase", "replace"), data.get("percent", 0)
    beside = f" beside v{data['champion_version']}" if data.get("champion_version") else ""
    traffic = f" with {percent} %" if phase in (c.RolloutPhase.CANARY, c.RolloutPhase.PROBATION) else ""
    why = f": {data['reason']}" if phase == c.RolloutPhase.PROBATION and data.get("reason") else ""
    return f"v{data['version']} {phase}{traffic}{beside} as {data['revision']}{why}"


def _completed(data: Data) -> str:
    where = " or ".join(every_address(data["url"])) if data.get("url") else data["message"]
    return f"v{data['version']} {data['outcome']}: {where}"


def _decided(data: Data) -> str:
    return (
        f"v{data['version']} {data['outcome']} in {data['phase']} by {data['reason']} after {data['labels']} "
        f"labels: worse {number(data['wealth_worse'])}, better {number(data['wealth_better'])} "
        f"of {number(data['threshold'])}"
    )


def _drift(data: Data) -> str:
    check = f"check {data['window']} of {data.get('view') or data['of']}: {data['status']}"
    worst = max(data["features"], key=lambda each: (each["drifted"], each["effect"]), default=None)
    if worst is None:
        return f"{check}, {data['rows']} rows"
    p_value = worst.get("p_value_corrected", worst.get("p_value"))
    seen = (
        f"statistic {number(worst['statistic'])}" if p_value is None else f"p {number(p_value)}"
    )  # a detector on a stream has no p-value
    strong = ", strong" if data.get("strong") else ""
    return f"{check}{strong}; most in {worst['feature']}: {seen}, effect {number(worst['effect'])}"


def _joined(data: Data) -> str:
    others = ("duplicate", "contradictory", "late", "unknown", "impossible")
    counts = [f"{data['joined']} joined", *(f"{data[name]} {name}" for name in others if data.get(name))]
    shares = [f"v{each['version']} {coverage(each)}" for each in data.get("versions", [])[-2:]]
    return ", ".join([*counts, *shares]) + f", through {clock(data['through'])}"


def _degraded(data: Data) -> str:
    return (
        f"v{data['version']} loses {share(data['mean_loss'])}, promised at most {share(data['baseline'])}: "
        f"statistic {number(data['statistic'])} of {number(data['threshold'])} after {data['labels']} labels"
    )


def _scored(data: Data) -> str:
    bad = f", {data['bad_rows']} of them bad" if data.get("bad_rows") else ""
    return (
        f"{data['rows']} rows by v{data['version']} in {data['seconds']:.1f} s{bad}: {data['result']['uri']}"
    )


def _feedback(data: Data) -> str:
    return f"{data['label']} for {data.get('prediction_id') or data.get('entity') or 'nothing'}"


_WORDS: MappingProxyType[str, Callable[[Data], str]] = MappingProxyType(
    {
        c.SpecRegistered.type: lambda d: f"spec {d['spec']['sha256'][:12]}",
        c.SpecRejected.type: _problems,
        c.DatasetIngested.type: lambda d: (
            f"{d['rows']} rows from {d['key']}, {d['quarantined_rows']} quarantined, {d['total_rows']} in all"
        ),
        c.DatasetRejected.type: lambda d: f"{d['reason']}: {_problems(d)}",
        c.DatasetUnchanged.type: lambda d: (
            f"{d['key']}: {d['message']}" + (f"; {d['fix']}" if d.get("fix") else "")
        ),
        c.BatchProgressed.type: lambda d: (
            f"{d['key']}: {d['rows']} rows by v{d['version']}, after {d['seconds']:.0f} s"
        ),
        c.BatchCompleted.type: _scored,
        c.BatchFailed.type: lambda d: f"{d['key']}: {d['reason']}: {_problems(d)}",
        c.TrainingRequested.type: _training_requested,
        c.ModelRegistered.type: _registered,
        c.TrainingApproved.type: _training_approved,
        c.TrainingDeferred.type: _deferred,
        c.TrainingStarted.type: lambda d: f"v{d['version']} by {d['launcher']}",
        c.TrainingProgressed.type: lambda d: (
            f"v{d['version']} step {d['number']} of {d['steps']}, {d['step']}, after {d['seconds']:.0f} s"
        ),
        c.TrainingCompleted.type: lambda d: (
            f"v{d['version']} in {d['seconds']:.1f} s: {_metrics(d['metrics'])}{_window(d.get('window'))}"
        ),
        c.TrainingFailed.type: lambda d: f"v{d['version']} at {d['step']}: {d['error']}",
        c.ModelApproved.type: _approved,
        c.ModelRejected.type: lambda d: f"v{d['version']} by {d['rejected_by']}: {d.get('message', '')}",
        c.ModelApprovalRequested.type: lambda d: f"v{d['version']}: {d['verdict']['message']}",
        c.RolloutRequested.type: _requested,
        c.RolloutStarted.type: _phase,
        c.RolloutAdvanced.type: _phase,
        c.RolloutDecided.type: _decided,
        c.RolloutCompleted.type: _completed,
        c.WindowClosed.type: lambda d: f"window {d['window']} of v{d['version']}: {d['rows']} predictions",
        c.DriftChecked.type: _drift,
        c.DriftDetected.type: _drift,
        c.FeedbackReceived.type: _feedback,
        c.FeedbackJoined.type: _joined,
        c.PerformanceDegraded.type: _degraded,
        c.DeliveryFailed.type: _dead,
        c.DeliveriesLost.type: lambda d: (
            f"{d['lost']} to {d['trigger']}, and {d.get('repeated', 0)} may be made twice: {d['reason']}"
        ),
        c.ModelRecalled.type: lambda d: str(d["message"]),
        c.FeaturesDefined.type: lambda d: ", ".join(each["name"] for each in d["views"]),
        c.FeaturesRetired.type: lambda d: ", ".join(each["name"] for each in d["views"]),
        c.FeaturesApplied.type: lambda d: ", ".join(d["views"]),
        c.FeaturesMaterialized.type: lambda d: (
            f"{d['rows']} rows, {d['entities']} entities {'online' if d['online'] else 'not online yet'}"
        ),
        c.FeaturesRejected.type: lambda d: f"{d['problem']}: {d.get('fix', '')}",
        c.FeaturesPushed.type: lambda d: f"{len(d['rows'])} rows to {d['view']}",
        c.FeaturesRequested.type: lambda d: f"{d['action']} by {d.get('requested_by', 'unknown')}",
        c.FeaturesChecked.type: lambda d: (
            "the same online and offline"
            if d["consistent"]
            else "; ".join(
                f"{each['view']}: {each.get('problem') or str(each['differing']) + ' entities differ'}"
                for each in d["views"]
                if each.get("problem") or each["differing"]
            )
        ),
        c.TimerDue.type: lambda d: f"{d['owner']} {d['key']}",
    }
)
