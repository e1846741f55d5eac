"""What answers each request of a person: an event about the model, or the model's state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from eventing import catalogue as c
from eventing.event import Event
from eventing.words.numbers import clock
from kascade.cli.request import Outcome, Recorded, is_later


def nothing(event: Recorded, ours: bool) -> Outcome | None:
    """Take no event as the answer: only the model's state, or a refusal, is one."""
    return None


def completed(sent: Event, wanted: c.RolloutOutcome) -> Callable[[Recorded, bool], Outcome | None]:
    """Wait for the end of a rollout.

    It may belong to the chain of its approval instead of ours: then it counts only if it ended as asked.
    """

    def outcome(event: Recorded, ours: bool) -> Outcome | None:
        if event["type"] != c.RolloutCompleted.type or not (ours or is_later(event, sent)):
            return None
        data = event["data"]
        as_asked = data["outcome"] == wanted
        if not ours and not as_asked:
            return None
        champion = data.get("champion_version")
        serves = f"; v{champion} serves" if champion else ""
        return Outcome(as_asked, f"v{data['version']} {data['outcome'].replace('_', ' ')}{serves}")

    return outcome


def retired(sent: Event) -> Callable[[Recorded, bool], Outcome | None]:
    """Wait until the model is out of service; a rollout under way ends before."""

    def outcome(event: Recorded, ours: bool) -> Outcome | None:
        if event["type"] != c.RolloutCompleted.type or not (ours or is_later(event, sent)):
            return None
        data = event["data"]
        if data["outcome"] != c.RolloutOutcome.RETIRED:
            return None
        return Outcome(True, f"{data['model']} is retired; v{data['version']} served last")

    return outcome


def rolling(event: Recorded, ours: bool) -> Outcome | None:
    """Wait for the rollout that an approval begins."""
    if not ours or event["type"] not in (c.RolloutStarted.type, c.RolloutCompleted.type):
        return None
    data = event["data"]
    if event["type"] == c.RolloutStarted.type:
        return Outcome(True, f"the rollout of v{data['version']} has begun ({data['phase']})")
    ok = data["outcome"] == c.RolloutOutcome.PROMOTED
    return Outcome(ok, f"v{data['version']} {data['outcome'].replace('_', ' ')}: {data['message']}")


def trained(event: Recorded, ours: bool) -> Outcome | None:
    """Wait until the governor has said no or not yet, or the run has ended and the gate has judged it."""
    if not ours:
        return None
    data = event.get("data") or {}
    match event["type"]:
        case c.TrainingDeferred.type:
            until = f" until {clock(data['until'])}" if data.get("until") else ""
            what = "refused" if data["refused"] else f"it waits{until}"
            return Outcome(not data["refused"], f"{what} by the rule {data['rule']}: {data['message']}")
        case c.TrainingFailed.type:
            fix = f"; {data['fix']}" if data.get("fix") else ""
            return Outcome(False, f"the training of v{data['version']} failed: {data['error']}{fix}")
        case c.ModelApproved.type:
            return Outcome(True, f"v{data['version']} is trained, and approved by {data['approved_by']}")
        case c.ModelRejected.type:
            why = data.get("message") or "no reason given"
            return Outcome(
                False,
                f"v{data['version']} is trained, and rejected by {data['rejected_by']}: {why}; "
                f"`kascade approve {data['model']} {data['version']}` lets it be rolled out all the same",
            )
        case c.ModelApprovalRequested.type:
            asked = f"{data['model']} {data['version']}"
            return Outcome(
                True, f"v{data['version']} is trained and waits for you: kascade approve {asked}, or reject"
            )
    return None


def registered(event: Recorded, ours: bool) -> Outcome | None:
    """Wait as for a training; a file that is a version already is done."""
    if ours and event["type"] == c.TrainingDeferred.type:
        if event["data"]["reason"] != c.TrainingReason.REGISTERED:
            return None  # a training that waits behind it
        if event["data"]["rule"] == "dedupe":
            return Outcome(True, event["data"]["message"])
    outcome = trained(event, ours)
    return outcome and Outcome(
        outcome.ok, outcome.message.replace("trained", "registered").replace("training", "registration")
    )


def paused(model: Recorded) -> Outcome | None:
    """Wait until the rollout under way is paused."""
    rollout = model["rollout"]
    if rollout and rollout["paused"]:
        return Outcome(True, f"the rollout of v{rollout['version']} is paused")
    return None


def resumed(model: Recorded) -> Outcome | None:
    """Wait until the rollout under way is paused no longer."""
    rollout = model["rollout"]
    if rollout is None or rollout["paused"]:
        return None
    return Outcome(True, f"the rollout of v{rollout['version']} goes on")


def ended(sent: Event) -> Callable[[Recorded, bool], Outcome | None]:
    """Accept that a resumed rollout ended at once, by the verdict that was held back."""

    def outcome(event: Recorded, ours: bool) -> Outcome | None:
        if event["type"] != c.RolloutCompleted.type or not (ours or is_later(event, sent)):
            return None
        data = event["data"]
        return Outcome(True, f"v{data['version']} {data['outcome'].replace('_', ' ')}: {data['message']}")

    return outcome


def queued(sent: Event, version: int) -> Callable[[Recorded], Outcome | None]:
    """Accept that an approved version is under way already, or waits for the end of another rollout."""

    def outcome(model: Recorded) -> Outcome | None:
        rollout = model["rollout"] or {}
        if rollout.get("queued_version") == version:
            waits_for = rollout["version"]
            return Outcome(True, f"v{version} is approved and waits until v{waits_for}'s rollout has ended")
        since = rollout.get("since")
        if rollout.get("version") != version or since is None or sent.time is None:
            return None
        if datetime.fromisoformat(since) < sent.time:
            return Outcome(True, f"the rollout of v{version} is under way since {clock(since)}")
        return None

    return outcome


def rejected(sent: Event, version: int) -> Callable[[Recorded], Outcome | None]:
    """Wait until the rejection is among the facts about the version."""

    def outcome(model: Recorded) -> Outcome | None:
        facts = [fact for each in model["versions"] if each["version"] == version for fact in each["facts"]]
        noted = any(fact["event"] == sent.id for fact in facts)
        return Outcome(True, f"v{version} is rejected") if noted else None

    return outcome
