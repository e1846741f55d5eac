"""On probation the challenger serves, the champion answers copies, and the bet is turned round."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.world import MODEL, logged

from eventing import catalogue as c
from functions.state.versions import Fact, record_fact

from .conftest import Judging


class Probation(Judging):
    """judge_rollout in a world where v2 serves since `START` and v1, the champion before, watches."""

    START = 100

    def start(self, id_: str = "start") -> None:
        """Play the part of roll_out_model."""
        with self.world.session() as session:
            record_fact(session, MODEL, 2, Fact.PROBATION, "started", self.world.after(self.START))
        payload = c.RolloutStarted(
            model=MODEL,
            version=2,
            champion_version=1,
            phase=c.RolloutPhase.PROBATION,
            revision="churn-v2",
            percent=100,
        )
        self.rollout(c.RolloutStarted.type, payload, second=self.START, id_=id_)

    def serve(
        self, second: float, rows: int, *, version: int = 2, failures: int = 0, latency_ms: float = 1.0
    ) -> None:
        """Log what clients were answered, without labels."""
        times = self.times(second, rows)
        self.world.log(
            logged(times, version=version, failures=failures, latency_ms=latency_ms, seed=f"{second}/s")
        )

    def both(self, second: float, rows: int, champion: float, challenger: float) -> None:
        """Log a batch that the challenger served and the champion answered again, with labels."""
        times, truth = self.times(second, rows), self.truths(rows)
        theirs, ours = (self.answers(truth, rate) for rate in (challenger, champion))
        batch = logged(times, version=2, labels=theirs, seed=f"{second}")
        self.world.log(batch)
        self.world.log(batch.model_copy(update={"version": 1, "shadow": True, "labels": ours}))
        self.world.label(*zip(batch.ids, times, truth, strict=True))

    def play(self, champion: float, challenger: float, *, batches: int = 60) -> c.RolloutDecided | None:
        self.start()
        for number in range(batches):
            self.both(self.START + 1 + number, 50, champion, challenger)
            if event := self.joined(self.START + 12 + number):
                return c.RolloutDecided.model_validate(event.data)
        return None


@pytest.fixture
def probation(database: str) -> Iterator[Probation]:
    world = Probation(database)
    yield world
    world.world.engine.dispose()


def test_one_that_is_better_is_confirmed(probation: Probation) -> None:
    verdict = probation.play(0.9, 0.1)
    assert verdict is not None
    assert (verdict.phase, verdict.outcome, verdict.reason) == ("probation", "promoted", "evidence")
    assert 50 <= verdict.labels <= 100
    assert (verdict.version, verdict.champion_version) == (2, 1)


def test_one_that_is_worse_by_more_than_the_margin_is_taken_back(probation: Probation) -> None:
    verdict = probation.play(0.1, 0.4)
    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == ("rolled_back", "evidence")
    assert "worse than v1 by more than 0.02" in verdict.message


def test_nothing_shown_by_the_deadline_it_goes_on_serving(probation: Probation) -> None:
    assert probation.play(0.0, 0.0, batches=1) is None
    event = probation.tick(probation.START + 1070)
    assert event is not None
    assert (event.data["outcome"], event.data["reason"]) == ("promoted", "deadline")
    assert "was not shown to be worse than v1 within" in event.data["message"]


def test_that_it_serves_since_the_start_is_not_taken_for_the_end_of_its_rollout(probation: Probation) -> None:
    probation.start("once")
    probation.start("again, as another event")
    probation.both(probation.START + 1, 500, 0.0, 0.9)
    event = probation.joined(probation.START + 12)
    assert event is not None
    assert event.data["outcome"] == "rolled_back"


def test_what_it_served_before_who_watches_answered_does_not_count(probation: Probation) -> None:
    probation.start()
    probation.serve(probation.START + 1, 300)
    probation.both(probation.START + 2, 60, 0.5, 0.0)
    event = probation.joined(probation.START + 13)
    assert event is not None
    assert event.data["coverage_challenger"] == 1.0


def test_one_that_fails_where_the_champion_before_did_not_is_taken_back_without_labels(
    probation: Probation,
) -> None:
    probation.serve(85, 1000, version=1)
    probation.start()
    probation.serve(probation.START + 1, 1000, failures=100)
    event = probation.tick(probation.START + 20)
    assert event is not None
    assert (event.data["outcome"], event.data["reason"]) == ("rolled_back", "guard")
    assert event.data["breach"]["guard"] == "error-rate"


def test_latencies_of_different_times_are_not_compared(probation: Probation) -> None:
    probation.serve(85, 1000, version=1)
    probation.start()
    probation.serve(probation.START + 1, 1000, latency_ms=50.0)
    assert probation.tick(probation.START + 20) is None
