"""No row that a champion was trained on counts against or for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from functions.evaluate_model.scoring import Unusable
from functions.evaluate_model.unseen import unseen_rows
from pipelines import layout
from pipelines.card import Divided
from pipelines.spec import ModelSpec, parse_spec
from pipelines.steps.split import below, content_hashes, split

START = datetime(2026, 1, 1, tzinfo=UTC)


def table(rows: int = 400) -> pa.Table:
    rng = np.random.default_rng(5)
    times = [START + timedelta(hours=hour) for hour in range(rows)]
    return pa.table(
        {
            "customer": [f"c{number}" for number in rng.integers(0, 150, rows)],
            "seen_at": pa.array(times, pa.timestamp("us", tz="UTC")),
            "amount": rng.normal(size=rows),
            "visits": rng.integers(0, 3, rows),
            "age": rng.integers(18, 90, rows),
            "country": pa.array([["NL", "BE", None][n] for n in rng.integers(0, 3, rows)], pa.string()),
            "same": np.ones(rows),
        }
    )


def spec(**train: Any) -> ModelSpec:
    share = train.get("holdout", 0.2)
    text = f"model: m\ntarget: y\nentity: customer\ntimestamp: seen_at\ntrain: {{holdout: {share}}}\n"
    return parse_spec(text.encode(), model="m")


def test_a_champion_divided_by_time_has_not_seen_what_came_after() -> None:
    rows = unseen_rows(table(), Divided(by="time", cutoff="2026-01-10T00:00:00.000000Z"), spec())
    assert int(rows.sum()) == 400 - 9 * 24
    assert not rows[:216].any()


def test_one_that_learnt_from_its_holdout_too_has_not_seen_what_came_after_that() -> None:
    first, last = "2026-01-10T00:00:00.000000Z", "2026-01-12T00:00:00.000000Z"
    divided = Divided(by="time", cutoff=first, learnt_through=last)
    assert int(unseen_rows(table(), divided, spec()).sum()) == 400 - 11 * 24 - 1
    assert int(unseen_rows(table(), divided, spec(), judged=True).sum()) == 400 - 9 * 24

    placed = table().append_column(layout.PLACE, pa.array(np.arange(1_000, 1_400)))
    divided = Divided(by="arrival", cutoff="1100", learnt_through="1149")
    assert unseen_rows(placed, divided, spec()).tolist() == [place >= 1_150 for place in range(1_000, 1_400)]
    assert int(unseen_rows(placed, divided, spec(), judged=True).sum()) == 300


def test_a_champion_divided_by_the_same_hash_has_seen_nothing_of_the_holdout() -> None:
    whole = table()
    held = split(whole, target="y", entity="customer", timestamp=None, share=0.2).holdout
    holdout = whole.filter(pa.array(held))
    assert unseen_rows(holdout, Divided(by="entity"), spec()).all()


def test_a_champion_with_a_smaller_holdout_has_seen_part_of_it() -> None:
    whole = table()
    held = split(whole, target="y", entity="customer", timestamp=None, share=0.4).holdout
    rows = unseen_rows(whole.filter(pa.array(held)), Divided(by="entity"), spec(holdout=0.2))
    truly = split(whole, target="y", entity="customer", timestamp=None, share=0.2).holdout
    assert 0 < rows.sum() < len(rows)
    assert rows.sum() == truly.sum()


def repeating() -> tuple[pa.Table, pa.Table]:
    """Rows of four kinds, and those of them that are kept aside, as a version's holdout has them."""
    whole = pa.table({"kind": np.arange(400) % 4, "y": np.arange(400) // 4 % 2})
    divided = split(whole, target="y", entity=None, timestamp=None, share=0.2)
    return whole, whole.append_column(layout.ROW, pa.array(divided.rows)).filter(pa.array(divided.holdout))


@pytest.mark.case("A")
def test_a_champion_of_the_same_rule_has_seen_none_of_the_holdout_though_rows_repeat() -> None:
    _, holdout = repeating()
    assert unseen_rows(holdout, Divided(by="row", rule=2), spec()).all()
    fewer = unseen_rows(holdout, Divided(by="row", rule=2), spec(holdout=0.1))
    assert 0 < fewer.sum() < holdout.num_rows


def test_a_champion_of_an_earlier_release_has_seen_what_the_hash_of_all_columns_says() -> None:
    whole, holdout = repeating()
    truly = below(content_hashes(holdout.select(whole.column_names)), 0.2)
    assert np.array_equal(unseen_rows(holdout, Divided(by="content"), spec()), truly)


def test_a_card_that_does_not_say_how_it_divided_is_not_guessed_at() -> None:
    with pytest.raises(Unusable, match="does not say"):
        unseen_rows(table(), Divided(), spec())
    with pytest.raises(Unusable, match="customer"):
        unseen_rows(table().drop_columns(["customer"]), Divided(by="entity"), spec())


def test_a_champion_divided_in_order_of_arrival_has_not_seen_what_came_from_its_holdout_on() -> None:
    whole = table().append_column(layout.PLACE, pa.array(np.arange(1_000, 1_400)))
    rows = unseen_rows(whole, Divided(by="arrival", cutoff="1300"), spec())
    assert rows.tolist() == [False] * 300 + [True] * 100
    with pytest.raises(Unusable, match="does not tell"):
        unseen_rows(table(), Divided(by="arrival", cutoff="1300"), spec())


def test_one_divided_by_hash_has_seen_nothing_that_came_after_its_dataset() -> None:
    whole = table().drop_columns(["customer"]).append_column(layout.PLACE, pa.array(np.arange(1_000, 1_400)))
    divided = Divided(by="row", rule=2, dataset_rows=1_300)
    plain = parse_spec(b"model: m\ntarget: y\n", model="m")
    by_hash = unseen_rows(whole, divided, plain)
    assert 0 < by_hash[300:].sum() < 100, "a holdout by hash may have rows that came again"
    rows = unseen_rows(whole, divided, plain, by_arrival=True)
    assert np.array_equal(rows[:300], by_hash[:300])
    assert rows[300:].all()
    earlier = divided.model_copy(update={"dataset_rows": None})
    assert np.array_equal(unseen_rows(whole, earlier, plain, by_arrival=True), by_hash)
