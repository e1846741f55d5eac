"""`kascade drop` and `kascade label --file` say what becomes of each file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.event import Event, answer
from eventing.store import MemoryStore, S3Store
from eventing.testing import object_created

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from conftest import Desk

CLAIM = {"uri": "s3://x/y", "sha256": "0" * 64}
Answers = Callable[[Event, str], Sequence[Event]]


class Bucket(MemoryStore):
    """A store whose objects are announced, and answered by what a test says."""

    def __init__(self, desk: Desk, answers: Answers) -> None:
        super().__init__("raw", "feedback", "batch", "other")
        self.desk, self.answers, self.count = desk, answers, 0

    def put(self, uri: str, data: bytes | BinaryIO) -> Claim:
        known = {each.uri: each.etag for each in self.list(uri)}
        claim = super().put(uri, data)
        etag = self.head(uri).etag
        if known.get(uri) != etag:
            bucket, key = uri.removeprefix("s3://").split("/", 1)
            self.count += 1
            event = object_created(key, bucket=bucket, etag=etag, id_=f"object-{self.count}")
            self.desk.record(event, *self.answers(event, key))
        return claim


@pytest.fixture
def drop(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Drop files by name, content and what answers them."""
    buckets: list[Bucket] = []

    def run(answers: Answers, *names: str, words: Sequence[str] = (), content: str = "a") -> Any:
        if not buckets:
            buckets.append(Bucket(desk, answers))
        monkeypatch.setattr(S3Store, "from_env", lambda env: buckets[0])
        files = []
        for name in names:
            (tmp_path / name).write_text(content)
            files.append(str(tmp_path / name))
        return desk.type("drop", *files, "--model", "churn", "--timeout", "5", *words)

    return run


def said(event: Event, type_: str, **data: Any) -> Event:
    return answer(event, type_, "/kascade/ingest_data", "churn", {"model": "churn", **data})


def ingested(event: Event, key: str) -> Event:
    rows = {"rows": 7, "total_rows": 12, "parts": 2, "quarantined_rows": 3, "quarantine_uri": "s3://q/r"}
    claims = dict.fromkeys(("part", "profile", "dataset", "spec", "data_schema"), CLAIM)
    return said(event, c.DatasetIngested.type, key=key, **rows, **claims)


def waits(event: Event, key: str) -> Event:
    told = {"reason": "waits", "message": "churn has no model.yaml yet", "fix": "drop churn/model.yaml"}
    return said(event, c.DatasetUnchanged.type, key=key, **told)


def test_rows_that_are_in_are_counted_with_what_the_governor_makes_of_them(drop: Any) -> None:
    def answers(event: Event, key: str) -> list[Event]:
        found = ingested(event, key)
        later = {"reason": "dataset", "rule": "debounce", "message": "waiting until no more come"}
        return [found, answer(found, c.TrainingDeferred.type, "/g", "churn", {"model": "churn", **later})]

    done = drop(answers, "a.csv")
    assert done.exit_code == 0, done.output
    assert "churn/a.csv: 7 rows are in, 12 in all, 3 quarantined" in done.stdout
    assert "kascade open s3://q/r" in done.stdout
    assert "waiting until no more come" in done.stdout


@pytest.mark.case("I", "kascade drop churn.yaml churn.csv")
def test_a_file_that_is_refused_is_shown_with_its_fix_and_exit_1(drop: Any) -> None:
    def answers(event: Event, key: str) -> list[Event]:
        problem = {"where": key, "problem": "is not read", "fix": "name it churn/model.yaml"}
        return [
            said(event, c.DatasetRejected.type, key=key, reason="cannot be taken", problems=[problem])
            if key.endswith("yaml")
            else waits(event, key)
        ]

    done = drop(answers, "churn.yaml", "churn.csv")
    assert done.exit_code == 1
    assert "is not read; fix: name it churn/model.yaml" in done.stdout
    assert "churn/churn.csv: churn has no model.yaml yet; drop churn/model.yaml" in done.stdout
    lines = [json.loads(line) for line in drop(answers, "b.yaml", words=["--json"]).stdout.splitlines()]
    assert [(each["ok"], "name it churn/model.yaml" in each["message"]) for each in lines] == [(False, True)]


def test_data_that_waits_for_the_model_yaml_beside_it_is_waited_for(drop: Any) -> None:
    files: dict[str, Event] = {}

    def answers(event: Event, key: str) -> list[Event]:
        files[key] = event
        if key.endswith("model.yaml"):
            return [said(event, c.SpecRegistered.type, spec=CLAIM)]
        again = answer(files["churn/model.yaml"], event.type, event.source, key, event.data)
        return [waits(event, key), again, ingested(again, key)]

    done = drop(answers, "a.csv", "model.yaml")
    assert done.exit_code == 0, done.output
    assert done.stdout.index("churn/model.yaml: accepted") < done.stdout.index("churn/a.csv: 7 rows are in")


def test_the_same_file_again_tells_what_became_of_it_before(drop: Any) -> None:
    def answers(event: Event, key: str) -> list[Event]:
        return [ingested(event, key)]

    assert "unchanged" not in drop(answers, "a.csv").stdout
    done = drop(answers, "a.csv")
    assert (done.exit_code, "7 rows are in" in done.stdout) == (0, True)
    assert "(it lay there already, unchanged)" in done.stdout
    assert "unchanged" not in drop(answers, "a.csv", content="b").stdout


@pytest.mark.parametrize(
    ("reason", "code"), [("known_rows", 0), ("replaced", 0), ("ignored", 1), ("waits", 1)]
)
def test_what_changed_nothing_says_why(drop: Any, reason: str, code: int) -> None:
    def answers(event: Event, key: str) -> list[Event]:
        return [said(event, c.DatasetUnchanged.type, key=key, reason=reason, message="so it is")]

    done = drop(answers, "a.csv")
    assert (done.exit_code, "churn/a.csv: so it is" in done.stdout) == (code, True)


def test_a_file_that_nobody_announces_or_answers_is_a_failure_that_says_where_to_look(drop: Any) -> None:
    done = drop(lambda event, key: [], "a.csv", words=["--timeout", "1"])
    assert (done.exit_code, "no answer within 1 s" in done.stdout) == (1, True)


def test_who_does_not_wait_gets_the_address_alone(drop: Any) -> None:
    done = drop(lambda event, key: [waits(event, key)], "a.csv", words=["--no-wait"])
    assert (done.exit_code, done.stdout.strip()) == (0, "s3://raw/churn/a.csv")
    done = drop(lambda event, key: [waits(event, key)], "b.csv", words=["--no-wait", "--json"])
    assert json.loads(done.stdout) == {"uri": "s3://raw/churn/b.csv"}


@pytest.mark.case("I", "kascade label with a file in which nothing can be joined")
@pytest.mark.parametrize(("joined", "code"), [(2, 0), (0, 1)])
def test_a_file_of_labels_says_what_became_of_them(drop: Any, joined: int, code: int) -> None:
    def answers(event: Event, key: str) -> list[Event]:
        told = {"key": key, "joined": joined, "impossible": 1}
        through = {"through": "2026-01-02T03:04:05Z", "joined": joined, "files": [told]}
        return [said(event, c.FeedbackJoined.type, **through)]

    done = drop(answers, "labels.csv", words=["--bucket", "feedback"])
    assert done.exit_code == code, done.output
    assert "1 impossible" in done.stdout
    assert "the target of the model cannot have this value" in done.stdout


def test_a_file_of_labels_that_cannot_be_read_is_refused_with_the_reason(drop: Any) -> None:
    def answers(event: Event, key: str) -> list[Event]:
        dead = {
            "event_id": event.id,
            "event_type": event.type,
            "event_source": event.source,
            "destination": "http://join-feedback",
            "error": json.dumps({"problems": ["labels need `label`"]}),
            "redrive": "POST /1",
        }
        return [answer(event, c.DeliveryFailed.type, "/r", key, dead)]

    done = drop(answers, "labels.csv", words=["--bucket", "feedback"])
    assert (done.exit_code, "refused: labels need `label`" in done.stdout) == (1, True)


def test_a_file_to_score_is_dropped_into_its_bucket_and_the_result_is_named(drop: Any) -> None:
    result = {"uri": "s3://batch/churn/a.predictions.csv", "sha256": "0" * 64}

    def answers(event: Event, key: str) -> list[Event]:
        assert event.source == "aws:s3..batch"
        how_far = {"key": key, "version": 3, "rows": 100, "seconds": 15.0}
        done = {"key": key, "version": 3, "result": result, "rows": 120, "bad_rows": 2, "seconds": 18.0}
        report = {"report_uri": "s3://quarantine/churn/x/report.json"}
        return [
            said(event, c.BatchProgressed.type, **how_far),
            said(event, c.BatchCompleted.type, **done, **report),
        ]

    done = drop(answers, "a.csv", words=["--batch"])
    assert done.exit_code == 0, done.output
    assert "churn/a.csv: 100 rows by v3, after 15 s" in done.stdout
    assert "120 rows by v3 in 18.0 s, 2 of them bad: s3://batch/churn/a.predictions.csv" in done.stdout
    assert "bad rows: kascade open s3://quarantine/churn/x/report.json" in done.stdout


def test_a_file_that_is_not_scored_is_told_with_the_fix(drop: Any) -> None:
    def answers(event: Event, key: str) -> list[Event]:
        problem = {"where": "model churn", "problem": "no version was promoted yet", "fix": "wait"}
        told = {"key": key, "reason": "the model churn has no champion", "problems": [problem]}
        return [said(event, c.BatchFailed.type, **told)]

    done = drop(answers, "a.csv", words=["--batch"])
    assert done.exit_code == 1, done.output
    assert "churn/a.csv: not scored: the model churn has no champion" in done.stdout
    assert "model churn: no version was promoted yet; fix: wait" in done.stdout
