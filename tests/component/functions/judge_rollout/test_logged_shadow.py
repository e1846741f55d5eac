"""A rollout begins with what the log already holds: requests of before that the challenger has answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from support.world import MODEL, logged

from eventing import catalogue as c
from functions.inferences.log import table_of, to_parquet
from functions.state.labels import lock_feedback

from .conftest import Judging, decided

START = 100


class Served(Judging):
    """judge_rollout in a world where v1 has served, and v2 has answered from the log what it was asked."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.answered: list[c.InferenceLogged] = []
        self.unlabelled: list[Any] = []

    def before(
        self, second: float, rows: int, champion: float, challenger: float, *, labelled: bool = True
    ) -> None:
        """Log what v1 served, of which v2 answers copies: from the log before the start, live after it."""
        times, truth = self.times(second, rows), self.truths(rows)
        theirs, ours = (self.answers(truth, rate) for rate in (challenger, champion))
        batch = logged(times, labels=ours, seed=f"{second}")
        copies = batch.model_copy(update={"version": 2, "shadow": True, "labels": theirs})
        self.world.log(batch)
        if second < START:
            self.answered.append(copies)
        else:
            self.world.log(copies)
        labels = list(zip(batch.ids, times, truth, strict=True))
        if labelled:
            self.world.label(*labels)
        else:
            self.unlabelled += labels

    def serve(self, second: float, rows: int) -> None:
        """Log what v1 served and v2 was not asked, with labels."""
        times = self.times(second, rows)
        batch = logged(times, labels=["yes"] * rows, seed=f"{second}/alone")
        self.world.log(batch)
        self.world.label(*((identity, at, "yes") for identity, at in zip(batch.ids, times, strict=True)))

    def shadow(self, champion: int = 1) -> c.LoggedShadow:
        """Play the part of evaluate_model."""
        table = pa.concat_tables([table_of(batch) for batch in self.answered])
        return c.LoggedShadow(
            answers=self.world.store.put(f"s3://reports/{MODEL}/v2/shadow/x.parquet", to_parquet(table)),
            since=self.world.after(0),
            through=max(table.column("at").to_pylist()),
            rows=table.num_rows,
            champion_version=champion,
        )

    def start(self, phase: str = "shadow", champion: int = 1, id_: str = "start") -> None:
        payload = c.RolloutStarted(
            model=MODEL,
            version=2,
            champion_version=1,
            phase=c.RolloutPhase(phase),
            revision="churn-v2",
            logged_shadow=self.shadow(champion) if self.answered else None,
        )
        self.rollout(c.RolloutStarted.type, payload, second=START, id_=id_)


@pytest.fixture
def court(database: str) -> Iterator[Served]:
    court = Served(database)
    yield court
    court.world.engine.dispose()


def prepare(court: Served, champion: float, challenger: float) -> None:
    for number in range(20):
        court.before(10 + number, 50, champion, challenger)
    with court.world.session() as session:
        lock_feedback(session, MODEL).joined_through = court.world.after(START)


def test_what_the_log_holds_decides_a_shadow_at_once(court: Served) -> None:
    prepare(court, 0.3, 0.1)
    court.start()
    verdict = decided(court.tick(START + 0.1))
    assert (verdict.outcome, verdict.reason, verdict.phase) == ("promoted", "evidence", "shadow")
    assert verdict.logged == verdict.labels >= 50
    assert verdict.coverage_champion == verdict.coverage_challenger == 1.0


def test_a_challenger_that_is_worse_on_the_log_is_rolled_back_at_once(court: Served) -> None:
    prepare(court, 0.1, 0.4)
    court.start()
    assert decided(court.tick(START + 0.1)).outcome == "rolled_back"


def test_on_probation_the_log_counts_as_well(court: Served) -> None:
    prepare(court, 0.9, 0.1)
    court.start("probation")
    verdict = decided(court.tick(START + 0.1))
    assert (verdict.outcome, verdict.reason, verdict.phase) == ("promoted", "evidence", "probation")


def test_labels_of_logged_requests_that_come_after_the_start_count_once_each(court: Served) -> None:
    for number in range(4):
        court.before(92 + number, 50, 0.1, 0.1, labelled=number < 2)
    court.start()
    assert court.joined(START + 2.5) is None
    assert court.state()["better"]["n"] == 50, "of one batch the window has closed"
    court.world.label(*court.unlabelled)
    assert court.joined(START + 8) is None
    assert court.joined(START + 9) is None
    assert (court.state()["better"]["n"], court.state()["logged"]) == (200, 200)


def test_what_came_between_the_log_and_the_first_copy_does_not_count(court: Served) -> None:
    court.before(80, 60, 0.1, 0.1)
    court.serve(85, 40)  # after what was answered
    court.serve(START - 1, 30)
    court.serve(START + 1, 30)  # before the first copy
    court.before(START + 2, 50, 0.1, 0.1)
    court.start()
    court.joined(START + 30)
    state = court.state()
    assert (state["better"]["n"], state["logged"]) == (110, 60)
    assert state["coverage"]["challenger_matured"] == state["coverage"]["challenger_labelled"] == 110


def test_logged_requests_that_it_was_not_asked_do_not_count(court: Served) -> None:
    court.before(80, 60, 0.1, 0.1)
    court.serve(80.001, 40)
    court.start()
    court.joined(START + 30)
    assert court.state()["coverage"]["champion_matured"] == 60


def test_a_log_of_another_champion_is_no_evidence(court: Served) -> None:
    prepare(court, 0.3, 0.1)
    court.start(champion=7)
    assert court.joined(START + 20) is None
    assert court.state()["through"] is None


def test_events_late_or_twice_or_out_of_order_give_the_same_verdict(new_database: Callable[[], str]) -> None:
    found = []
    for order in ([0, 1, 2, 3], [3, 0, 0, 2, 1], [2, 2, 3, 1, 0]):
        court = Served(new_database())
        court.before(60, 40, 0.2, 0.05)
        for number in range(4):
            court.before(START + 1 + number, 100, 0.2, 0.05)
        court.start()
        court.start(id_="again")
        verdict = None
        for number in order:
            verdict = court.joined(START + 20 + number, id_=f"j{number}") or verdict
            court.restart()
        said = decided(verdict)
        found.append((said.outcome, said.labels, said.logged, said.label_digest))
        court.world.engine.dispose()
    assert found[0] == found[1] == found[2]
    assert found[0][2] == 40
