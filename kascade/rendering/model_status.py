"""Where a model stands, as lines for a person: rollout, judge, governor, labels, drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kascade.rendering.numbers import clock, coverage, number, share

Model = Mapping[str, Any]


def model_status(model: Model) -> list[tuple[str, str]]:
    """Return (what, words) for everything that goes on around a model, as `/models` tells it."""
    return [
        *_retired(model.get("retired")),
        *_rollout(model),
        *_judge(model),
        *_governor(model.get("governor") or {}),
        *_labels(model),
        *_drift(model),
    ]


def _retired(retired: Model | None) -> Iterator[tuple[str, str]]:
    if retired:
        why = f": {retired['message']}" if retired.get("message") else ""
        yield "retired", f"since {clock(retired['at'])}{why}"


def _rollout(model: Model) -> Iterator[tuple[str, str]]:
    rollout = model.get("rollout")
    if not rollout:
        return
    if rollout["phase"] == "retire":
        yield "rollout", "the model is being retired"
    elif rollout["version"] is not None:
        percent = f" with {rollout['percent']} % of the requests" if rollout["phase"] == "canary" else ""
        beside = f" beside v{rollout['champion_version']}" if rollout["champion_version"] else ""
        since = f" since {clock(rollout['since'])}" if rollout["since"] else ""
        paused = ", PAUSED" + (" with a verdict held back" if rollout["held"] else "")
        stopped = paused if rollout["paused"] else ""
        yield (
            "rollout",
            f"v{rollout['version']} {rollout['phase'] or 'begins'}{percent}{beside}{since}{stopped}",
        )
    if rollout["queued_version"] is not None:
        yield "next", f"v{rollout['queued_version']} is approved and waits for its turn"


def _judge(model: Model) -> Iterator[tuple[str, str]]:
    judge = model.get("judge")
    if not judge:
        return
    threshold = number(judge["threshold"]) if judge["threshold"] else "?"
    shares = [
        f"{arm} {share(judge[f'coverage_{arm}'])}"
        for arm in ("champion", "challenger")
        if judge[f"coverage_{arm}"] is not None
    ]
    labelled = f"; labelled: {', '.join(shares)}" if shares else ""
    yield (
        "judge",
        f"{judge['labels']} labels in {judge['phase']}; wealth that v{judge['version']} is worse "
        f"{number(judge['wealth_worse'])}, better {number(judge['wealth_better'])}, "
        f"decided at {threshold}{labelled}",
    )


def _governor(governor: Model) -> Iterator[tuple[str, str]]:
    if not governor:
        return
    breaker, budget = governor["breaker"], governor["budget"]
    state = "OPEN, automatic runs stop" if breaker["open"] else "closed"
    words = [
        f"breaker {state} ({breaker['refused_in_a_row']} of {_or_none(breaker['limit'])} refused in a row)",
        f"{budget['used']} of {_or_none(budget['limit'])} automatic runs used in 24 hours",
    ]
    if governor["running"]:
        words.append(f"{governor['running']} runs")
    if governor["waiting"]:
        until = f" until {clock(governor['until'])}" if governor.get("until") else ""
        words.append(f"waiting for a run because of {', '.join(governor['waiting'])}{until}")
    yield "governor", "; ".join(words)


def _labels(model: Model) -> Iterator[tuple[str, str]]:
    feedback = model.get("feedback")
    if not feedback:
        return
    shares = [f"v{each['version']} {coverage(each)}" for each in feedback["versions"]]
    words = [", ".join(shares) or "none joined yet"]
    if feedback["waiting"]:
        words.append(f"{feedback['waiting']} wait to be joined")
    yield "labels", "; ".join(words)
    harm = feedback["harm"]
    if harm:
        alarmed = f", ALARM at {clock(harm['alarmed_at'])}" if harm["alarmed_at"] else ""
        yield (
            "harm",
            f"statistic {number(harm['statistic'])} after {harm['labels']} labels of "
            f"v{harm['version']}{alarmed}",
        )


def _drift(model: Model) -> Iterator[tuple[str, str]]:
    drift = model.get("drift")
    if drift:
        status = drift["status"] or "under way"
        rows = f", {drift['rows']} rows" if drift["rows"] is not None else ""
        yield "drift", f"look {drift['look']} of {drift['of']}: {status}{rows}, at {clock(drift['at'])}"


def _or_none(limit: int | None) -> str:
    return "no limit" if limit is None else str(limit)
