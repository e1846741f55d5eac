"""launch_training over its state, with an engine and a clock that the test holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from support.tables import create_tables
from support.training import approve, churn_table, put_dataset

from eventing.catalogue import Claim, TimerDue, TrainingApproved, TrainingCompleted
from eventing.codec import decode, to_structured
from eventing.event import Event
from eventing.store import MemoryStore, Store
from eventing.testing import build_event
from functions.launch_training.app import create_app
from functions.launch_training.settings import Settings
from functions.state.database import make_engine, session_factory, transaction
from functions.state.launches import Launch
from functions.state.timers import TimerRow
from pipelines.card import load_card
from pipelines.engines import TrainingEngine
from pipelines.engines.memory import MemoryEngine
from pipelines.request import RunRequest

KINDS = {"amount": "number", "calls": "integer", "churned": "category"}
CANDIDATE = "{estimator: decision_tree, grid: {max_depth: [3]}}"
SPEC = f"model: churn\ntarget: churned\ntrain: {{candidates: [{CANDIDATE}]}}\n"
CODE_SPEC = """\
model: churn
target: churned
train:
  code: train.py
  params: {num_leaves: [4]}
  secrets: {HF_TOKEN: hugging-face/token}
  candidates: [{estimator: xgboost, grid: {max_depth: [2]}}]
"""
CODE = """
import os
from lightgbm import LGBMClassifier

def fit(frame, target, params, seed):
    assert os.environ["HF_TOKEN"] == "hush, hush"
    assert "AWS_SECRET_ACCESS_KEY" not in os.environ
    print("it was told", os.environ["HF_TOKEN"])
    return LGBMClassifier(n_estimators=20, random_state=seed, verbose=-1, **params).fit(frame, target)
"""
"""What a model's owner may write: LightGBM, which is to be compared with XGBoost."""
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Launching:
    """The function, and what the test sees of it."""

    database: Engine
    settings: Settings
    store: Store
    engine: TrainingEngine
    now: datetime = START
    answers: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client: FlaskClient = create_app(
            self.settings, store=self.store, engine=self.engine, clock=lambda: self.now
        ).test_client()

    def allowing_code(self) -> Launching:
        """Return the function as it is where the operator allows code of model owners."""
        return replace(self, settings=replace(self.settings, allow_code=True), answers=[])

    def approval(self, request: RunRequest) -> Event:
        event = build_event(TrainingApproved.type, approve(request), id_=f"approved-{request.run_id}")
        return replace(event, extensions={"correlationid": "{{workflow.uid}} 🦔", "causationid": "dropped-1"})

    def send(self, event: Event) -> int:
        """Send an event; keep what answers it, and return the status."""
        headers, body = to_structured(event)
        answer = self.client.post("/", data=body, headers=headers)
        if answer.status_code == 200:
            self.answers.append(decode(dict(answer.headers), answer.data))
        return answer.status_code

    def ring(self, request: RunRequest) -> int:
        """Let the time of the run's timer come."""
        (timer,) = self.timers()
        self.now = max(self.now, timer.due)
        payload = TimerDue(owner="launch_training", key=request.run_id, due=timer.due)
        subject = f"launch_training/{request.run_id}"
        return self.send(build_event(TimerDue.type, payload, id_=f"timer-{timer.due}", subject=subject))

    def timers(self) -> list[TimerRow]:
        with transaction(session_factory(self.database), read_only=True) as session:
            found = list(session.query(TimerRow))
            session.expunge_all()
            return found

    def launches(self) -> list[str]:
        """Return the runs that are looked after."""
        with transaction(session_factory(self.database), read_only=True) as session:
            return [row.run_id for row in session.query(Launch)]

    def types(self) -> list[str]:
        return [event.type.removeprefix("dev.kascade.training.") for event in self.answers]

    def later(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    return Settings.from_env(
        {"DATABASE_URL": url, "TRAINING_ENGINE": "kubeflow", "KFP_ENDPOINT": "http://127.0.0.1:9"}
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings.database_url)
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def memory() -> MemoryEngine:
    return MemoryEngine()


@pytest.fixture
def launching(settings: Settings, database: Engine, memory: MemoryEngine) -> Launching:
    store = MemoryStore()
    store.ensure_bucket("raw")
    return Launching(database, settings, store, memory)


@pytest.fixture
def request_(launching: Launching) -> RunRequest:
    return put_dataset(launching.store, [churn_table(200)], KINDS, SPEC)


def check_card(store: Store, event: Event, log: str) -> None:
    """Check that a run of CODE_SPEC made a version, of code and of XGBoost."""
    assert event.type == TrainingCompleted.type, f"{event.data}\n{log}"
    card = json.loads(load_card(store, Claim.model_validate(event.data["card"])).to_json())
    assert {each["estimator"] for each in card["experiments"]} == {"train.py", "xgboost"}
    assert card["own_code"]["train"]["sha256"] == hashlib.sha256(CODE.encode()).hexdigest()
