"""What the story expects to be looked up is what the view holds."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from kascade.demo.features import CUSTOMER, PURCHASES, SPECS
from kascade.demo.purchases import Purchases
from pipelines.features.aggregation import TIME, latest, view_rows
from pipelines.features.of_spec import own_views, views_of
from pipelines.spec import parse_spec
from pipelines.spec.rules import check_rules

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def table_of(*files: bytes) -> pa.Table:
    rows = [row for file in files for row in csv.DictReader(io.StringIO(file.decode()))]
    return pa.table(
        {
            "customer": pa.array([int(row["customer"]) for row in rows]),
            "at": pa.array([datetime.fromisoformat(row["at"]) for row in rows], TIME),
            "amount": pa.array([float(row["amount"]) for row in rows]),
        }
    )


def test_both_model_yamls_are_valid_and_share_the_view() -> None:
    specs = {model: parse_spec(text.encode(), checks=[check_rules]) for model, text in SPECS.items()}
    shared = [views_of(spec, specs.get) for spec in specs.values()]
    assert shared[0] == shared[1] == own_views(specs[PURCHASES])


def test_what_the_newest_row_of_the_view_says_is_known() -> None:
    data = Purchases(NOW)
    first = data.file()
    before = data.known(CUSTOMER)
    more = data.more(CUSTOMER, (400.0, 250.0), NOW)
    (view,) = own_views(parse_spec(SPECS[PURCHASES].encode()))

    for files, expected in (((first,), before), ((first, more), data.known(CUSTOMER))):
        newest = latest(view, view_rows(view, table_of(*files), created=NOW), NOW)
        (row,) = [each for each in newest.to_pylist() if each["customer"] == CUSTOMER]
        assert row["spent"] == pytest.approx(expected)
    assert data.known(CUSTOMER) >= 650 > before


def test_the_data_are_the_same_each_time_and_both_answers_occur() -> None:
    data = Purchases(NOW)
    assert data.file() == Purchases(NOW).file()
    for file, target in ((data.file(), "returned"), (data.offers(), "taken")):
        answers = [row[target] for row in csv.DictReader(io.StringIO(file.decode()))]
        assert 0.2 < answers.count("yes") / len(answers) < 0.8
