"""What an event's decision rests on: its numbers, and where the artefacts lie. One line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from eventing import catalogue as c
from eventing.words.event_words import reason_of
from eventing.words.numbers import clock, coverage, number, share

Data = Mapping[str, Any]
Lines = Iterator[str]
_MOST_FEATURES = 3


def evidence(event: Mapping[str, Any]) -> list[str]:
    """Return the numbers that decided and the links to artefacts, for an event in structured JSON form."""
    data, describe = event.get("data"), _EVIDENCE.get(str(event["type"]))
    if describe is None or not isinstance(data, Mapping):
        return []
    try:
        return list(describe(data))
    except Exception:  # the ledger keeps whatever was sent
        return ["(incomplete payload)"]


def _ingested(data: Data) -> Lines:
    yield f"data {data['part']['uri']}"
    yield f"dataset {data['dataset']['uri']}, {data['parts']} parts"
    if data.get("quarantine_uri"):
        yield f"quarantined rows {data['quarantine_uri']}"


def _data_rejected(data: Data) -> Lines:
    yield f"{data['bad_rows']} of {data['rows']} rows are bad"
    for problem in data["problems"][:3]:
        fix = f" ({problem['fix']})" if problem.get("fix") else ""
        yield f"{problem['where']}: {problem['problem']}{fix}"
    if data.get("report_uri"):
        yield f"report {data['report_uri']}"


def _approved_run(data: Data) -> Lines:
    champion = f", champion v{data['champion_version']}" if data.get("champion_version") else ""
    yield f"run {data['run_id']}, rule {data['rule']}{champion}"
    if data.get("harmed_version"):
        yield f"labels have proven that v{data['harmed_version']} does harm"
    yield f"model.yaml {data['spec']['uri']}"


def _deferred(data: Data) -> Lines:
    if data.get("run_id"):
        yield f"because of run {data['run_id']}"


def _completed(data: Data) -> Lines:
    metrics = ", ".join(f"{name} {number(value)}" for name, value in sorted(data["metrics"].items()))
    yield f"{data['train_rows']} rows, {metrics}"
    yield from _learnt_from(data.get("window"))
    if data.get("order"):
        held = (
            "those that came last are"
            if data.get("divided_by") == "arrival"
            else "the holdout is not by order"
        )
        yield f"{data['order']}: {held}{' the holdout' if data.get('divided_by') == 'arrival' else ''}"
    if data.get("learnt_holdout"):
        yield "measured without the holdout, then learnt from that as well before it serves"
    yield f"model {data['candidate']['uri']}"
    yield f"card {data['card']['uri']}"
    yield from _run_url(data)


def _learnt_from(window: Data | None) -> Lines:
    if not window:
        return
    tried = ", ".join(f"{each['rows']} rows {number(each['loss'])}" for each in window.get("tried", []))
    losses = f"; loss by window: {tried}" if tried else ""
    yield f"learnt from the newest {window['rows']} of {window['of']} rows: {window['reason']}{losses}"


def _failed(data: Data) -> Lines:
    if data.get("fix"):
        yield f"fix: {data['fix']}"
    yield from _run_url(data)


def _run_url(data: Data) -> Lines:
    if data.get("run_url"):
        yield f"run {data['run_url']}"


def _gate(data: Data) -> Lines:
    verdict = data.get("verdict")
    if not verdict:
        return
    low, high = verdict.get("interval_low"), verdict.get("interval_high")
    interval = "" if low is None else f", difference within [{number(low)}, {number(high)}]"
    against = ""
    if verdict.get("champion_value") is not None:
        against = f" against {number(verdict['champion_value'])} of v{verdict['champion_version']}"
    least = "" if verdict.get("minimum") is None else f", gate.min {number(verdict['minimum'])}"
    value = f"{verdict['metric']} {number(verdict['value'])}{against}{interval}{least}"
    yield f"gate rule {verdict['rule']}: {value}, {verdict['rows']} rows"
    slices = verdict.get("slices", [])
    failed = [f"{each['column']}={each['value']}" for each in slices if not each["passed"]]
    if slices:
        yield f"{len(slices) - len(failed)} of {len(slices)} slices pass" + _named(failed)


def _recalled(data: Data) -> Lines:
    yield (
        f"statistic {number(data['statistic'])} of {number(data['threshold'])} "
        f"after {data['labels']} labels, margin {number(data['margin'])}"
    )


def _rollout_started(data: Data) -> Lines:
    if data.get("phases"):
        yield f"phases {', '.join(data['phases'])}" + (f": {data['reason']}" if data.get("reason") else "")
    if data.get("logged_shadow"):
        logged = data["logged_shadow"]
        yield (
            f"it has answered {logged['rows']} logged requests of {clock(logged['since'])} to "
            f"{clock(logged['through'])}: {logged['answers']['uri']}"
        )
    if data.get("phase") == c.RolloutPhase.PROBATION:
        yield f"it serves all requests; v{data['champion_version']} answers copies and may take over again"


def _decided(data: Data) -> Lines:
    yield data["message"]
    mean = "" if data.get("difference") is None else f", mean difference of loss {number(data['difference'])}"
    yield f"{data['labels']} labels{mean}, alpha {number(data['alpha'])}, margin {number(data['margin'])}"
    yield (
        f"wealth of worse {number(data['wealth_worse'])}, of better {number(data['wealth_better'])}, "
        f"decided at {number(data['threshold'])}"
    )
    if data.get("logged"):
        yield f"{data['logged']} of the requests are of before the rollout, answered from the log"
    if data.get("block", 1) > 1 or data.get("past_losses"):
        yield _blocks(data)
    shares = [
        f"{arm} {share(data[f'coverage_{arm}'])}"
        for arm in ("champion", "challenger")
        if data.get(f"coverage_{arm}") is not None
    ]
    if shares:
        left = f"; {data['repeats']} repeats left out" if data.get("repeats") else ""
        yield f"labelled: {', '.join(shares)}{left}"
    breach = data.get("breach")
    if breach:
        yield (
            f"guard {breach['guard']}: {number(breach['challenger'])} against {number(breach['champion'])}, "
            f"p {number(breach['p_value'])} of {number(breach['alpha'])}"
        )


def _blocks(data: Data) -> str:
    learnt = f"learnt from {data['past_losses']} losses of before and the rollout's own"
    if data["block"] == 1:
        return f"each label was bet on by itself, {learnt}: none depends on the one before"
    far = ", and stakes kept small: labels depend on each other over longer stretches"
    return f"bets on blocks of {data['block']} scores{far if data.get('long_dependence') else ''}; {learnt}"


def _checked(data: Data) -> Lines:
    """Yield the numbers of a check without drift; those of one with drift stand at its drift.detected."""
    yield from _reports(data) if data["status"] == "drifted" else _drift(data)


def _drift(data: Data) -> Lines:
    yield (
        f"check {data['window']}: {data['rows']} rows of {data['of']} against {data['reference_rows']}, "
        f"{data['tests']} tests by {data['detector']}, may spend {number(data['alpha_spent'])} "
        f"of alpha {number(data['alpha'])}, min_effect {number(data['min_effect'])}"
    )
    if data.get("repeats") or data.get("every", 1) > 1:
        apart = f"every {data['every']}th of the rest, as neighbours depend on each other; " * (
            data["every"] > 1
        )
        yield f"left out {data['repeats']} rows that repeat; {apart}{data['rows_tested']} rows were tested"
    ordered = sorted(data["features"], key=lambda each: (not each["drifted"], -each["effect"]))
    for feature in ordered[:_MOST_FEATURES]:
        yield _feature(feature)
    yield from _reports(data)


def _reports(data: Data) -> Lines:
    if data.get("page_uri"):
        yield f"page {data['page_uri']}"
    if data.get("report"):
        yield f"report {data['report']['uri']}"


def _feature(feature: Data) -> str:
    p_value = feature.get("p_value_corrected", feature.get("p_value"))
    if p_value is None:
        seen = f"statistic {number(feature['statistic'])}"
    else:
        seen = f"corrected p {number(p_value)}"
    effect = f"{feature['effect_name']} {number(feature['effect'])}"
    return f"{feature['feature']} ({feature['method']}): {seen}, {effect}" + (
        ", drifted" if feature["drifted"] else ""
    )


def _joined(data: Data) -> Lines:
    for each in data.get("versions", []):
        loss = "" if each.get("mean_loss") is None else f", mean loss {number(each['mean_loss'])}"
        yield f"v{each['version']}: {coverage(each)} ({each['predictions']} predictions{loss})"
    if data.get("labels"):
        yield f"labels {data['labels']['uri']}"


def _harm(data: Data) -> Lines:
    yield (
        f"statistic {number(data['statistic'])} of {number(data['threshold'])} after {data['labels']} labels"
        f"; mean loss {number(data['mean_loss'])}, baseline {number(data['baseline'])}"
    )


def _window(data: Data) -> Lines:
    yield f"{data['rows']} predictions from {clock(data['first'])} to {clock(data['last'])}"
    yield f"files {data['data']['uri']}"


def _dead(data: Data) -> Lines:
    code = f" with {data['code']}" if data.get("code") else ""
    yield f"{data['destination']} answered{code}: {reason_of(data['error'])}"
    yield f"redrive: {data['redrive']}"


def _named(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"; not {', '.join(names[:5])}{more}"


_EVIDENCE: MappingProxyType[str, Callable[[Data], Lines]] = MappingProxyType(
    {
        c.DatasetIngested.type: _ingested,
        c.DatasetRejected.type: _data_rejected,
        c.TrainingApproved.type: _approved_run,
        c.TrainingDeferred.type: _deferred,
        c.TrainingCompleted.type: _completed,
        c.TrainingFailed.type: _failed,
        c.ModelApproved.type: _gate,
        c.ModelRejected.type: _gate,
        c.ModelApprovalRequested.type: _gate,
        c.ModelRecalled.type: _recalled,
        c.RolloutStarted.type: _rollout_started,
        c.RolloutDecided.type: _decided,
        c.WindowClosed.type: _window,
        c.DriftChecked.type: _checked,
        c.DriftDetected.type: _drift,
        c.FeedbackJoined.type: _joined,
        c.PerformanceDegraded.type: _harm,
        c.DeliveryFailed.type: _dead,
    }
)
