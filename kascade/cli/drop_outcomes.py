"""Waits for what becomes of a dropped file, by the events that answer it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from eventing import catalogue as c
from eventing.event import CAUSATION
from eventing.words.event_words import words_of
from eventing.words.fixes import fixes_of
from kascade.cli.label_outcomes import FileOutcome
from kascade.cli.request import Outcome, Recorded, refusal_of
from kascade.client import LEDGER, Client
from kascade.rendering.event_line import event_line
from kascade.rendering.terminal import escape

RAW, FEEDBACK, BATCH = "raw", "feedback", "batch"
_POLL_S = 1.0
_GOVERNOR_S = 3.0
_QUIET_S = 5.0
_OVERLAP = 100
"""The ledger's order is that of arrival: an answer may be recorded a little before what it answers."""
_OF_DATASETS = f"{c.PREFIX}dataset.*"


@dataclass(frozen=True)
class Dropped:
    """A file in a bucket.

    Attributes:
        unchanged: the bucket had exactly this content under this key before.
        after: the sequence number of the last event about the key before that.
    """

    key: str
    bucket: str
    etag: str
    unchanged: bool
    after: int

    @property
    def uri(self) -> str:
        """Its address."""
        return f"s3://{self.bucket}/{self.key}"


def announced(client: Client, key: str, **query: Any) -> list[Recorded]:
    """Return the ledger's rows that announce objects of a key."""
    page = client.get(LEDGER, "/events", subject=key, type=f"{c.S3_CREATED_PREFIX}*", limit=1000, **query)
    return [row for row in page["events"] if row["event"].get("subject") == key]


class DropOutcomes:
    """Waits for what becomes of dropped files, until a deadline."""

    def __init__(self, client: Client, model: str, console: Console, timeout_s: float) -> None:
        self._client = client
        self._model = model
        self._console = console
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s

    def outcome_of(self, dropped: Dropped, *, spec_comes: bool) -> Outcome:
        """Return what became of one file.

        Args:
            spec_comes: a model.yaml was dropped with it, so it may wait for that.
        """
        with Console(stderr=True).status(f"waiting for {escape(dropped.key)} (Ctrl-C stops waiting)"):
            created = self._created(dropped)
            if created is None:
                return Outcome(
                    False,
                    f"{dropped.key}: nobody has announced it within {self._timeout_s:g} s; the bucket is "
                    "listed again every few minutes: see kascade logs receive-objects",
                )
            if dropped.bucket == FEEDBACK:
                return self._labels(dropped, created)
            if dropped.bucket == BATCH:
                outcome = self._scored(dropped, created)
            else:
                outcome = self._dataset(dropped, created, spec_comes=spec_comes)
        if outcome is None:
            later = f"kascade events --subject {self._model}"
            return Outcome(False, f"no answer within {self._timeout_s:g} s; it may come: {later}")
        if dropped.unchanged:
            return Outcome(outcome.ok, f"{outcome.message} (it lay there already, unchanged)")
        return outcome

    def _created(self, dropped: Dropped) -> Recorded | None:
        """Return the ledger's row of the event that announces the file, once it is there."""
        after = 0 if dropped.unchanged else dropped.after
        while time.monotonic() < self._deadline:
            rows = announced(self._client, dropped.key, after=after, wait_s=_POLL_S)
            for row in reversed(rows):
                if _etag_of(row["event"]) in (None, dropped.etag):
                    return row
        return None

    def _dataset(self, dropped: Dropped, created: Recorded, *, spec_comes: bool) -> Outcome | None:
        seen: set[str] = set()
        while True:
            waits: tuple[Recorded, Outcome] | None = None
            for event in self._answers(created):
                if event["id"] in seen:
                    continue
                seen.add(event["id"])
                outcome = refusal_of(event, created["event"]["id"]) or _outcome_of(event, dropped, created)
                if outcome is not None and _waits(event):
                    waits = (event, outcome)
                elif outcome is not None:
                    self._show(event)
                    if event["type"] == c.DatasetIngested.type:
                        self._show_governor(event)
                    return outcome
            if waits is not None and not spec_comes:
                self._show(waits[0])
                return waits[1]
            if time.monotonic() >= self._deadline:
                return None
            time.sleep(_POLL_S / 4)

    def _scored(self, dropped: Dropped, created: Recorded) -> Outcome | None:
        """Show how far the file is until it is scored; each event that says so gives it more time."""
        seen: set[str] = set()
        while time.monotonic() < self._deadline:
            for event in self._events(correlation=created["event"]["id"]):
                if event["id"] in seen:
                    continue
                seen.add(event["id"])
                if (refused := refusal_of(event, created["event"]["id"])) is not None:
                    return refused
                self._show(event)
                data = event.get("data") or {}
                if event["type"] == c.BatchProgressed.type:
                    self._deadline = time.monotonic() + self._timeout_s
                elif event["type"] == c.BatchCompleted.type:
                    return Outcome(True, f"{dropped.key}: {words_of(event['type'], data)}")
                elif event["type"] == c.BatchFailed.type:
                    return Outcome(False, f"{dropped.key}: not scored: {data['reason']}")
            time.sleep(_POLL_S / 4)
        return None

    def _answers(self, created: Recorded) -> Iterator[Recorded]:
        """Yield what answers the event of a file, and what has been said since of its model's dataset.

        A file that waited for its model.yaml is answered in the chain of that.
        """
        yield from self._events(correlation=created["event"]["id"])
        yield from self._events(subject=self._model, type=_OF_DATASETS, after=created["seq"])

    def _labels(self, dropped: Dropped, created: Recorded) -> Outcome:
        found = FileOutcome(dropped.key)
        after = max(0, created["seq"] - _OVERLAP)
        waits, quiet = 0, self._deadline
        while time.monotonic() < self._deadline:
            for event in self._events(correlation=created["event"]["id"]):
                if (refused := refusal_of(event, created["event"]["id"])) is not None:
                    return refused
            page = self._client.get(LEDGER, "/events", subject=self._model, after=after, wait_s=_POLL_S)
            after = page["next"]
            for row in page["events"]:
                if found.take(row["event"]):
                    quiet = time.monotonic() + _QUIET_S
            (model,) = self._client.describe(self._model) or [{}]
            waits = (model.get("feedback") or {}).get("waiting", 0)
            if found.known and (not waits or time.monotonic() > quiet):
                break
        return found.outcome(waits)

    def _events(self, **query: Any) -> list[Recorded]:
        page = self._client.get(LEDGER, "/events", limit=1000, **query)
        return [row["event"] for row in page["events"]]

    def _show(self, event: Recorded) -> None:
        self._console.print(event_line(event))
        for fix in fixes_of(event):
            self._console.print(f"  {escape(fix)}")

    def _show_governor(self, ingested: Recorded) -> None:
        """Show the governor's answer to new data, if it comes at once."""
        until = min(self._deadline, time.monotonic() + _GOVERNOR_S)
        answers = (c.TrainingApproved.type, c.TrainingDeferred.type)
        while time.monotonic() < until:
            for event in self._events(correlation=ingested.get("correlationid") or ingested["id"]):
                if event["type"] in answers and event.get(CAUSATION) == ingested["id"]:
                    self._console.print(event_line(event))
                    return
            time.sleep(_POLL_S / 4)


def _outcome_of(event: Recorded, dropped: Dropped, created: Recorded) -> Outcome | None:
    """Return what an event says of a file; None when it is about another."""
    data = event.get("data") or {}
    if event["type"] == c.SpecRegistered.type and event.get(CAUSATION) == created["event"]["id"]:
        return Outcome(True, f"{dropped.key}: accepted")
    if data.get("key") != dropped.key:
        return None
    match event["type"]:
        case c.DatasetIngested.type:
            bad = data.get("quarantined_rows")
            more = f", {bad} quarantined" if bad else ""
            return Outcome(
                True, f"{dropped.key}: {data['rows']} rows are in, {data['total_rows']} in all{more}"
            )
        case c.DatasetUnchanged.type:
            nothing_comes = data["reason"] in (c.Unchanged.WAITS, c.Unchanged.IGNORED)
            fix = f"; {data['fix']}" if data.get("fix") else ""
            return Outcome(not nothing_comes, f"{dropped.key}: {data['message']}{fix}")
        case c.DatasetRejected.type | c.SpecRejected.type:
            first = next(iter(fixes_of(event)), data.get("reason", "no reason given"))
            return Outcome(False, f"{dropped.key}: refused: {first}")
    return None


def _waits(event: Recorded) -> bool:
    return bool(event["type"] == c.DatasetUnchanged.type and event["data"]["reason"] == c.Unchanged.WAITS)


def _etag_of(event: Recorded) -> str | None:
    stored = ((event.get("data") or {}).get("s3") or {}).get("object") or {}
    etag = stored.get("eTag")
    return etag.strip('"') if isinstance(etag, str) else None
