"""New data is held against the champion's reference, once an event, within the budget."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from flask import Flask
from support.replay.again import assert_decided_again
from support.world import MODEL, NOON, World, logged, parquet

from eventing import catalogue as c
from eventing.event import Event
from eventing.testing import HandlingFailed, MemorySink, build_event, handle
from functions.detect_drift.app import create_app
from functions.state.settings import Settings

FEATURES = (("amount", "number"), ("country", "category"), ("note", "text"), ("seen_on", "datetime"))


def rows(count: int, seed: int, shift: float = 0.0) -> dict[str, list[Any]]:
    rng = np.random.default_rng(seed)
    days = [(NOON - timedelta(days=int(day))).date().isoformat() for day in rng.integers(0, 300, count)]
    return {
        "amount": (rng.normal(size=count) + shift).tolist(),
        "country": rng.choice(["DE", "FR", "PL"], count).tolist(),
        "note": ["text"] * count,
        "seen_on": days,
    }


class Watch:
    """detect_drift in a world whose champion v1 has 3,000 rows of reference."""

    def __init__(self, url: str, *, views: Any = (), **drift: Any) -> None:
        self.world = World(url)
        self.world.spec(drift={"detector": "scipy_tabular", "window": 500, **drift})
        data = rows(3000, 0)
        scores = 1 / (1 + np.exp(-np.array(data["amount"])))
        self.world.version(
            1,
            features=FEATURES,
            reference=pa.table({**data, "__score__": scores}),
            views=views,
            promoted=True,
        )
        self.sink = MemorySink()
        self.app: Flask = create_app(
            Settings(self.world.url),
            store=self.world.store,
            engine=self.world.engine,
            sink=self.sink,
            clock=self.world.clock,
        )

    def window(self, number: int, inputs: dict[str, list[Any]], version: int = 1) -> Event:
        count = len(inputs["amount"])
        amounts = np.array([0.0 if value is None else float(value) for value in inputs["amount"]])
        chances = (1 / (1 + np.exp(-amounts))).tolist()
        batch = logged([NOON + timedelta(seconds=number)] * count, inputs=inputs, version=version)
        batch = batch.model_copy(update={"probabilities": [[1 - each, each] for each in chances]})
        row = self.world.log(batch)
        listed = json.dumps([row.claim.model_dump()]).encode()
        closed = c.WindowClosed(
            model=MODEL,
            version=version,
            window=number,
            rows=count,
            data=self.world.store.put(f"s3://inferences/{MODEL}/windows/{number}.json", listed),
            first=NOON,
            last=NOON,
        )
        return build_event(
            c.WindowClosed.type, closed, subject=f"{MODEL}/v{version}", id_=f"w{number}-{version}"
        )

    def send(self, event: Event) -> list[Event]:
        before = len(self.sink.events)
        reply = handle(self.app, event)
        events = [reply] if reply else self.sink.events[before:]
        assert_decided_again(events, self.world.store)
        return events

    def look(self, number: int, inputs: dict[str, list[Any]]) -> c.DriftChecked:
        checked, *_ = self.send(self.window(number, inputs))
        return c.DriftChecked.model_validate(checked.data)


@pytest.fixture
def watch(database: str) -> Iterator[Watch]:
    watch = Watch(database)
    yield watch
    watch.world.engine.dispose()


def test_thirty_windows_like_the_reference_raise_no_alarm(watch: Watch) -> None:
    said = [event for n in range(1, 31) for event in watch.send(watch.window(n, rows(500, n)))]
    assert [event.type for event in said] == [c.DriftChecked.type] * 30
    assert [event.data["window"] for event in said] == list(range(1, 31))
    assert said[0].data["alpha_spent"] > said[-1].data["alpha_spent"]
    assert {event.data["status"] for event in said} == {"stable"}


def test_a_shift_is_found_with_its_feature_and_told_with_a_page(watch: Watch) -> None:
    checked, detected = watch.send(watch.window(1, rows(500, 1, shift=0.5)))
    found = c.DriftDetected.model_validate(detected.data)
    assert (checked.type, detected.type) == (c.DriftChecked.type, c.DriftDetected.type)
    assert {each.feature for each in found.features if each.drifted} == {"amount", "__score__"}
    assert found.features[0].drifted
    assert found.strong
    assert {each.feature for each in found.untested} == {"note"}
    assert found.report is not None
    report = json.loads(watch.world.store.get(found.report.uri, sha256=found.report.sha256))
    assert report["importance"]["amount"] > 0.9
    assert report["drifted"] == sorted(report["drifted"], key=list(report["importance"]).index)
    assert found.page_uri is not None
    assert b"<svg" in watch.world.store.get(found.page_uri)
    drawn = {each["feature"]: each.get("distribution") for each in checked.data["features"]}
    assert sum(drawn["amount"]["reference"]) == pytest.approx(1, abs=1e-3)
    assert sum(drawn["amount"]["current"][12:]) > sum(drawn["amount"]["reference"][12:])
    assert drawn["country"]["categories"] == sorted(
        drawn["country"]["categories"], key=lambda name: -max(shares_of(drawn["country"], name))
    )
    assert not any("distribution" in each for each in detected.data["features"])


def shares_of(distribution: dict[str, Any], category: str) -> tuple[float, float]:
    at = distribution["categories"].index(category)
    return distribution["reference"][at], distribution["current"][at]


def test_drift_of_what_no_answer_depends_on_is_not_strong(watch: Watch) -> None:
    inputs = rows(500, 1) | {"country": ["PL"] * 500}
    _, detected = watch.send(watch.window(1, inputs))
    assert not c.DriftDetected.model_validate(detected.data).strong


def test_a_redelivery_is_the_same_look_and_two_windows_at_once_are_two(watch: Watch) -> None:
    event = watch.window(1, rows(500, 1))
    first, again = watch.send(event), watch.send(event)
    assert [(each.id, each.data) for each in first] == [(each.id, each.data) for each in again]
    events = [watch.window(number, rows(500, number)) for number in range(2, 8)]
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda event: handle(watch.app, event), events))
    assert sorted(reply.data["window"] for reply in replies if reply) == [2, 3, 4, 5, 6, 7]


def test_windows_too_small_to_test_spend_nothing_of_the_budget(watch: Watch) -> None:
    first = watch.look(1, rows(500, 1))
    small = [watch.look(number, rows(20, number)) for number in range(2, 8)]
    assert {(each.status, each.window, each.alpha_spent) for each in small} == {("insufficient", 2, 0.0)}
    second = watch.look(8, rows(500, 7, shift=0.25))
    assert (first.window, second.window, second.status) == (1, 2, "drifted")
    assert len({each.page_uri for each in [first, *small, second]}) == 8


def test_a_look_that_broke_off_gets_its_number_again_whatever_came_since(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.look(1, rows(20, 1))
    event, put = watch.window(2, rows(500, 2)), watch.world.store.put
    with monkeypatch.context() as broken:
        broken.setattr(watch.world.store, "put", lambda uri, data: put("s3://nowhere/x", data))
        with pytest.raises(HandlingFailed):
            watch.send(event)
    assert watch.look(3, rows(500, 3)).window == 2
    checked = c.DriftChecked.model_validate(watch.send(event)[0].data)
    assert (checked.window, checked.report and checked.report.uri) == (
        1,
        "s3://reports/churn/v1/drift-2.json",
    )


def test_another_versions_window_is_passed_over(watch: Watch) -> None:
    watch.world.version(2, features=FEATURES)
    assert watch.send(watch.window(1, rows(500, 1), version=2)) == []


@pytest.mark.parametrize(
    ("inputs", "status"),
    [
        (rows(1, 1), "insufficient"),
        (rows(500, 1) | {"amount": [None] * 500}, "drifted"),
        (rows(500, 1) | {"amount": [1.0] * 500}, "drifted"),
        (rows(500, 1) | {"country": ["never seen"] * 500}, "drifted"),
    ],
)
def test_odd_windows_are_told_as_what_they_are(
    watch: Watch, inputs: dict[str, list[Any]], status: str
) -> None:
    assert watch.look(1, inputs).status == status


def test_a_column_that_is_not_sent_is_missing_not_a_crash(watch: Watch) -> None:
    inputs = rows(500, 1)
    del inputs["country"]
    assert watch.look(1, inputs).status == "drifted"


def test_a_smaller_window_that_the_spec_asks_for_is_enough(database: str) -> None:
    watch = Watch(database, window=100)
    assert watch.look(1, rows(100, 1)).status == "stable"
    assert watch.look(2, rows(99, 2)).status == "insufficient"


def test_only_the_features_that_the_spec_lists_are_tested(database: str) -> None:
    watch = Watch(database, features=["country", "gone"])
    checked = watch.look(1, rows(500, 1, shift=3.0))
    assert {each.feature for each in checked.features} <= {"country", "__score__"}
    reasons = {each.feature: each.reason for each in checked.untested}
    assert reasons["gone"] == "the model has no such feature"


def test_an_unknown_detector_is_refused_with_the_known_ones(database: str) -> None:
    watch = Watch(database, detector="tabulur")
    with pytest.raises(HandlingFailed, match="no detector is named 'tabulur'; there are tabular") as failed:
        watch.send(watch.window(1, rows(500, 1)))
    assert failed.value.status == 422


def test_a_detector_that_is_not_installed_says_so_and_finds_nothing(database: str) -> None:
    pytest.importorskip("alibi_detect")
    if importlib.util.find_spec("torch") is not None:
        pytest.skip("torch is installed, so no package is missing")
    checked = Watch(database, detector="mmd").look(1, rows(500, 1, shift=3.0))
    assert checked.status == "insufficient"
    assert "pip install 'alibi-detect[torch]" in checked.untested[0].reason


def test_alibi_detects_tabular_drift_finds_the_shift(database: str) -> None:
    pytest.importorskip("alibi_detect", reason="pip install 'kascade[drift]'")
    watch = Watch(database, detector="tabular")
    assert watch.look(1, rows(500, 1)).status == "stable"
    assert watch.look(2, rows(500, 2, shift=0.5)).status == "drifted"


def part(watch: Watch, data: dict[str, list[Any]], key: str = f"{MODEL}/new.csv") -> Event:
    table = pa.table({**data, "churned": ["yes"] * len(data["amount"])})
    claim = watch.world.store.put(f"s3://datasets/{MODEL}/part/data.parquet", parquet(table))
    ingested = c.DatasetIngested(
        model=MODEL,
        part=claim,
        profile=claim,
        dataset=claim,
        spec=claim,
        data_schema=claim,
        rows=table.num_rows,
        total_rows=table.num_rows,
        parts=1,
        key=key,
    )
    return build_event(c.DatasetIngested.type, ingested, id_=f"part-{claim.sha256[:8]}-{key}")


def test_a_new_part_of_the_dataset_is_checked_without_scores(watch: Watch) -> None:
    checked, detected = watch.send(part(watch, rows(600, 5, shift=1.0)))
    assert (checked.data["of"], detected.type) == ("dataset", c.DriftDetected.type)
    assert "__score__" not in {each["feature"] for each in checked.data["features"]}
    (stable,) = watch.send(part(watch, rows(600, 6)))
    assert (stable.data["status"], stable.data["window"]) == ("stable", 2)


def test_features_that_are_looked_up_are_watched_in_predictions_and_not_missed_in_files(
    database: str,
) -> None:
    view = {"view": f"{MODEL}/activity", "digest": "0" * 64, "features": ["amount"], "rows": 9}
    watch = Watch(database, views=[view])
    file = rows(600, 5)
    file["amount"] = [None] * 600  # as where there is no such column

    (checked,) = watch.send(part(watch, file))

    assert checked.data["status"] == "stable"
    assert {"feature": "amount", "reason": "it is looked up, not in the data"} in checked.data["untested"]
    assert watch.look(2, rows(500, 6, shift=1.0)).status == "drifted"
    watch.world.engine.dispose()


def test_of_a_part_or_window_too_large_to_hold_a_sample_is_tested(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.detect_drift.sample.most_rows", lambda columns: 600)
    checked, detected = watch.send(part(watch, rows(1500, 5, shift=1.0)))
    assert (checked.data["rows"], detected.type) == (600, c.DriftDetected.type)
    window = watch.look(2, rows(900, 6))
    assert (window.rows, window.reference_rows, window.status) == (600, 600, "stable")


def test_labelled_predictions_that_came_back_are_not_news(watch: Watch) -> None:
    assert watch.send(part(watch, rows(600, 5, shift=1.0), f"{MODEL}/labelled/x.parquet")) == []


def test_without_a_champion_there_is_nothing_to_compare_with(database: str) -> None:
    world = World(database)
    world.spec()
    app = create_app(
        Settings(world.url), store=world.store, engine=world.engine, sink=MemorySink(), clock=world.clock
    )
    claim = world.store.put("s3://datasets/x", b"x")
    ingested = c.DatasetIngested(
        model=MODEL,
        part=claim,
        profile=claim,
        dataset=claim,
        spec=claim,
        data_schema=claim,
        rows=1,
        total_rows=1,
        parts=1,
        key="churn/x.csv",
    )
    assert handle(app, build_event(c.DatasetIngested.type, ingested, id_="p")) is None
