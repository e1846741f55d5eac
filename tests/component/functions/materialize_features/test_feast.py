"""Features in a real Feast: what is dropped is what its server answers, whatever the values are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.feast import DEADLINE_S, MISSING, program
from support.features_in_feast import World
from support.live_system import eventually
from support.postgres import PostgresServer
from support.receiver import Receiver

from eventing.catalogue import FeaturesChecked, FeaturesMaterialized, FeaturesRetired
from eventing.errors import RetryLater
from eventing.testing import build_event
from functions.materialize_features.feature_server import ViewUnknown
from kascade.system.stores.embedded import EmbeddedStore
from pipelines.features.view import View

pytestmark = [pytest.mark.timeout(600)]
SPEC = """
target: churned
entity: customer
timestamp: at
schema: {customer: text, amount: number, account: integer, seen: datetime, plan: category}
features:
  views:
  - name: activity
    ttl: 30d
    fields: [plan, account, seen]
    aggregations:
    - {of: amount, function: sum, window: 7d, as: total}
    - {function: count, window: 1d, as: visits}
"""
HEAD = "customer,at,amount,plan,account,seen,churned\n"
FIRST = (
    HEAD + "Zoë 顧客,2026-11-20T10:00:00.123456Z,1,gold,9007199254740993,2026-01-01T00:00:00.5Z,0\n"
    "b,2026-11-20T11:00:00Z,2,,,,1\n"
)
TIED = HEAD + "b,2026-11-20T11:00:00Z,3,free,,,1\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if program() is None:
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("feast")
    with EmbeddedStore(folder / "objects", 0, "access", "secretsecret") as store, Receiver() as receiver:
        made = World(folder, store.env, receiver)
        try:
            made.feast.start()
            yield made
        finally:
            made.feast.kill()


@pytest.fixture(scope="module")
def materialized(world: World) -> dict[str, Any]:
    """Return what was said of the view once it was served."""
    world.features.drop("churn/model.yaml", SPEC)
    said = [e for e in world.features.drop("churn/1.csv", FIRST) if e.type == FeaturesMaterialized.type]
    assert [event.data["online"] for event in said] == [False, True]
    world.features.drop("churn/tied.csv", TIED)
    found: dict[str, Any] = said[-1].data
    return found


def _check(world: World, sample: int = 1000) -> dict[str, Any]:
    (said,) = world.features.request("churn", "check", sample)
    assert said.type == FeaturesChecked.type
    found: dict[str, Any] = said.data
    return found


def test_every_kind_of_value_comes_back_as_it_was_dropped(world: World, materialized: dict[str, Any]) -> None:
    found = world.ask(materialized["name"], ["Zoë 顧客", "b", "nobody"])
    assert found["plan"] == ["gold", "free", None]
    assert found["account"] == [9007199254740993, None, None]
    assert found["seen"] == ["2026-01-01T00:00:00.500000+00:00", None, None]
    assert (found["total"], found["visits"]) == ([1.0, 5.0, None], [1, 2, None])


def test_values_that_are_pushed_are_served_at_once(world: World, materialized: dict[str, Any]) -> None:
    world.features.now = datetime(2026, 11, 24, tzinfo=UTC)
    world.features.push("churn", "activity", {"customer": "pushed", "plan": "silver", "account": 2**60 + 1})
    found = world.ask(materialized["name"], ["pushed"])
    assert (found["plan"], found["account"], found["total"]) == (["silver"], [2**60 + 1], [None])


def test_ten_thousand_entities_are_online_what_they_are_offline(
    world: World, materialized: dict[str, Any]
) -> None:
    start = datetime(2026, 11, 21, tzinfo=UTC)
    rows = [
        f"c{number % 10_000},{(start + timedelta(seconds=number % 7919)).isoformat()},{number / 7},"
        f"{'gold' if number % 3 else ''},{number if number % 5 else ''},,{number % 2}\n"
        for number in range(20_000)
    ]
    said = world.features.drop("churn/many.csv", HEAD + "".join(rows))
    assert [e.data["entities"] for e in said if e.type == FeaturesMaterialized.type] == [10_000]
    found = _check(world, sample=10_003)
    assert (found["consistent"], found["views"][0]["entities"]) == (True, 10_003), found["views"][0][
        "examples"
    ]


def test_a_value_that_was_changed_behind_its_back_is_found(
    world: World, materialized: dict[str, Any]
) -> None:
    view = View.from_json(world.features.store_definition(materialized))
    times = {
        "event_timestamp": datetime(2026, 11, 20, 11, tzinfo=UTC),
        "created_timestamp": world.features.now,
    }
    row = {
        "customer": "b",
        **times,
        "plan": "wrong",
        "account": None,
        "seen": None,
        "total": 5.0,
        "visits": 2,
    }
    kinds = {
        "plan": "category",
        "account": "integer",
        "seen": "datetime",
        "total": "number",
        "visits": "integer",
    }
    world.server.write(view, [row], kinds)
    found = _check(world, sample=100_000)
    assert (found["consistent"], found["views"][0]["differing"]) == (False, 1)
    assert "plan is 'wrong' online, 'free' offline" in found["views"][0]["examples"][0]
    world.features.request("churn", "backfill")
    assert _check(world, sample=100_000)["consistent"]


def test_a_view_that_was_never_applied_is_unknown(world: World) -> None:
    view = View("m", "never", ("id",), "at", "m", fields=("x",))
    with pytest.raises(ViewUnknown):
        world.server.read(view, {"id": [1]})
    now = world.features.now
    row = {"id": 1, "event_timestamp": now, "created_timestamp": now, "x": 1}
    with pytest.raises(ViewUnknown):
        world.server.write(view, [row], {"x": "number"})


def test_a_server_that_lost_its_disk_has_everything_again_when_it_is_back(
    world: World, materialized: dict[str, Any]
) -> None:
    before = world.ask(materialized["name"], ["Zoë 顧客", "b", "pushed", "c7"])
    world.feast.kill()
    with pytest.raises(RetryLater):
        world.server.read(View.from_json(world.features.store_definition(materialized)), {"customer": ["b"]})
    for file in (world.feast.folder / "online").iterdir():
        file.unlink()
    world.feast.start()
    assert world.ask(materialized["name"], ["Zoë 顧客", "b", "pushed", "c7"]) == before
    assert _check(world)["consistent"]


def test_postgresql_has_the_online_rows_of_views_with_the_longest_names(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> None:
    if program() is None:
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("postgres")
    database = postgres.create().partition("@/")[2].partition("?")[0]
    account = {"host": str(postgres.socket), "user": "kascade", "password": "", "sslmode": "disable"}
    online = json.dumps({"type": "postgres", "database": database, **account})
    model, view = "m" * 40, "v" * 40
    with EmbeddedStore(folder / "objects", 0, "access", "secretsecret") as store, Receiver() as receiver:
        world = World(folder, store.env, receiver, FEAST_ONLINE_STORE=online)
        try:
            world.feast.start()
            world.features.drop(f"{model}/model.yaml", SPEC.replace("name: activity", f"name: {view}"))
            said = [
                e for e in world.features.drop(f"{model}/1.csv", FIRST) if e.type == FeaturesMaterialized.type
            ]
            world.features.drop(f"{model}/tied.csv", TIED)
            found = world.ask(said[-1].data["name"], ["Zoë 顧客", "b", "nobody"])
            (checked,) = world.features.request(model, "check")
        finally:
            world.feast.kill()
    assert found["plan"] == ["gold", "free", None]
    assert found["account"] == [9007199254740993, None, None]
    assert (found["total"], found["visits"]) == ([1.0, 5.0, None], [1, 2, None])
    assert checked.data["consistent"], checked.data


def test_a_view_that_was_retired_is_taken_out_of_feast(world: World) -> None:
    """Retired as the function does it: marked in the object store, then said."""
    features = world.features
    features.drop("gone/model.yaml", SPEC)
    said = [e.data for e in features.drop("gone/1.csv", FIRST) if e.type == FeaturesMaterialized.type]
    name = said[-1]["name"]
    view = View.from_json(features.store_definition(said[-1]))
    assert world.ask(name, ["b"])["total"] == [2.0]

    uri = f"{view.folder}/view.json"
    features.store.put(uri, json.dumps({**json.loads(features.store.get(uri)), "retired": True}).encode())
    retired = {"model": "gone", "views": [{"name": name, "view": "activity", "uri": uri}]}
    done = world.feast.apply(build_event(FeaturesRetired.type, retired), world.receiver.url)

    assert done.returncode == 0, done.stderr
    eventually(lambda: _is_unknown(world, view) or None, DEADLINE_S, what="the view to be unknown")
    assert _check(world)["consistent"]  # the other model's view is there


def _is_unknown(world: World, view: View) -> bool:
    try:
        world.server.read(view, {"customer": ["b"]})
    except ViewUnknown:
        return True
    return False
