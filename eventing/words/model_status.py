"""The status of a model as lines for a person: rollout, judge, governor, labels, drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eventing.words.numbers import clock, coverage, number, share

Model = Mapping[str, Any]
_FAILED = {"failed": "failed", "lost": "was lost: its job died"}
_FATES = ("duplicate", "contradictory", "late", "unknown", "impossible")
_WORDS = {
    "late": "late",
    "unknown": "of no prediction that is known",
    "contradictory": "contradictory",
    "duplicate": "there already",
    "impossible": "impossible",
    "overtaken": "handled after their predictions had counted as unlabelled",
    "skewed": "by a clock that is wrong",
}
LABEL_COUNTS = ("joined", *_FATES, "overtaken", "skewed")
"""What `feedback.joined` counts of labels: their fates, and two that come beside one."""


def training_words(run: Model) -> str:
    """Say how far a run under way is."""
    if run["since"] is None:
        return f"queued behind {run['ahead']}" if run["ahead"] else "queued, about to begin"
    if run["number"] is None:
        return "training"
    return f"training, step {run['number']} of {run['steps']} ({run['step']})"


def waiting_words(model: Model) -> list[str]:
    """Say what is under way or waits around a model, with the command that shows more."""
    name, governor = model["model"], model.get("governor") or {}
    words = [f"v{run['version']}: {training_words(run)}" for run in governor.get("training", [])]
    if governor.get("waiting"):
        why = governor.get("said", "").partition(": ")[2]
        words.append(f"a training waits{': ' if why else ''}{why}: kascade models {name}")
    if (model.get("feedback") or {}).get("waiting"):
        feedback = model["feedback"]
        since = f", the oldest since {clock(feedback['oldest'])}" if feedback.get("oldest") else ""
        words.append(f"{feedback['waiting']} labels wait to be joined{since}: kascade models {name}")
    asked = [each["version"] for each in model.get("versions", []) if each.get("state") == "registered"]
    if asked:
        words.append(
            f"v{asked[-1]} waits for the gate or a person: kascade approve {name} {asked[-1]}, or reject"
        )
    rollout = model.get("rollout") or {}
    if rollout.get("queued_version"):
        words.append(f"v{rollout['queued_version']} waits for its rollout: kascade models {name}")
    if not model.get("versions") and not words:
        words.append(f"{missing_words(model)}: kascade events --subject {name}")
    return words


def missing_words(model: Model) -> str:
    """Say why a model has no version yet."""
    governor = model.get("governor") or {}
    if model.get("spec_error"):
        return "its model.yaml cannot be read"
    if governor.get("waiting"):
        return "waiting to be trained"
    ended = [run for run in governor.get("runs", []) if run["outcome"] in ("failed", "lost")]
    if ended:
        return f"the last training, of v{ended[-1]['version']}, {_FAILED[ended[-1]['outcome']]}"
    return "not trained yet" if governor.get("dataset") else "waiting for data"


def model_status(model: Model) -> list[tuple[str, str]]:
    """Return (what, words) for everything that goes on around a model, as `/models` tells it."""
    return [
        *_retired(model.get("retired")),
        *_rollout(model),
        *_judge(model),
        *_pool(model),
        *_training(model.get("governor") or {}),
        *_governor(model.get("governor") or {}),
        *_labels(model),
        *_drift(model),
        *_features(model),
    ]


def _features(model: Model) -> Iterator[tuple[str, str]]:
    for view in model.get("features") or ():
        if view["problem"]:
            yield "features", f"{view['view']}: {view['problem']}"
            continue
        known = view["statistics"] or {}
        words = [f"{view['view']}: {view['rows']} rows"]
        if view["applied"]:
            words.append(f"{known.get('entities', 0)} entities last written online")
        else:
            words.append("not online: Feast has not taken it in (on this machine: make feast)")
        if known.get("newest"):
            words.append(f"newest {clock(known['newest'])}")
        missing = {name: count for name, count in (known.get("nulls") or {}).items() if count}
        if missing:
            words.append(
                f"missing {', '.join(f'{name} {count}' for name, count in sorted(missing.items())[:3])}"
            )
        if known.get("future_rows"):
            words.append(f"{known['future_rows']} rows of the future are not served")
        words += _compared(view.get("checked"))
        words += _view_drift(view.get("drift") or {})
        yield "features", ", ".join(words)


def _compared(checked: Model | None) -> Iterator[str]:
    """Say what the newest comparison of online and offline found."""
    if checked and not checked["problem"]:
        found = f"{checked['differing']} of" if checked["differing"] else "the same online for"
        differ = " differ online" if checked["differing"] else ""
        yield f"{found} {checked['entities']} entities{differ} at {clock(checked['at'])}"


def _view_drift(drift: Model) -> Iterator[str]:
    """Say how far the newest rows are from those that each champion was trained with."""
    for model, found in sorted(drift.items()):
        of = f"{model}/v{found['version']}"
        if found["status"] == "insufficient":
            yield f"too few new rows to compare with those of {of}"
            continue
        name, effect = max(found["effects"].items(), key=lambda each: each[1], default=("", 0.0))
        drifted = (
            f"drifted from {of} in {', '.join(found['drifted'])}" if found["drifted"] else f"as for {of}"
        )
        yield f"{drifted}, most in {name} by {number(effect)}" if name else drifted


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
        shared = rollout["phase"] in ("canary", "probation")
        percent = f" with {rollout['percent']} % of the requests" if shared else ""
        beside = f" beside v{rollout['champion_version']}" if rollout["champion_version"] else ""
        since = f" since {clock(rollout['since'])}" if rollout["since"] else ""
        paused = ", PAUSED" + (" with a verdict held back" if rollout["held"] else "")
        stopped = paused if rollout["paused"] else ""
        why = f": {rollout['reason']}" if rollout["phase"] == "probation" and rollout.get("reason") else ""
        phase = rollout["phase"] or "begins"
        yield "rollout", f"v{rollout['version']} {phase}{percent}{beside}{since}{stopped}{why}"
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


def _pool(model: Model) -> Iterator[tuple[str, str]]:
    """Say how former champions compare with the champion."""
    losses = [
        f"v{each['version']} {_lead(each['gained'])} ({each['labels']} labels, {number(each['statistic'])})"
        for each in model.get("pool") or []
    ]
    if losses:
        yield "pool", f"loss against v{model['champion']}: {', '.join(losses)}"


def _lead(gained: float | None) -> str:
    return "unknown" if gained is None else f"{-gained:+.4f}"


def _training(governor: Model) -> Iterator[tuple[str, str]]:
    for run in governor.get("training", []):
        since = f" since {clock(run['since'])}" if run["since"] else ""
        yield "training", f"v{run['version']} ({run['run_id']}): {training_words(run)}{since}"


def _governor(governor: Model) -> Iterator[tuple[str, str]]:
    if not governor:
        return
    breaker, budget = governor["breaker"], governor["budget"]
    state = "OPEN, automatic runs stop" if breaker["open"] else "closed"
    words = [
        f"breaker {state} ({breaker['refused_in_a_row']} of {_or_none(breaker['limit'])} refused in a row)",
        f"{budget['used']} of {_or_none(budget['limit'])} automatic runs used in 24 hours",
    ]
    if governor["waiting"]:
        until = f" until {clock(governor['until'])}" if governor.get("until") else ""
        why = governor.get("said", "").partition(": ")[2]
        words.append(
            f"waiting for a run because of {', '.join(governor['waiting'])}{until}"
            + (f": {why}" if why else "")
        )
    yield "governor", "; ".join(words)


def _labels(model: Model) -> Iterator[tuple[str, str]]:
    feedback = model.get("feedback")
    if not feedback:
        return
    shares = [f"v{each['version']} {coverage(each)}" for each in feedback["versions"]]
    words = [", ".join(shares) or "none joined yet"]
    if feedback["waiting"]:
        since = f", the oldest since {clock(feedback['oldest'])}" if feedback.get("oldest") else ""
        words.append(f"{feedback['waiting']} wait to be joined{since}")
    if feedback.get("lag_s"):
        words.append(f"they come {number(round(feedback['lag_s'], 1))} s after they were sent")
    if fates := fates_words(feedback.get("fates") or {}):
        words.append(f"of those since {clock(feedback['fates']['since'])}, {fates}")
    yield "labels", "; ".join(words)
    harm = feedback["harm"]
    if harm:
        alarmed = f", ALARM at {clock(harm['alarmed_at'])}" if harm["alarmed_at"] else ""
        yield (
            "harm",
            f"statistic {number(harm['statistic'])} after {harm['labels']} labels of "
            f"v{harm['version']}{alarmed}",
        )


def fates_words(fates: Model) -> str:
    """Say which share of labels was not joined in time, by fate; nothing when all were."""
    labels = sum(fates.get(fate, 0) for fate in ("joined", *_FATES))
    parts = [
        f"{share(fates[fate] / labels)} {words}"
        for fate, words in _WORDS.items()
        if labels and fates.get(fate)
    ]
    return ", ".join(parts)


def _drift(model: Model) -> Iterator[tuple[str, str]]:
    drift = model.get("drift")
    if drift:
        status = drift["status"] or "under way"
        rows = f", {drift['rows']} rows" if drift["rows"] is not None else ""
        yield "drift", f"check {drift['check']} of {drift['of']}: {status}{rows}, at {clock(drift['at'])}"


def _or_none(limit: int | None) -> str:
    return "no limit" if limit is None else str(limit)
