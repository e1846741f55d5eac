"""govern_training over HTTP: events in, one reply or several through the sink, clear refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from eventing import catalogue as kinds
from eventing.environment import SettingsError
from eventing.testing import HandlingFailed, MemorySink, build_event, handle
from functions.govern_training.app import create_app
from functions.govern_training.settings import Settings
from functions.ring_timers.logic import timer_due
from functions.state import specs, timers
from functions.state.database import make_engine, session_factory, transaction
from pipelines.spec import parse_spec, spec_digest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLAIM = kinds.Claim(uri="s3://models/churn/specs/x/model.yaml", sha256="1" * 64)
SPEC = "model: churn\ntarget: churned\ntrain: {seed: 5}\nretrain: {debounce: 0s}\n"


class Governor:
    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self.sessions: sessionmaker[Session] = session_factory(self.engine)
        self.sink, self.now = MemorySink(), NOON
        self.app: Flask = create_app(Settings(url), sink=self.sink, clock=lambda: self.now)

    def register_spec(self, code: kinds.OwnCode | None = None) -> None:
        digest = "0" * 64 if code is None else spec_digest(parse_spec(SPEC.encode(), model="churn"), code)
        with transaction(self.sessions) as session:
            specs.add_spec(
                session,
                "churn",
                claim=CLAIM,
                digest=digest,
                text=SPEC,
                key="k",
                etag=None,
                now=NOON,
                code=code,
            )


@pytest.fixture
def governor(database: str) -> Iterator[Governor]:
    made = Governor(database)
    yield made
    made.engine.dispose()


def ingested() -> kinds.DatasetIngested:
    return kinds.DatasetIngested(
        model="churn",
        part=CLAIM,
        profile=CLAIM,
        dataset=CLAIM,
        spec=CLAIM,
        data_schema=CLAIM,
        rows=900,
        total_rows=900,
        parts=1,
        key="churn/a.csv",
    )


def test_a_dataset_is_answered_with_an_approved_run_of_the_spec_in_force(governor: Governor) -> None:
    governor.register_spec()
    answer = handle(governor.app, build_event(kinds.DatasetIngested.type, ingested(), time=NOON))
    assert answer is not None
    assert answer.type == kinds.TrainingApproved.type
    assert answer.source == "/kascade/govern_training"
    payload = kinds.TrainingApproved.model_validate(answer.data)
    assert (payload.spec, payload.seed, payload.version) == (CLAIM, 5, 1)


def test_the_same_data_are_trained_again_with_code_that_has_changed_and_only_then(governor: Governor) -> None:
    def ask(number: int) -> kinds.TrainingApproved | None:
        event = build_event(kinds.TrainingRequested.type, {"model": "churn"}, id_=f"ask-{number}", time=NOON)
        answer = handle(governor.app, event)
        assert answer is not None
        approved = answer.type == kinds.TrainingApproved.type
        return kinds.TrainingApproved.model_validate(answer.data) if approved else None

    def end(run: kinds.TrainingApproved) -> None:
        failed = kinds.TrainingFailed(
            model="churn", version=run.version, run_id=run.run_id, step="refit", error="x"
        )
        handle(
            governor.app, build_event(kinds.TrainingFailed.type, failed, id_=f"end-{run.run_id}", time=NOON)
        )

    old, new = (kinds.OwnCode(train=CLAIM.model_copy(update={"sha256": each * 64})) for each in "ab")
    governor.register_spec(old)
    answer = handle(governor.app, build_event(kinds.DatasetIngested.type, ingested(), time=NOON))
    assert answer is not None
    first = kinds.TrainingApproved.model_validate(answer.data)
    assert first.code == old
    assert ask(1) is None, "a run on the same is under way"
    governor.register_spec(new)
    end(first)
    second = ask(2)
    assert second is not None
    assert (second.version, second.code) == (2, new)


def test_a_lost_run_and_its_retry_both_reach_the_broker(governor: Governor) -> None:
    governor.register_spec()
    handle(governor.app, build_event(kinds.DatasetIngested.type, ingested(), time=NOON))
    governor.now += timedelta(hours=5)
    with transaction(governor.sessions, read_only=True) as session:
        (timer,) = timers.due(session, governor.now, 10)
    assert handle(governor.app, timer_due(timer, governor.now)) is None
    assert [event.type for event in governor.sink.events] == [
        kinds.TrainingFailed.type,
        kinds.TrainingApproved.type,
    ]


def test_a_broker_that_is_away_makes_the_delivery_come_again_and_the_answer_the_same(
    governor: Governor,
) -> None:
    governor.register_spec()
    handle(governor.app, build_event(kinds.DatasetIngested.type, ingested(), time=NOON))
    governor.now += timedelta(hours=5)
    with transaction(governor.sessions, read_only=True) as session:
        (timer,) = timers.due(session, governor.now, 10)
    governor.sink.refusing = True
    with pytest.raises(HandlingFailed, match="503"):
        handle(governor.app, timer_due(timer, governor.now))
    governor.sink.refusing = False
    governor.now += timedelta(minutes=1)
    handle(governor.app, timer_due(timer, governor.now))
    assert [event.data["version"] for event in governor.sink.events] == [1, 2]


@pytest.mark.parametrize(
    ("type_", "data", "status", "said"),
    [
        (kinds.TrainingRequested.type, {"model": "churn", "because": "x"}, 400, "data.because"),
        (kinds.TrainingRequested.type, {"model": "No Name!"}, 400, "data.model"),
        (kinds.DatasetIngested.type, {"model": "churn"}, 400, "data.total_rows"),
        (kinds.SpecRegistered.type, {}, 422, "not handled here"),
        (
            kinds.TimerDue.type,
            {"owner": "roll_out_model", "key": "x", "due": "2026-01-01T00:00:00Z"},
            422,
            "belongs",
        ),
    ],
)
def test_what_cannot_be_handled_is_refused_for_good_with_the_reason(
    governor: Governor, type_: str, data: dict[str, str], status: int, said: str
) -> None:
    with pytest.raises(HandlingFailed, match=said) as caught:
        handle(governor.app, build_event(type_, data))
    assert caught.value.status == status


def test_it_is_not_ready_before_the_database_is_migrated(empty_database: str) -> None:
    governor = Governor(empty_database)
    answer = governor.app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert "python -m functions.state upgrade" in answer.text
    governor.engine.dispose()


def test_settings_come_from_the_environment_and_bad_ones_are_told_all_at_once() -> None:
    found = Settings.from_env({"DATABASE_URL": "sqlite://", "RUN_LEASE_S": "90", "CODE_DIGEST": "abc"})
    assert (found.run_lease, found.code_digest) == (timedelta(seconds=90), "abc")
    assert found.gate_hold == timedelta(minutes=15)
    with pytest.raises(SettingsError, match=r"DATABASE_URL.*RUN_LEASE_S.*GATE_HOLD_S.*ROLLOUT_HOLD_S"):
        Settings.from_env({"RUN_LEASE_S": "0", "GATE_HOLD_S": "soon", "ROLLOUT_HOLD_S": "nan"})
