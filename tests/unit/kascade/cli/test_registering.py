"""`kascade register` looks through a model, puts it into the bucket once, and tells what became of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.outside_models import linear

from eventing import catalogue as c
from eventing.event import Event, answer
from eventing.store import MemoryStore, S3Store

if TYPE_CHECKING:
    from conftest import Desk

RAW = linear([[-0.1, 0.1], [0.5, -0.5]], [0.2, 0.0])
SHA256 = hashlib.sha256(RAW).hexdigest()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    found = MemoryStore()
    found.ensure_bucket("models")
    monkeypatch.setattr(S3Store, "from_env", lambda *_, **__: found)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(RAW)
    return path


def reply(type_: str, **data: Any) -> Callable[[Event], list[Event]]:
    whole = {"model": "churn", "version": 2, **data}
    return lambda event: [answer(event, type_, "/kascade/test", "churn/v2", whole)]


def test_the_file_is_put_under_its_digest_and_offered_with_what_is_said_of_it(
    desk: Desk, store: MemoryStore, file: Path
) -> None:
    desk.answer = reply(c.ModelApproved.type, approved_by="offline gate")
    words = ("--model", "churn", "--features", "calls, member", "--classes", "no,yes", "--by", "ann")
    result = desk.type("register", str(file), *words)
    assert result.exit_code == 0, result.output
    assert "v2 is registered, and approved by offline gate" in result.output
    (sent,) = desk.sent
    payload = c.ModelRegistered.model_validate(sent.data)
    assert (sent.type, sent.subject, payload.origin) == (c.ModelRegistered.type, "churn", "net.onnx")
    assert (payload.features, payload.classes) == (["calls", "member"], ["no", "yes"])
    assert payload.registered_by == "ann"
    assert payload.file == c.Claim(uri=f"s3://models/churn/registered/{SHA256}.onnx", sha256=SHA256)
    assert store.get(payload.file.uri, SHA256) == RAW


def test_the_same_file_again_is_no_failure(desk: Desk, store: MemoryStore, file: Path) -> None:
    told = {"reason": "registered", "rule": "dedupe", "refused": True, "message": "v2 was made of it"}
    desk.answer = reply(c.TrainingDeferred.type, **told)
    result = desk.type("register", str(file), "--model", "churn", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["message"] == "v2 was made of it"


def test_a_training_that_has_to_wait_for_it_is_no_answer(desk: Desk, store: MemoryStore, file: Path) -> None:
    waits = {"reason": "dataset", "rule": "single-flight", "message": "run churn-v2 is under way"}
    deferred = reply(c.TrainingDeferred.type, **waits)
    rejected = reply(c.ModelRejected.type, rejected_by="offline gate", message="margin: worse")
    desk.answer = lambda event: [*deferred(event), *rejected(event)]
    result = desk.type("register", str(file), "--model", "churn")
    assert result.exit_code == 1
    assert "v2 is registered, and rejected by offline gate: margin: worse" in result.output


def test_what_does_not_fit_is_told_with_its_fix(desk: Desk, store: MemoryStore, file: Path) -> None:
    told = {"run_id": "r", "step": "features", "error": "the model does not fit", "fix": "--features a,b"}
    desk.answer = reply(c.TrainingFailed.type, **told)
    result = desk.type("register", str(file), "--model", "churn")
    assert result.exit_code == 1
    assert "the registration of v2 failed: the model does not fit; --features a,b" in result.output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no model at all", "is refused: it is no ONNX file"),
        (b"", "it holds no graph"),
        (linear([[1]], [0], ending="Evil", domain="com.example"), "an operator of the domain 'com.example'"),
    ],
)
def test_a_file_that_is_no_model_is_not_sent(
    desk: Desk, store: MemoryStore, file: Path, content: bytes, said: str
) -> None:
    file.write_bytes(content)
    result = desk.type("register", str(file), "--model", "churn")
    assert result.exit_code == 1
    assert said in str(result.exception)
    assert desk.sent == []
    assert list(store.list("s3://models/")) == []


def test_data_in_another_file_is_refused_with_how_to_save_it(
    desk: Desk, store: MemoryStore, file: Path
) -> None:
    import onnx

    onnx.save(onnx.load_from_string(RAW), file, save_as_external_data=True, size_threshold=0)
    result = desk.type("register", str(file), "--model", "churn")
    assert result.exit_code == 1
    assert "save_as_external_data=False" in str(result.exception)


def test_a_sparse_file_that_is_too_large_is_not_even_read(desk: Desk, store: MemoryStore, file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(3 << 30)
    result = desk.type("register", str(file), "--model", "churn")
    assert result.exit_code == 1
    assert "at most 1073741824 are taken" in str(result.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "Churn!"), "model"),
        (("--model", "churn", "--from", "models:/churn/3"), "name a FILE, or a model in MLflow"),
        (("--model", "churn", "--classes", "yes"), "classes"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(
    desk: Desk, store: MemoryStore, file: Path, words: tuple[str, ...], said: str
) -> None:
    result = desk.type("register", str(file), *words)
    assert result.exit_code == 2
    assert said in result.output
    assert desk.sent == []


def test_an_address_that_is_none_of_mlflow_is_refused(desk: Desk, store: MemoryStore) -> None:
    result = desk.type("register", "--from", "http://mlflow/churn", "--model", "churn")
    assert result.exit_code == 2
    assert "is no address in MLflow" in result.output
