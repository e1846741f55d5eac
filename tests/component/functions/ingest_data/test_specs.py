"""A model.yaml is dropped: registered, refused, fixed, changed; and the files that waited for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from eventing.catalogue import S3_CREATED_PREFIX, Claim, DatasetIngested, SpecRegistered, SpecRejected
from functions.state.database import transaction
from functions.state.specs import add_spec, models_with_spec, spec_of

Ingesting = Any

CSV = "a,b,y\n1,x,0\n2,z,1\n"


def test_a_model_yaml_is_registered_with_an_immutable_copy(world: Ingesting) -> None:
    event = world.drop_one("churn/model.yaml", "target: y\n")

    assert (event.type, event.subject) == (SpecRegistered.type, "churn")
    assert world.store.get(event.data["spec"]["uri"], event.data["spec"]["sha256"]) == b"target: y\n"
    with transaction(world.sessions, read_only=True) as session:
        spec = spec_of(session, "churn")
        assert spec is not None
        assert spec.target == "y"
        assert spec_of(session, "other") is None
        assert models_with_spec(session) == ["churn"]


def test_a_wrong_model_yaml_is_rejected_with_every_problem_and_its_place(world: Ingesting) -> None:
    raw = "targt: y\ntrain: {holdot: 1, metric: roc}\nretrain: {cooldown: 6}\n"
    payload = SpecRejected.model_validate(world.drop_one("churn/model.yaml", raw).data)

    assert [problem.where for problem in payload.problems] == [
        "model.yaml (line 1, column 1)",
        "train.holdot (line 2, column 9)",
        "retrain.cooldown (line 3, column 11)",
        "targt (line 1, column 1)",
    ]
    assert payload.key == "churn/model.yaml"
    assert world.store.get("s3://raw/churn/model.yaml") == raw.encode()


def test_an_estimator_that_is_not_allowed_is_a_problem_of_the_spec(world: Ingesting) -> None:
    raw = "target: y\ntrain:\n  candidates:\n    - estimator: logistic_regresion\n"
    event = world.drop_one("churn/model.yaml", raw)

    assert event.type == SpecRejected.type
    assert event.data["problems"][0]["where"] == "train.candidates[0].estimator (line 4, column 7)"
    assert "logistic_regression" in event.data["problems"][0]["fix"]


def test_a_deadline_within_the_labels_window_is_a_problem_of_a_new_spec_only(world: Ingesting) -> None:
    text = "target: y\nrollout: {deadline: 3d}\n"
    with transaction(world.sessions) as session:  # as it was registered before there was the rule
        claim, now = Claim(uri="s3://models/x", sha256="0" * 64), datetime(2026, 1, 1, tzinfo=UTC)
        add_spec(session, "old", claim=claim, digest="0" * 64, text=text, key="k", etag=None, now=now)

    event = world.drop_one("new/model.yaml", text)

    assert event.type == SpecRejected.type
    assert event.data["problems"][0]["where"] == "rollout.deadline (line 2, column 11)"
    assert world.drop_one("old/a.csv", CSV).type == DatasetIngested.type


@pytest.mark.parametrize("folder", ["ingest-data", "serve-model"])
def test_a_model_cannot_take_a_functions_name(world: Ingesting, folder: str) -> None:
    event = world.drop_one(f"{folder}/model.yaml", "target: y\n")

    assert event.type == SpecRejected.type
    assert "Kascade's own Services" in event.data["problems"][0]["problem"]


def test_files_dropped_before_the_spec_wait_and_then_go_on_in_order(world: Ingesting) -> None:
    assert world.drop("churn/b.csv", CSV) == []
    assert world.drop("churn/a.csv", CSV.replace("x", "w")) == []
    assert world.drop("other/a.csv", CSV) == []

    answers = world.drop("churn/model.yaml", "target: y\n")

    assert [event.type for event in answers] == [
        SpecRegistered.type,
        DatasetIngested.type,
        DatasetIngested.type,
    ]
    assert [event.data.get("key") for event in answers] == [None, "churn/a.csv", "churn/b.csv"]
    assert answers[2].data["total_rows"] == 4
    assert [event.type for event in world.drop("other/model.yaml", "target: y\n")] == [
        SpecRegistered.type,
        DatasetIngested.type,
    ]


def test_the_events_told_again_match_the_same_triggers_and_continue_the_specs_chain(world: Ingesting) -> None:
    first = world.put("churn/a.csv", CSV)
    world.tell(first)
    spec = world.put("churn/model.yaml", "target: y\n")
    registered, again = world.tell(spec)

    assert registered.type == SpecRegistered.type
    assert (again.type, again.source, again.subject, again.data) == (
        first.type,
        first.source,
        first.subject,
        first.data,
    )
    assert again.id != first.id
    assert again.type.startswith(S3_CREATED_PREFIX)
    assert again.source.endswith(".raw")
    assert again.extensions["causationid"] == spec.id
    assert world.tell(spec) == [registered, again], "a redelivery tells the same"


def test_a_waiting_file_that_was_replaced_goes_on_once_in_its_newest_form(world: Ingesting) -> None:
    world.drop("churn/a.csv", "a,b,y\nold,x,0\n")
    world.drop("churn/a.csv", CSV)
    answers = world.drop("churn/model.yaml", "target: y\n")

    assert [event.type for event in answers] == [SpecRegistered.type, DatasetIngested.type]
    assert answers[1].data["rows"] == 2


def test_files_wait_through_a_wrong_model_yaml_until_it_is_fixed(world: Ingesting) -> None:
    world.drop("churn/a.csv", CSV)
    assert [event.type for event in world.drop("churn/model.yaml", "target: [y]\n")] == [SpecRejected.type]
    assert [event.type for event in world.drop("churn/model.yaml", "target: y\n")] == [
        SpecRegistered.type,
        DatasetIngested.type,
    ]


def test_a_wrong_model_yaml_leaves_the_one_in_force(world: Ingesting) -> None:
    world.drop("churn/model.yaml", "target: y\n")
    world.drop("churn/model.yaml", "target:\n")

    assert world.drop_one("churn/a.csv", CSV).type == DatasetIngested.type


def test_the_same_model_yaml_again_says_nothing_and_a_changed_one_is_registered(world: Ingesting) -> None:
    first = world.drop_one("churn/model.yaml", "target: y\n")
    assert world.drop("churn/model.yaml", "target: y\n") == []
    second = world.drop_one("churn/model.yaml", "target: y\ngate: {min: 0.5}\n")
    third = world.drop_one("churn/model.yaml", "target: y\n")

    assert [event.type for event in (first, second, third)] == [SpecRegistered.type] * 3
    assert len({event.id for event in (first, second, third)}) == 3
    assert third.data == first.data


def test_a_tightened_rule_holds_for_files_from_now_on(world: Ingesting) -> None:
    world.drop("churn/model.yaml", "target: y\n")
    first = world.drop_one("churn/1.csv", CSV).data
    world.drop(
        "churn/model.yaml", "target: y\nschema: {a: {type: int, min: 2}}\ningest: {tolerated_bad_rows: 0.5}\n"
    )
    second = world.drop_one("churn/2.csv", CSV).data

    assert (second["rows"], second["quarantined_rows"], second["total_rows"]) == (1, 1, 3)
    assert second["data_schema"] != first["data_schema"]
    assert world.json(second["data_schema"])["columns"][0]["min"] == 2


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ("target: a\n", "target"),
        ("target: y\nschema: {a: category}\n", "schema.a.type"),
        ("target: y\nschema: {new: int}\n", "schema.new"),
        ("target: y\nschema: {b: {min: 0}}\n", "schema.b"),
        ("target: y\nentity: new\n", "entity"),
        ("target: y\ntimestamp: a\n", "timestamp"),
    ],
)
def test_a_change_that_the_datasets_parts_cannot_follow_is_rejected_with_a_way_out(
    world: Ingesting, changed: str, where: str
) -> None:
    world.drop("churn/model.yaml", "target: y\n")
    world.drop("churn/1.csv", CSV)
    event = world.drop_one("churn/model.yaml", changed)

    assert event.type == SpecRejected.type
    assert event.data["problems"][0]["where"] == where
    assert event.data["problems"][0]["fix"]
    assert world.drop_one("churn/2.csv", CSV.replace("x", "w")).type == DatasetIngested.type


def test_before_the_first_part_anything_may_change(world: Ingesting) -> None:
    world.drop("churn/model.yaml", "target: z\n")
    assert world.drop_one("churn/1.csv", CSV).data["reason"] == "missing column: z"
    assert world.drop_one("churn/model.yaml", "target: y\nentity: a\n").type == SpecRegistered.type
    assert world.drop_one("churn/2.csv", CSV).type == DatasetIngested.type


def test_a_data_file_named_model_yaml_is_rejected_without_being_read_whole(
    world: Ingesting,
) -> None:
    event = world.drop_one("churn/model.yaml", b"a,b\n" * 500_000)

    assert event.type == SpecRejected.type
    assert "is it a data file by mistake?" in event.data["problems"][0]["fix"]
