"""No payload that the catalogue's schemas allow makes a function fail: it is handled or refused."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.payloads import payloads
from support.replicas import FUNCTIONS, Outside
from support.runs import run_of
from support.tables import create_tables
from support.world import MODEL, NOON, logged

from eventing import catalogue as c
from eventing.codec import to_binary
from eventing.event import Event
from eventing.testing import build_event
from functions.launch_training import app as launch_training
from functions.state.database import make_engine
from functions.state.versions import Fact, record_fact
from pipelines.engines.memory import MemoryEngine

pytestmark = pytest.mark.slow

FEW = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def table(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


FILES = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b'"text"',
    b"[1, null, {}]",
    b'["s3://inferences/nothing"]',
    b'[{"uri": "s3://inferences/x", "sha256": "no"}]',
    b"[" * 3000 + b"]" * 3000,
    b"\xff\xfe\x00",
    b"PAR1",
    b"PAR1" + b"\x00" * 12 + b"\x08\x00\x00\x00PAR1",
    b"model: churn\ntarget: churned\n",
    table(x=[1.0]),
    table(amount=[1.0], churned=["no"]),
    table(id=pa.array([], pa.string())),
    table(prediction_id=["a"], label=["no"], version=[1]),
)


TYPES: dict[str, type[c.Payload]] = {
    **c.PAYLOADS,
    f"{c.S3_CREATED_PREFIX}:Put": c.ObjectRecord,
    f"{c.S3_REMOVED_PREFIX}:Delete": c.ObjectRecord,
}
DROPPED = ("csv", "parquet", "jsonl", "json", "yaml", "xlsx", "zip", "zst", "bz2", "gz", "")


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """Two versions of a model, one in a rollout, predictions, labels, and a run under way."""
    path: Path = tmp_path_factory.mktemp("state") / "state.db"
    url = f"sqlite:///{path}"
    engine = make_engine(url)
    create_tables(engine)
    engine.dispose()
    made = Outside(url)
    made.world.spec(drift={"detector": "scipy_tabular"})
    made.world.version(1, promoted=True)
    made.world.version(2)
    made.world.log(logged([NOON]))
    with made.world.session() as session:
        session.add(run_of(MODEL, 3))
        record_fact(session, MODEL, 2, Fact.APPROVED, "approved-2", NOON)
    for number, raw in enumerate(FILES):
        for folder in (f"s3://models/{MODEL}/v3", "s3://datasets/churn", "s3://inferences/churn"):
            made.world.store.put(f"{folder}/{number}", raw)
        for ending in DROPPED:
            for bucket in ("raw", "feedback", "batch"):
                made.world.store.put(f"s3://{bucket}/{MODEL}/{number}.{ending}", raw)
    yield made
    made.close()


def claims(folder: str) -> list[dict[str, str]]:
    """Return claims to files that are there, to one that is not, and to one that has changed."""
    there = [
        {"uri": f"{folder}/{number}", "sha256": hashlib.sha256(raw).hexdigest()}
        for number, raw in enumerate(FILES)
    ]
    missing = {"uri": f"{folder}/missing", "sha256": "0" * 64}
    return [
        *there,
        missing,
        {"uri": f"{folder}/0", "sha256": "0" * 64},
        {"uri": "s3://no-bucket/x", "sha256": "1" * 64},
    ]


def usual(type_: str) -> dict[str, Sequence[Any]]:
    folder = f"s3://models/{MODEL}/v3" if type_ == c.TrainingCompleted.type else "s3://datasets/churn"
    return {
        "model": [MODEL],
        "version": [1, 2, 3],
        "champion_version": [1],
        "run_id": [f"{MODEL}-v3"],
        "Claim": claims(folder),
        "owner": ["govern_training", "judge_rollout", "join_feedback", "roll_out_model"],
        "key": [MODEL, f"{MODEL}/pending", f"{MODEL}/lease", f"{MODEL}/age", "churn/x.csv", "/", "a/b/c"],
        "prediction_id": [logged([NOON]).ids[0], "no", "0" * 36],
        "ids": [logged([NOON]).ids],
        "form": [1],
        "Bucket": [{"name": "raw"}, {"name": "feedback"}],
        "StoredKey": [
            {
                "key": f"{MODEL}/{number}.{ending}",
                "eTag": hashlib.md5(raw, usedforsecurity=False).hexdigest(),
                "size": len(raw),
            }
            for number, raw in enumerate(FILES)
            for ending in DROPPED
        ]
        + [{"key": key} for key in (f"{MODEL}/model.yaml", "no-model.csv", "a%00b/c.csv", f"{MODEL}/", "//")],
    }


def subjects(data: Any) -> list[str | None]:
    known = data if isinstance(data, dict) else {}
    timer = f"{known['owner']}/{known['key']}"[:100] if "owner" in known else ""
    return [None, MODEL, f"{MODEL}/v1", *([timer] if timer.isprintable() and timer else [])]


def events_of(type_: str, payload: type[c.Payload]) -> st.SearchStrategy[Event]:
    """Return events of a type; the same content has the same id."""

    def event_of(content: tuple[Any, str | None]) -> Event:
        digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        return replace(build_event(type_, content[0], id_=digest, time=NOON), subject=content[1])

    found = payloads(payload.model_json_schema(mode="validation"), usual(type_))
    return found.flatmap(lambda data: st.tuples(st.just(data), st.sampled_from(subjects(data)))).map(event_of)


def client_of(outside: Outside, function: str) -> FlaskClient:
    if function != "launch_training":
        return outside.replica(function).test_client()
    world, engine = outside.world, MemoryEngine()
    settings = launch_training.Settings.from_env(
        {
            "DATABASE_URL": world.url,
            "TRAINING_ENGINE": "kubeflow",
            "KFP_ENDPOINT": "http://127.0.0.1:9",
            "STEP_IMAGE": "x:1",
        }
    )
    app = launch_training.create_app(settings, store=world.store, engine=engine, clock=world.clock)
    return app.test_client()


def post(client: FlaskClient, event: Event) -> tuple[int, str]:
    headers, body = to_binary(event)
    answer = client.post("/", data=body, headers=headers)
    return answer.status_code, answer.get_data(as_text=True)


def failures(client: FlaskClient, events: st.SearchStrategy[Event]) -> dict[str, str]:
    """Send events; return what was said of those that made the function fail, with their data.

    503 is no failure: the function waits for another event, such as the start of a rollout.
    """
    found: dict[str, str] = {}

    @FEW
    @given(events)
    def send(event: Event) -> None:
        status, said = post(client, event)
        if status >= 500 and status != 503:
            found.setdefault(f"{event.type}: {said[:300]}", json.dumps(event.data)[:1500])

    send()
    return found


@pytest.mark.case("S11", "every class of the catalogue at every function")
@pytest.mark.case("S4", "times of payloads")
@pytest.mark.parametrize("function", [*FUNCTIONS, "launch_training"])
def test_no_payload_that_its_schema_allows_makes_a_function_fail(outside: Outside, function: str) -> None:
    client = client_of(outside, function)
    failed: dict[str, str] = {}
    for type_, payload in TYPES.items():
        if "are not handled here" not in post(client, build_event(type_, {}, id_="probe", time=NOON))[1]:
            failed |= failures(client, events_of(type_, payload))
    assert not failed, "\n\n".join(f"{why}\n{data}" for why, data in failed.items())


@pytest.mark.case("S4", "ce-time at the ends of time")
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "time", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z"]
)
def test_an_event_of_no_possible_time_is_refused(outside: Outside, function: str, time: str) -> None:
    headers, body = to_binary(build_event("any.type", {}, id_="far", time=NOON))
    answer = outside.replica(function).test_client().post("/", data=body, headers=headers | {"ce-time": time})
    assert answer.status_code == 400
    assert "time is no time that is taken" in answer.get_json()["problems"][0]
