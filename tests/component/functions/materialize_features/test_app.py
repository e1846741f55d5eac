"""Files that are dropped become features: twice, in another order, with a crash between, two at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.features import Features, MemoryFeatureServer, applied_by
from support.tables import create_tables

from eventing.catalogue import DatasetIngested, FeaturesChecked, FeaturesMaterialized, FeaturesRejected
from eventing.event import Event
from eventing.store import MemoryStore
from eventing.testing import HandlingFailed, build_event
from functions.state.database import make_engine

SPEC = """
target: churned
entity: customer
timestamp: at
schema: {customer: text}
features:
  views:
  - name: activity
    ttl: 30d
    fields: [plan]
    aggregations:
    - {of: amount, function: sum, window: 7d, as: total}
    - {function: count, window: 1d, as: visits}
"""
HEAD = "customer,at,amount,plan,churned\n"
FIRST = (
    HEAD + "Zoë,2026-11-20T10:00:00Z,1,free,0\n"
    "b,2026-11-20T11:00:00Z,2,gold,1\n"
    "Zoë,2026-11-21T10:00:00Z,4,gold,0\n"
)
SECOND = HEAD + "Zoë,2026-11-22T10:00:00Z,8,free,0\nc,2026-11-22T10:00:00Z,3,free,1\n"


class Served:
    """The function on a database and a store in memory."""

    def __init__(self, folder: Path) -> None:
        engine = make_engine(f"sqlite:///{folder / 'state.db'}")
        create_tables(engine)
        self.store, self.server = MemoryStore(), MemoryFeatureServer()
        self.features = Features(self.store, engine, self.server, applied_by(self.server), folder)

    def online(self) -> dict[str, tuple[Any, ...]]:
        """Return what is served of each customer by the one view: plan, total, visits."""
        (rows,) = self.server.rows.values()
        return {key[0]: (row["plan"], row["total"], row["visits"]) for key, row in rows.items()}


@pytest.fixture
def world(tmp_path: Path) -> Served:
    return Served(tmp_path)


def _of(events: list[Event], type_: str) -> list[Any]:
    return [event.data for event in events if event.type == type_]


def test_a_dropped_file_is_served_and_the_next_one_changes_only_its_entities(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    said = world.features.drop("churn/1.csv", FIRST)
    assert world.online() == {"Zoë": ("gold", 5.0, 1), "b": ("gold", 2.0, 1)}
    first, second = _of(said, FeaturesMaterialized.type)
    assert (first["online"], first["rows"], first["parts"]) == (False, 3, 1)
    assert (second["online"], second["entities"], second["nulls"]["plan"]) == (True, 2, 0)
    said = world.features.drop("churn/2.csv", SECOND)
    assert world.online() == {"Zoë": ("free", 13.0, 1), "b": ("gold", 2.0, 1), "c": ("free", 3.0, 1)}
    (third,) = _of(said, FeaturesMaterialized.type)
    assert (third["online"], third["entities"], third["newest"]) == (True, 2, "2026-11-22T10:00:00Z")


def test_a_late_row_is_counted_in_the_rows_after_it_and_does_not_go_back_in_time(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/2.csv", SECOND)
    world.features.drop("churn/1.csv", FIRST)
    assert world.online()["Zoë"] == ("free", 13.0, 1)
    (checked,) = _of(world.features.request("churn", "check"), FeaturesChecked.type)
    assert (checked["consistent"], checked["views"][0]["entities"]) == (True, 3)


def test_labelled_predictions_that_come_back_change_no_view(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/1.csv", FIRST)
    before = world.online()

    said = world.features.drop("churn/labelled/1.csv", SECOND)

    assert [event.type for event in said if event.type == DatasetIngested.type] == [DatasetIngested.type]
    assert _of(said, FeaturesMaterialized.type) == []
    assert world.online() == before
    world.features.drop("churn/2.csv", HEAD + "d,2026-11-22T10:00:00Z,9,gold,1\n")
    assert world.online() == {**before, "d": ("gold", 9.0, 1)}


def test_of_tied_moments_the_later_file_counts(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/1.csv", HEAD + "a,2026-11-20T10:00:00Z,1,free,0\n")
    world.features.drop("churn/2.csv", HEAD + "a,2026-11-20T10:00:00Z,2,gold,0\n")
    assert world.online() == {"a": ("gold", 3.0, 2)}
    (checked,) = _of(world.features.request("churn", "check"), FeaturesChecked.type)
    assert checked["consistent"]


def test_an_event_delivered_again_says_the_same_and_writes_nothing(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    said = world.features.drop("churn/1.csv", FIRST)
    (ingested,) = [event for event in said if event.type == DatasetIngested.type]
    before, writes = dict(world.online()), world.server.writes
    again = world.features.tell(ingested)
    assert {event.id for event in again} <= {event.id for event in said}
    assert (world.online(), world.server.writes) == (before, writes)


def test_a_delivery_that_died_after_it_wrote_old_values_online_is_made_good_by_the_next(
    world: Served,
) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/1.csv", FIRST)
    ingested = [
        e for e in world.features.ingest_only("churn/2.csv", SECOND) if e.type == DatasetIngested.type
    ]
    world.features.drop("churn/3.csv", HEAD + "c,2026-11-22T11:00:00Z,5,gold,0\n")  # takes part 2 along
    stale = world.server.rows[next(iter(world.server.rows))]
    stale["c",] = {
        **stale["c",],
        "plan": "free",
        "total": 3.0,
    }  # what a killed delivery of part 2 had written
    world.features.tell(ingested[0])
    assert world.online()["c"] == ("gold", 8.0, 2)


def test_of_two_at_once_the_one_that_began_earlier_does_not_have_the_last_word(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/1.csv", FIRST)
    newer = HEAD + "Zoë,2026-11-22T11:00:00Z,16,gold,0\n"
    world.server.before_write = lambda: world.features.drop("churn/3.csv", newer) and None
    world.features.drop("churn/2.csv", SECOND)
    assert world.online()["Zoë"] == ("gold", 29.0, 2)
    assert world.online()["c"] == ("free", 3.0, 1)
    (checked,) = _of(world.features.request("churn", "check"), FeaturesChecked.type)
    assert checked["consistent"]


def test_a_changed_definition_is_another_view_and_the_old_one_is_kept_up_to_date(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/1.csv", FIRST)
    world.features.drop("churn/model.yaml", SPEC.replace("window: 7d", "window: 1d"))
    said = world.features.drop("churn/2.csv", SECOND)
    old, new = world.server.rows.values()
    assert (old["Zoë",]["total"], new["Zoë",]["total"]) == (13.0, 8.0)
    assert len(_of(said, FeaturesMaterialized.type)) == 1


def test_the_view_of_another_models_data_follows_that(world: Served) -> None:
    world.features.drop("payments/model.yaml", "target: churned\n")
    world.features.drop(
        "churn/model.yaml", SPEC.replace("- name: activity", "- name: activity\n    dataset: payments")
    )
    said = world.features.drop("payments/1.csv", FIRST)
    assert _of(said, FeaturesMaterialized.type)[0]["model"] == "churn"
    assert world.online()["b"] == ("gold", 2.0, 1)


def test_a_view_without_its_column_is_rejected_with_the_nearest_and_others_go_on(world: Served) -> None:
    broken = SPEC + "  - {name: other, fields: [amuont]}\n"
    world.features.drop("churn/model.yaml", broken)
    said = world.features.drop("churn/1.csv", FIRST)
    (rejected,) = _of(said, FeaturesRejected.type)
    assert "has no column 'amuont'" in rejected["problem"]
    assert "did you mean 'amount'?" in rejected["fix"]
    assert world.online()["b"] == ("gold", 2.0, 1)


def test_a_path_is_read_anew_when_its_files_change(world: Served) -> None:
    import io

    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    def put(name: str, text: str) -> None:
        file = io.BytesIO()
        pq.write_table(pc.read_csv(pa.BufferReader(text.encode())), file)
        world.store.put(f"s3://lake/churn/{name}", file.getvalue())

    world.store.ensure_bucket("lake")
    put("1.parquet", FIRST)
    put("x.csv", SECOND)
    path = "- name: activity\n    path: s3://lake/churn/*.parquet"
    world.features.drop("churn/model.yaml", SPEC.replace("- name: activity", path))
    assert world.online() == {"Zoë": ("gold", 5.0, 1), "b": ("gold", 2.0, 1)}
    put("2.parquet", SECOND)
    world.features.drop("churn/1.csv", FIRST)
    assert world.online()["c"] == ("free", 3.0, 1)


def test_pushed_values_are_served_and_older_files_do_not_take_them_back(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/1.csv", FIRST)
    row = {"customer": "Zoë", "event_timestamp": "2026-11-22T12:00:00Z", "plan": "silver", "total": 7}
    world.features.push("churn", "activity", row, {"customer": "new", "total": 1.5})
    assert world.online()["Zoë"] == ("silver", 7.0, None)
    assert world.online()["new"] == (None, 1.5, None)
    world.features.drop("churn/2.csv", SECOND)  # at 10:00
    assert world.online()["Zoë"] == ("silver", 7.0, None)
    world.features.push(
        "churn", "activity", {**row, "event_timestamp": "2026-11-01T00:00:00Z", "plan": "old"}
    )
    assert world.online()["Zoë"] == ("silver", 7.0, None)
    (checked,) = _of(world.features.request("churn", "check"), FeaturesChecked.type)
    assert (checked["consistent"], checked["views"][0]["entities"]) == (True, 4)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"custmer": "a"}, "did you mean 'customer'"),
        ({"plan": "x"}, "'customer' is missing"),
        ({"customer": "a", "total": "much"}, "'much' is no number"),
        ({"customer": "a", "event_timestamp": "soon"}, "'soon' is no time"),
    ],
)
def test_pushed_values_that_cannot_be_are_refused_with_the_reason(
    world: Served, row: dict[str, Any], said: str
) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/1.csv", FIRST)
    with pytest.raises(HandlingFailed) as failed:
        world.features.push("churn", "activity", row)
    assert failed.value.status == 422
    assert said in json.loads(failed.value.body)["problems"][0]


def test_a_push_to_a_view_that_is_not_there_names_the_nearest(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/1.csv", FIRST)
    with pytest.raises(HandlingFailed, match="did you mean 'activity'"):
        world.features.push("churn", "activty", {"customer": "a"})


def test_a_check_finds_what_differs_and_says_so_in_the_metrics(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/1.csv", FIRST)
    rows = world.server.rows[next(iter(world.server.rows))]
    rows["b",] = {**rows["b",], "total": 99.0}
    (checked,) = _of(world.features.request("churn", "check"), FeaturesChecked.type)
    assert (checked["consistent"], checked["views"][0]["differing"]) == (False, 1)
    assert "total is 99.0 online, 2.0 offline" in checked["views"][0]["examples"][0]
    shown = world.features.app.test_client().get("/metrics").text
    assert 'kascade_feature_differing_entities{model="churn",view="activity"} 1.0' in shown


def test_a_backfill_makes_the_rows_again(world: Served) -> None:
    world.features.drop("churn/model.yaml", SPEC)
    world.features.drop("churn/1.csv", FIRST)
    world.server.rows.clear()
    (said,) = _of(world.features.request("churn", "backfill"), FeaturesMaterialized.type)
    assert (said["entities"], said["rows"], said["online"]) == (2, 3, True)
    assert world.online() == {"Zoë": ("gold", 5.0, 1), "b": ("gold", 2.0, 1)}


def test_a_model_without_features_has_nothing_done(world: Served) -> None:
    world.features.drop("churn/model.yaml", "target: churned\n")
    assert [e.type for e in world.features.drop("churn/1.csv", FIRST)] == [DatasetIngested.type]
    with pytest.raises(HandlingFailed, match="defines no view"):
        world.features.request("churn", "check")


def test_a_view_that_nobody_applied_is_asked_for_again_after_a_while(world: Served) -> None:
    world.features._apply = lambda event: build_event("dev.kascade.window.closed", {})
    world.features.drop("churn/model.yaml", SPEC)
    asked = [e.type for e in world.features.drop("churn/1.csv", FIRST)]
    again = [e.type for e in world.features.drop("churn/2.csv", SECOND)]
    assert "dev.kascade.features.defined" in asked
    assert "dev.kascade.features.defined" not in again
    from datetime import timedelta

    world.features.now += timedelta(minutes=11)
    third = world.features.drop("churn/3.csv", HEAD + "d,2026-11-22T10:00:00Z,8,free,0\n")
    assert "dev.kascade.features.defined" in [e.type for e in third]
