"""Datasets and specs in either database: parts in dense order, files that wait for a spec."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from eventing.catalogue import Claim
from eventing.testing import object_created
from functions.state import datasets, specs
from functions.state.database import session_factory, transaction

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def part(number: int) -> datasets.DatasetPart:
    return datasets.DatasetPart(
        model="churn",
        sha256=f"{number:064}",
        uri=f"s3://datasets/churn/{number:064}/data.parquet",
        rows=10,
        size=100,
        key=f"churn/{number}.csv",
        etag=None,
        profile_sha256="0" * 64,
        schema_sha256="0" * 64,
        spec_sha256="0" * 64,
        event_id=str(number),
        added_at=NOW,
    )


def test_parts_appended_at_once_have_dense_positions(engine: Engine) -> None:
    factory = session_factory(engine)

    def append(number: int) -> int:
        with transaction(factory) as session:
            dataset = datasets.lock_dataset(session, "churn")
            datasets.append_part(session, dataset, part(number))
            return dataset.rows

    with ThreadPoolExecutor(8) as pool:
        totals = sorted(pool.map(append, range(30)))

    assert totals == list(range(10, 310, 10))
    with transaction(factory, read_only=True) as session:
        found = datasets.parts_of(session, "churn")
        assert [each.position for each in found] == list(range(30))
        dataset = session.get(datasets.Dataset, "churn")
        assert dataset is not None
        assert (dataset.parts, dataset.rows) == (30, 300)
        assert datasets.find_part(session, "churn", f"{7:064}") is not None
        assert datasets.find_part(session, "other", f"{7:064}") is None
        listed = json.loads(datasets.manifest(found, "churn", spec_sha256="a", schema_sha256="b"))["parts"]
        assert [each["sha256"] for each in listed] == [each.sha256 for each in found]


def test_the_same_content_cannot_be_a_part_twice(engine: Engine) -> None:
    factory = session_factory(engine)
    for _ in range(2):
        with transaction(factory) as session:
            dataset = datasets.lock_dataset(session, "churn")
            if datasets.find_part(session, "churn", f"{1:064}") is None:
                datasets.append_part(session, dataset, part(1))
    with pytest.raises(IntegrityError), transaction(factory) as session:
        datasets.append_part(session, datasets.lock_dataset(session, "churn"), part(1))
    with transaction(factory, read_only=True) as session:
        assert len(datasets.parts_of(session, "churn")) == 1


def test_the_newest_of_the_specs_is_in_force(engine: Engine) -> None:
    factory = session_factory(engine)

    def add(text: str) -> None:
        with transaction(factory) as session:
            datasets.lock_dataset(session, "churn")
            claim = Claim(uri="s3://models/x", sha256="0" * 64)
            specs.add_spec(
                session,
                "churn",
                claim=claim,
                digest="d",
                text=text,
                key="churn/model.yaml",
                etag=None,
                now=NOW,
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, [f"target: y{number}\n" for number in range(8)]))
    with transaction(factory, read_only=True) as session:
        current = specs.current_spec(session, "churn")
        assert current is not None
        assert current.seq == 8
        assert specs.spec_of(session, "churn") == current.parse()
        assert specs.models_with_spec(session) == ["churn"]


def test_no_file_is_left_waiting_by_a_spec_that_comes_at_the_same_time(engine: Engine) -> None:
    factory = session_factory(engine)

    def wait(session: Session, number: int) -> None:
        datasets.lock_dataset(session, "churn")
        if specs.current_spec(session, "churn") is None:
            event = object_created(f"churn/{number}.csv")
            datasets.wait_for_spec(session, "churn", f"churn/{number}.csv", "etag", event, NOW)

    def act(number: int) -> int:
        with transaction(factory) as session:
            if number != 10:
                wait(session, number)
                return 0
            datasets.lock_dataset(session, "churn")
            claim = Claim(uri="s3://models/x", sha256="0" * 64)
            specs.add_spec(
                session, "churn", claim=claim, digest="d", text="target: y\n", key="k", etag=None, now=NOW
            )
            return len(datasets.take_waiting(session, "churn"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(20)))
    with transaction(factory) as session:
        assert datasets.take_waiting(session, "churn") == []


def test_a_waiting_file_is_remembered_in_its_newest_form(engine: Engine) -> None:
    factory = session_factory(engine)
    with transaction(factory) as session:
        for etag in ("old", "new"):
            event = object_created("churn/a.csv", etag=etag)
            datasets.wait_for_spec(session, "churn", "churn/a.csv", etag, event, NOW)
    with transaction(factory) as session:
        (event,) = datasets.take_waiting(session, "churn")
        assert event.data["s3"]["object"]["eTag"] == "new"
        assert datasets.take_waiting(session, "churn") == []
