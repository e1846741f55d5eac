"""The log of predictions keeps what was sent, whatever it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.world import NOON, logged

from eventing.store import MemoryStore
from functions.inferences.log import INPUT, read_log, table_of, to_parquet, together
from pipelines.prediction_ids import time_of, uuid7


def rows(count: int, **columns: list[Any]) -> Any:
    return logged([NOON] * count, inputs=columns)


def test_a_batch_read_back_is_what_was_written() -> None:
    store = MemoryStore("inferences")
    batch = logged([NOON, NOON + timedelta(seconds=1)], labels=[True, False], entities=["a", None])
    claim = store.put("s3://inferences/x.parquet", to_parquet(table_of(batch)))

    table = read_log(store, [claim])

    assert table.column("prediction_id").to_pylist() == batch.ids
    assert table.column("at").to_pylist() == [NOON, NOON + timedelta(seconds=1)]
    assert table.column("predicted").to_pylist() == ["true", "false"]
    assert table.column("entity").to_pylist() == ["a", None]
    assert table.column("score").to_pylist() == [None, None]
    assert [name for name in table.column_names if name.startswith(INPUT)] == [f"{INPUT}amount"]


def test_only_the_columns_asked_for_are_read() -> None:
    store = MemoryStore("inferences")
    claim = store.put("s3://inferences/x.parquet", to_parquet(table_of(logged([NOON]))))
    table = read_log(store, [claim, claim], ["prediction_id", "in.gone"])
    assert (table.column_names, table.num_rows) == (["prediction_id"], 2)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([1, 2.5, None], [1.0, 2.5, None]),
        ([True, None, False], [True, None, False]),
        (["a", 1, None], ["a", "1", None]),
        ([True, 1, "x"], ["true", "1", "x"]),
        ([None, None, None], [None, None, None]),
        ([10**30, 1, 2], [1e30, 1.0, 2.0]),
    ],
)
def test_an_input_keeps_its_values_in_one_type(values: list[Any], kept: list[Any]) -> None:
    assert table_of(rows(3, x=values)).column("in.x").to_pylist() == kept


def test_batches_whose_inputs_differ_in_type_or_name_still_come_together() -> None:
    tables = [
        table_of(rows(1, x=[1.5], y=[1])),
        table_of(rows(1, x=["a"], z=[True])),
        table_of(rows(1, x=[None])),
    ]
    table = together(tables)
    assert table.column("in.x").to_pylist() == ["1.5", "a", None]
    assert table.column("in.z").to_pylist() == [None, "true", None]


def test_no_batches_are_an_empty_log() -> None:
    assert together([]).num_rows == 0


def test_a_list_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="x has 2 values for 3 predictions"):
        table_of(rows(3, x=[1, 2]))


@pytest.mark.parametrize(
    ("probabilities", "scores"), [([[0.2, 0.8], [0.9, 0.1]], [0.8, 0.1]), ([[0.2, 0.3, 0.5]] * 2, [0.5, 0.5])]
)
def test_the_score_is_the_second_of_two_probabilities_or_the_largest_of_more(
    probabilities: list[list[float]], scores: list[float]
) -> None:
    batch = logged([NOON] * 2).model_copy(update={"probabilities": probabilities})
    assert table_of(batch).column("score").to_pylist() == pytest.approx(scores)


@given(
    st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.text(st.characters(codec="utf-8")),
)
def test_an_id_tells_its_time_and_the_same_seed_gives_the_same_id(at: datetime, seed: str) -> None:
    identity = uuid7(at, seed)
    assert uuid7(at, seed) == identity
    found = time_of(identity)
    assert found is not None
    assert abs((found - at).total_seconds()) < 0.002


@pytest.mark.parametrize("text", ["", "x", "2f1b8b7e-7f0e-4f0e-9d3c-1f0a5c9b7a11"])
def test_other_texts_tell_no_time(text: str) -> None:
    assert time_of(text) is None


def test_an_input_may_have_any_name() -> None:
    assert INPUT + "größe 😀" in table_of(rows(1, **{"größe 😀": [1]})).column_names
