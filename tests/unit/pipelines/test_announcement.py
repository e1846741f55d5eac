"""How a run's end is told, and told again."""

from __future__ import annotations

import json

import pytest
from support.training import make_card

from eventing.catalogue import Claim, TrainingApproved, TrainingCompleted, TrainingFailed
from eventing.store import MemoryStore
from eventing.testing import MemorySink, build_event
from pipelines import layout
from pipelines.announcement import announce, dump_cause, load_cause
from pipelines.code import code_digest, environment
from pipelines.errors import TransientError
from pipelines.records import Failure, Fault, count_failures, read_card, read_failure, write_failure
from pipelines.request import RunRequest

SHA = "a" * 64
CLAIM = Claim(uri="s3://b/k", sha256=SHA)
REQUEST = RunRequest("churn", 7, "run-7", CLAIM, CLAIM, CLAIM, "s3://models/churn/v7", 3)
CAUSE = build_event(TrainingApproved.type, {}, id_="cause-1")


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    made.ensure_bucket("models")
    return made


def put_card(store: MemoryStore, run_id: str) -> None:
    card = make_card(
        run_id=run_id,
        version=7,
        files={
            name: {"uri": f"s3://models/churn/v7/{name}", "sha256": SHA}
            for name in (layout.ONNX, layout.HOLDOUT, layout.REFERENCE)
        },
        evaluation={"metrics": {"roc_auc": 0.9}},
    )
    store.put(f"{REQUEST.output}/{layout.CARD}", card.to_json())


def test_a_completed_version_is_announced_with_its_claims_and_the_same_id_each_time(
    store: MemoryStore,
) -> None:
    put_card(store, "run-7")
    sink = MemorySink()
    for attempt in ("one", "two"):
        assert (
            announce(store, sink.send, REQUEST, CAUSE, attempt=attempt, last=False) == TrainingCompleted.type
        )
    first, second = sink.events
    assert first.id == second.id
    assert first.subject == "churn/v7"
    assert first.extensions["causationid"] == "cause-1"
    payload = TrainingCompleted.model_validate(first.data)
    assert payload.model_dump()["metrics"] == {"roc_auc": 0.9}
    found = read_card(store, REQUEST.output, "run-7")
    assert found is not None
    assert payload.model_dump()["card"]["sha256"] == found[1].sha256


def test_another_runs_card_is_not_this_runs_success(store: MemoryStore) -> None:
    put_card(store, "run-6")
    write_failure(store, REQUEST.output, "one", Failure("check", "one class", "add rows", Fault.OWNER))
    sink = MemorySink()
    assert announce(store, sink.send, REQUEST, CAUSE, attempt="one", last=False) == TrainingFailed.type
    assert sink.events[0].data["step"] == "check"
    assert sink.events[0].data["fix"] == "add rows"


@pytest.mark.parametrize("recorded", [True, False])
def test_a_failure_of_the_surroundings_is_announced_only_when_nobody_tries_again(
    store: MemoryStore, recorded: bool
) -> None:
    if recorded:
        write_failure(store, REQUEST.output, "one", Failure("extract", "down", "", Fault.SURROUNDINGS))
    sink = MemorySink()
    with pytest.raises(TransientError):
        announce(store, sink.send, REQUEST, CAUSE, attempt="one", last=False)
    assert sink.events == []
    announce(store, sink.send, REQUEST, CAUSE, attempt="one", last=True)
    assert sink.events[0].data["step"] == ("extract" if recorded else "unknown")


def test_failures_are_kept_by_attempt_and_counted(store: MemoryStore) -> None:
    assert count_failures(store, REQUEST.output) == 0
    assert read_failure(store, REQUEST.output, "one") is None
    failure = Failure("refit", "é", "fix", Fault.CODE)
    write_failure(store, REQUEST.output, "one", failure)
    write_failure(store, REQUEST.output, "two", failure)
    assert read_failure(store, REQUEST.output, "two") == failure
    assert count_failures(store, REQUEST.output) == 2


def test_the_cause_survives_as_a_parameter() -> None:
    again = load_cause(dump_cause(CAUSE))
    assert (again.id, again.correlation_id, again.source) == (CAUSE.id, CAUSE.correlation_id, CAUSE.source)


def test_a_request_survives_as_parameters_that_are_plain_values() -> None:
    parameters = json.loads(json.dumps(REQUEST.to_parameters()))
    assert RunRequest.from_parameters({**parameters, "version": 7.0, "status": None}) == REQUEST


def test_the_code_digest_is_stable_and_the_environment_is_a_sorted_list() -> None:
    assert code_digest() == code_digest()
    lines = environment().splitlines()
    assert len(lines) == len(set(lines))
    assert any(line.startswith("scikit-learn==") for line in lines)


def test_the_experiments_that_an_event_has_room_for_are_announced(store: MemoryStore) -> None:
    usual = {
        "estimator": "forest",
        "parameters": {"depth": 4},
        "folds": [0.8, 0.9],
        "mean": 0.85,
        "failed": None,
        "seconds": 1.5,
        "warnings": [],
    }
    large = {**usual, "parameters": {"note": "x" * 5_000}}
    card = json.loads(store_card(store))
    card["experiments"] = [usual, {"no": "experiment"}, *[large] * 5]
    store.put(f"{REQUEST.output}/{layout.CARD}", json.dumps(card).encode())
    sink = MemorySink()

    announce(store, sink.send, REQUEST, CAUSE, attempt="one", last=True)

    payload = TrainingCompleted.model_validate(sink.events[0].data)
    assert len(payload.experiments) == 1 + 3
    assert (payload.experiments[0].folds, payload.experiments[0].mean) == ([0.8, 0.9], 0.85)


def test_a_failure_is_announced_with_the_end_of_what_its_step_said(store: MemoryStore) -> None:
    failure = Failure("refit", "broken", "mend it", Fault.CODE, "line 1\nline 2")
    write_failure(store, REQUEST.output, "one", failure)
    sink = MemorySink()

    announce(store, sink.send, REQUEST, CAUSE, attempt="one", last=True)

    assert read_failure(store, REQUEST.output, "one") == failure
    assert TrainingFailed.model_validate(sink.events[0].data).log == "line 1\nline 2"


def store_card(store: MemoryStore) -> bytes:
    put_card(store, "run-7")
    return store.get(f"{REQUEST.output}/{layout.CARD}")
