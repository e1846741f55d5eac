"""New rows of a feature view are held against those that each champion which uses it was trained with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from support.world import MODEL, NOON, World, parquet

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import HandlingFailed, MemorySink, build_event, handle
from functions.detect_drift.app import create_app
from functions.record_events.progress import features_of
from functions.state.features import FeatureViewRow
from functions.state.settings import Settings
from functions.state.specs import spec_of
from pipelines.features.view import CREATED_TIMESTAMP, EVENT_TIMESTAMP, View

VIEW = View(MODEL, "account", ("customer",), "at", MODEL, fields=("balance", "plan"))
KINDS = {"customer": "integer", "balance": "number", "plan": "category"}
FEATURES = (("amount", "number"), ("balance", "number"), ("plan", "category"))
DAY = timedelta(days=1)


def rows(count: int, seed: int, day: int, learned: datetime, shift: float = 0.0) -> pa.Table:
    """Return rows of a view that became true in one day."""
    rng = np.random.default_rng(seed)
    time = pa.timestamp("us", tz="UTC")
    at = [NOON + day * DAY + timedelta(seconds=float(each)) for each in np.sort(rng.random(count)) * 80_000]
    return pa.table(
        {
            "customer": pa.array(rng.permutation(100 * count)[:count], pa.int64()),
            EVENT_TIMESTAMP: pa.array(at, time),
            CREATED_TIMESTAMP: pa.array([learned] * count, time),
            "balance": rng.normal(size=count) + shift,
            "plan": rng.choice(["gold", "free"], count).tolist(),
        }
    )


class Watch:
    """detect_drift with a champion that was registered at noon, and knows ten days of the view."""

    def __init__(self, url: str) -> None:
        self.world = World(url)
        views = [{"name": "account", "fields": ["balance", "plan"]}]
        self.world.spec(
            entity="customer",
            timestamp="at",
            features={"views": views},
            drift={"detector": "scipy_tabular", "window": 300},
        )
        balance = np.random.default_rng(0).normal(size=1000)
        used = {"view": f"{MODEL}/account", "digest": VIEW.digest, "features": ["balance", "plan"], "rows": 9}
        reference = {"amount": [1.0] * 1000, "balance": balance, "plan": ["gold"] * 1000}
        self.world.version(
            1,
            features=FEATURES,
            reference=pa.table({**reference, "__score__": 1 / (1 + np.exp(-balance))}),
            views=[used],
            promoted=True,
        )
        for day in range(-10, 0):
            self.world.store.put(
                f"{VIEW.folder}/rows/{day + 10}.parquet", parquet(rows(400, 100 + day, day, NOON - DAY / 2))
            )
        with self.world.session() as session:
            session.add(
                FeatureViewRow(
                    name=VIEW.feast_name,
                    model=MODEL,
                    view=VIEW.name,
                    dataset=MODEL,
                    definition=VIEW.to_json(),
                    kinds=KINDS,
                    parts=10,
                    seen="",
                    rows=4000,
                    pushes=0,
                )
            )
        self.sink = MemorySink()
        self.app = create_app(
            Settings(url),
            store=self.world.store,
            engine=self.world.engine,
            sink=self.sink,
            clock=self.world.clock,
        )

    def materialised(self, day: int, shift: float = 0.0, count: int = 400, **changes: Any) -> Event:
        """Return what is said of a day's new rows."""
        table = rows(count, 50 + day, day, NOON + day * DAY, shift)
        data = self.world.store.put(f"{VIEW.folder}/rows/{day + 10}.parquet", parquet(table))
        said = c.FeaturesMaterialized(
            model=MODEL,
            view=VIEW.name,
            name=VIEW.feast_name,
            parts=10 + day,
            rows=count,
            entities=count,
            online=True,
            data=data,
        )
        return build_event(
            c.FeaturesMaterialized.type, said.model_copy(update=changes), subject=f"{MODEL}/account"
        )

    def send(self, event: Event) -> list[Event]:
        before = len(self.sink.events)
        reply = handle(self.app, event)
        return [reply] if reply else self.sink.events[before:]


@pytest.fixture
def watch(database: str) -> Iterator[Watch]:
    watch = Watch(database)
    yield watch
    watch.world.engine.dispose()


def test_rows_like_those_before_are_stable_and_each_check_spends_of_the_champions_budget(
    watch: Watch,
) -> None:
    said = [each for day in range(1, 6) for each in watch.send(watch.materialised(day))]
    assert [each.type for each in said] == [c.DriftChecked.type] * 5
    assert [each.data["window"] for each in said] == [1, 2, 3, 4, 5]
    assert {each.data["status"] for each in said} == {"stable"}
    assert {(each.data["of"], each.data["view"]) for each in said} == {("features", f"{MODEL}/account")}


def test_drift_of_a_view_is_told_with_its_feature_and_stands_beside_the_view(watch: Watch) -> None:
    checked, detected = watch.send(watch.materialised(1, shift=0.6))
    found = c.DriftDetected.model_validate(detected.data)
    assert (checked.type, found.version) == (c.DriftChecked.type, 1)
    assert {each.feature for each in found.features if each.drifted} == {"balance"}
    assert found.strong  # the scores depend on it
    with watch.world.session() as session:
        (view,) = features_of(session, MODEL, spec_of(session, MODEL))
    drift = view["drift"][MODEL]
    assert (drift["version"], drift["status"], drift["drifted"]) == (1, "drifted", ["balance"])
    assert drift["effects"]["balance"] > 0.4


def test_a_redelivery_says_the_same_and_spends_nothing(watch: Watch) -> None:
    event = watch.materialised(1)
    first = watch.send(event)
    assert [each.data for each in watch.send(event)] == [each.data for each in first]
    assert watch.send(watch.materialised(2))[0].data["window"] == 2


def test_too_few_rows_are_insufficient_and_spend_nothing(watch: Watch) -> None:
    (few,) = watch.send(watch.materialised(1, count=30))
    assert (few.data["status"], few.data["alpha_spent"]) == ("insufficient", 0.0)
    assert watch.send(watch.materialised(2))[0].data["window"] == 1


def test_what_has_no_new_rows_or_no_champion_that_uses_it_is_passed_over(watch: Watch) -> None:
    assert watch.send(watch.materialised(1, data=None)) == []
    assert watch.send(watch.materialised(-1)) == []  # the champion knew that day
    watch.world.version(2, features=FEATURES, promoted=True)
    assert watch.send(watch.materialised(2)) == []


def test_rows_that_are_not_the_ones_that_were_written_are_refused(watch: Watch) -> None:
    event = watch.materialised(1)
    watch.world.store.put(f"{VIEW.folder}/rows/11.parquet", b"changed")
    with pytest.raises(HandlingFailed) as failed:
        watch.send(event)
    assert failed.value.status == 422
