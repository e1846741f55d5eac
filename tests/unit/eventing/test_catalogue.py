"""The catalogue: one payload class per type, from which its schema and its documentation derive."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from eventing import catalogue
from eventing.catalogue import (
    FROM_OUTSIDE,
    PAYLOADS,
    PREFIX,
    FeedbackReceived,
    ModelApproved,
    ObjectRecord,
    OutsidePayload,
    Payload,
    TrainingRequested,
)
from eventing.errors import InvalidEvent
from eventing.payload import read_payload
from eventing.schemas import path_of, reference, stale
from eventing.testing import build_event


def test_exactly_the_types_from_outside_are_read_strictly() -> None:
    assert {t for t, payload in PAYLOADS.items() if issubclass(payload, OutsidePayload)} == FROM_OUTSIDE


def test_a_class_that_names_a_type_is_in_the_registry_under_it() -> None:
    assert ModelApproved is ModelApproved
    assert ModelApproved.type == "dev.kascade.model.approved"
    assert all(payload.type == type_ for type_, payload in PAYLOADS.items())


def test_a_part_of_a_payload_has_no_type() -> None:
    assert not hasattr(catalogue.Claim, "type")


def test_a_payload_that_extends_another_has_a_type_of_its_own() -> None:
    assert catalogue.DriftChecked.type == "dev.kascade.drift.checked"
    assert catalogue.DriftDetected.type == "dev.kascade.drift.detected"


@pytest.mark.parametrize("type_", ["Noun.participle", "noun", "dev.kascade.noun.participle", "noun."])
def test_a_malformed_type_is_refused_where_the_class_is_defined(type_: str) -> None:
    with pytest.raises(ValueError, match=r"Odd: type '.*' is not <noun>.<participle>"):
        type("Odd", (Payload,), {"__doc__": "Odd."}, type=type_)


def test_a_type_has_one_class() -> None:
    with pytest.raises(ValueError, match=r"Second: timer.due is the type of TimerDue"):
        type("Second", (Payload,), {"__doc__": "Second."}, type="timer.due")


def test_every_payload_says_what_it_means() -> None:
    with pytest.raises(ValueError, match=r"Silent: a docstring says what odd\.happened means"):
        type("Silent", (Payload,), {}, type="odd.happened")


def test_the_page_of_events_names_every_type_and_who_emits_it() -> None:
    sections = reference.render().split("\n## ")[1:]
    assert [section.splitlines()[0] for section in sections] == sorted(
        type_.removeprefix(PREFIX) for type_ in PAYLOADS
    )
    (approved,) = (section for section in sections if section.startswith("model.approved\n"))
    assert "Subject: `<model>/v<version>`" in approved
    assert "Emitted by: `console`, `evaluate_model`, outside" in approved
    assert "`approved_by`, `verdict`?" in approved


def test_the_schemas_are_those_of_the_classes() -> None:
    assert stale() == [], "run `python -m eventing.schemas`"


def test_the_command_reports_a_schema_that_is_out_of_date(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from eventing import schemas

    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    monkeypatch.setattr(schemas, "PAGE", tmp_path / "events.md")
    (tmp_path / "dev.kascade.gone.away.json").write_text("{}")
    assert len(schemas.write_all()) == len(PAYLOADS) + 2
    assert schemas.stale() == []
    (tmp_path / f"{TrainingRequested.type}.json").write_text("{}")
    assert [path.name for path in schemas.stale()] == [f"{TrainingRequested.type}.json"]


def test_the_check_command_passes_on_this_tree() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "eventing.schemas", "--check"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("type_", sorted(PAYLOADS))
def test_every_schema_is_a_valid_json_schema(type_: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(path_of(type_).read_text()))


@pytest.mark.parametrize(
    ("type_", "data", "good"),
    [
        (TrainingRequested.type, {"model": "churn"}, True),
        (TrainingRequested.type, {"model": "churn", "requested_by": "ana", "comment": "why"}, True),
        (TrainingRequested.type, {"model": "Churn"}, False),
        (TrainingRequested.type, {"model": "a" * 41}, False),
        (TrainingRequested.type, {"model": "churn", "coment": "typo"}, False),
        (TrainingRequested.type, {}, False),
        (TrainingRequested.type, None, False),
        (TrainingRequested.type, [], False),
        (ModelApproved.type, {"model": "churn", "version": 1, "approved_by": "ana"}, True),
        (ModelApproved.type, {"model": "churn", "version": "1", "approved_by": "ana"}, False),
        (ModelApproved.type, {"model": "churn", "version": 0, "approved_by": "ana"}, False),
        (ModelApproved.type, {"model": "churn", "version": True, "approved_by": "ana"}, False),
        (FeedbackReceived.type, {"model": "churn", "label": True, "time": "2026-11-23T08:00:00Z"}, True),
        (FeedbackReceived.type, {"model": "churn", "label": None}, False),
        (FeedbackReceived.type, {"model": "churn", "label": [1]}, False),
    ],
)
def test_schema_and_class_agree_on_what_comes_from_outside(type_: str, data: Any, good: bool) -> None:
    schema = json.loads(path_of(type_).read_text())
    assert jsonschema.Draft202012Validator(schema).is_valid(data) is good
    if good:
        read_payload(build_event(type_, data), PAYLOADS[type_])
    else:
        with pytest.raises(InvalidEvent, match="data"):
            read_payload(build_event(type_, data), PAYLOADS[type_])


@pytest.mark.parametrize("label", ["yes", 1, 1.5, True])
def test_a_label_keeps_its_json_type(label: Any) -> None:
    payload = read_payload(
        build_event(FeedbackReceived.type, {"model": "churn", "label": label}), FeedbackReceived
    )
    assert payload.model_dump()["label"] == label
    assert type(payload.model_dump()["label"]) is type(label)


def test_a_field_that_a_newer_emitter_added_to_our_own_payload_is_passed_over() -> None:
    event = build_event(
        "dev.kascade.timer.due", {"owner": "a", "key": "b", "due": "2026-11-23T08:00:00Z", "x": 1}
    )
    assert "added" not in read_payload(event, PAYLOADS[event.type]).model_dump()


def test_a_person_approves_with_three_fields() -> None:
    event = build_event(ModelApproved.type, {"model": "churn", "version": 7, "approved_by": "ana"})
    assert read_payload(event, ModelApproved) == ModelApproved(model="churn", version=7, approved_by="ana")


def test_an_object_record_is_written_with_the_names_that_s3_uses() -> None:
    record = ObjectRecord.model_validate(
        {
            "eventName": "ObjectCreated:Put",
            "awsRegion": "",
            "s3": {"bucket": {"name": "raw", "arn": "x"}, "object": {"key": "a", "eTag": "e", "size": 1}},
        }
    )
    assert record.model_dump(mode="json", exclude_none=True) == {
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "raw"}, "object": {"key": "a", "eTag": "e", "size": 1}},
    }
