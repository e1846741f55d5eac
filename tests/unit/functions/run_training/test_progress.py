"""How far a run is, is told at each step, again while one lasts, and never stops the run."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from support.training import approve

from eventing.catalogue import Claim, TrainingApproved
from eventing.testing import MemorySink, build_event
from functions.run_training.progress import Progress
from pipelines.engines import Run
from pipelines.progress import STEPS
from pipelines.request import RunRequest

CLAIM = Claim(uri="s3://x/y", sha256="0" * 64)
REQUEST = RunRequest("churn", 3, "run-3", CLAIM, CLAIM, CLAIM, "s3://models/churn/v3", 0)
APPROVED = build_event(TrainingApproved.type, approve(REQUEST), id_="approved-3")


@dataclass
class Told:
    """An attempt, with the clock that a test turns."""

    sink: MemorySink = field(default_factory=MemorySink)
    now: float = 0.0

    def attempt(self, name: str = "first", package: bytes | None = None) -> Progress:
        run = Run("run-3", {"attempt": name}, package)
        return Progress(self.sink, 300, APPROVED, REQUEST, run, clock=lambda: self.now)

    def steps(self) -> list[tuple[str, int, int]]:
        return [(each.data["step"], each.data["number"], each.data["steps"]) for each in self.sink.events]


def test_each_step_is_told_once_when_it_begins() -> None:
    told = Told()
    progress = told.attempt()
    for begun in ((), (), STEPS[:1], STEPS[:4], STEPS[:4]):
        progress.announce(begun)
        told.now += 1
    assert told.steps() == [("extract", 1, 8), ("experiment", 4, 8)]
    (first, second) = told.sink.events
    assert (first.subject, first.source) == ("churn/v3", "/kascade/run_training")
    assert first.extensions["causationid"] == "approved-3"
    assert second.data["seconds"] == 3.0


@pytest.mark.case("T2", "a long step goes on telling that it lives")
def test_a_step_that_lasts_is_told_again_with_an_id_of_its_own() -> None:
    told = Told()
    progress = told.attempt()
    for _ in range(7):
        progress.announce(STEPS[:4])
        told.now += 100
    assert told.steps() == [("experiment", 4, 8)] * 3
    assert len({event.id for event in told.sink.events}) == 3


def test_ids_follow_from_the_attempt_and_the_step() -> None:
    ids = []
    for name in ("first", "first", "second"):
        told = Told()
        told.attempt(name).announce(STEPS[:2])
        ids.append(told.sink.events[0].id)
    assert (ids[0] == ids[1], ids[0] == ids[2]) == (True, False)


def test_of_another_pipeline_no_step_is_known_but_that_it_goes_on() -> None:
    told = Told()
    told.attempt(package=b"own").announce(())
    assert told.steps() == [("pipeline", 1, 1)]


def test_a_sink_that_is_away_does_not_stop_the_run() -> None:
    told = Told()
    told.sink.refusing = True
    told.attempt().announce(STEPS[:1])
    assert told.sink.events == []
