"""Definitions that no model.yaml has any more are kept for versions that may ask for them, then retired."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from support.features import Features, MemoryFeatureServer, applied_by
from support.world import MODEL, World

from eventing.catalogue import FeaturesDefined, FeaturesMaterialized, FeaturesRetired, TimerDue
from eventing.event import Event
from eventing.testing import build_event
from functions.materialize_features.retire import KEPT_CHAMPIONS
from functions.state.features import FeatureViewRow
from functions.state.runs import TrainingRun
from functions.state.timers import due
from pipelines.features.view import View

PLAIN = "target: churned\nentity: customer\ntimestamp: at\nschema: {customer: text}\n"
SPEC = PLAIN + "features:\n  views: [{name: activity, fields: [plan]}]\n"
HEAD = "customer,at,amount,plan,churned\n"
FIRST = HEAD + "Zoë,2026-11-20T10:00:00Z,1,free,0\nb,2026-11-20T11:00:00Z,2,gold,1\n"
SECOND = HEAD + "Zoë,2026-11-22T10:00:00Z,8,free,0\n"


class Retiring:
    """A model that had a view, and a champion that uses it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.world, server = World(url), MemoryFeatureServer()
        self.features = Features(self.world.store, self.world.engine, server, applied_by(server), folder)
        self.features.drop(f"{MODEL}/model.yaml", SPEC)
        self.features.drop(f"{MODEL}/1.csv", FIRST)
        with self.world.session() as session:
            (row,) = session.query(FeatureViewRow)
            self.view = View.from_json(row.definition)
        used = {"view": f"{MODEL}/activity", "digest": self.view.digest, "features": ["plan"], "rows": 2}
        self.world.version(1, views=[used], promoted=True)
        self.features.drop(f"{MODEL}/model.yaml", PLAIN)

    def hour(self) -> list[str]:
        """Let the timer ring; return what is said of retired views."""
        with self.world.session() as session:
            (timer,) = due(session, self.features.now + timedelta(days=1), 9)
        self.features.now = timer.due
        rung = {"owner": timer.owner, "key": timer.key, "due": timer.due.isoformat()}
        said = self.features.deliver(build_event(TimerDue.type, rung))
        return [name for each in said if each.type == FeaturesRetired.type for name in _names(each)]

    def promote_others(self, count: int) -> None:
        for version in range(2, 2 + count):
            self.world.version(version, promoted=True)

    def stored(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.world.store.get(f"{self.view.folder}/view.json"))
        return found


def _names(event: Event) -> list[str]:
    return [each["name"] for each in event.data["views"]]


@pytest.fixture
def retiring(database: str, tmp_path: Path) -> Retiring:
    return Retiring(database, tmp_path)


def test_what_the_champion_asks_for_is_kept_up_to_date(retiring: Retiring) -> None:
    assert retiring.hour() == []
    retiring.promote_others(KEPT_CHAMPIONS - 1)
    assert retiring.hour() == []  # a rollback may bring v1 back
    retiring.features.drop(f"{MODEL}/2.csv", SECOND)
    with retiring.world.session() as session:
        assert session.get_one(FeatureViewRow, retiring.view.feast_name).parts == 2


def test_what_nobody_may_ask_for_is_retired_and_made_no_more(retiring: Retiring) -> None:
    retiring.promote_others(KEPT_CHAMPIONS)

    assert retiring.hour() == [retiring.view.feast_name]

    assert retiring.stored()["retired"] is True
    retiring.features.drop(f"{MODEL}/2.csv", SECOND)
    with retiring.world.session() as session:
        row = session.get_one(FeatureViewRow, retiring.view.feast_name)
        assert (row.parts, row.applied_at, row.retired_at) == (0, None, retiring.features.now)


def test_while_a_run_is_under_way_nothing_is_retired(retiring: Retiring) -> None:
    retiring.promote_others(KEPT_CHAMPIONS)
    plain = dict.fromkeys(("dataset_digest", "config_digest", "code_digest"), "0" * 64)
    run = TrainingRun(
        model=MODEL,
        version=99,
        run_id="r",
        reason="dataset",
        automatic=True,
        cause_id="c",
        correlation_id="c",
        rows=1,
        approved_at=retiring.features.now,
        lease_until=retiring.features.now + timedelta(hours=9),
        **plain,
    )
    with retiring.world.session() as session:
        session.add(run)
    assert retiring.hour() == []


def test_a_view_that_is_defined_again_is_made_anew(retiring: Retiring) -> None:
    retiring.promote_others(KEPT_CHAMPIONS)
    retiring.hour()

    said = retiring.features.drop(f"{MODEL}/model.yaml", SPEC)

    assert FeaturesDefined.type in [each.type for each in said]
    made = [each.data for each in said if each.type == FeaturesMaterialized.type]
    assert [(each["entities"], each["online"]) for each in made] == [(2, False), (2, True)]
    assert "retired" not in retiring.stored()
