"""Windows as they come: shifted, constant, missing, with new categories; by scipy's detectors."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drift import check

from functions.detect_drift.columns import Column, Pair, Table, category, number, table
from functions.detect_drift.compare import Checked
from functions.detect_drift.effects import jensen_shannon, wasserstein
from functions.detect_drift.logic import Policy, Status
from functions.detect_drift.report import to_html, to_json

RNG = np.random.default_rng(11)
N = 600


def objects(*values: str) -> Any:
    return np.array(values, dtype=object)


def checked(reference: Column, current: Column, window: int = 1) -> Checked:
    return check(
        table([reference]), table([current]), detector="scipy_tabular", policy=Policy(), window=window
    )


def normal(shift: float = 0.0, n: int = N, seed: int = 0) -> Column:
    return number("x", np.random.default_rng(seed).normal(shift, 1, n))


def test_a_shift_is_drift_and_the_same_distribution_is_not() -> None:
    assert checked(normal(n=5_000), normal(seed=1)).status is Status.STABLE
    found = checked(normal(n=5_000), normal(0.5, seed=1))

    assert found.status is Status.DRIFTED
    assert found.drifted == ("x",)
    assert found.tests[0].test.effect == pytest.approx(0.5, abs=0.1)


def test_a_change_of_shares_is_drift() -> None:
    before = category("c", RNG.choice(list("abc"), 3_000, p=[0.5, 0.3, 0.2]))
    after = category("c", RNG.choice(list("abc"), N, p=[0.2, 0.3, 0.5]))

    assert checked(before, after).drifted == ("c",)


def test_a_new_category_is_named_with_its_share_and_is_drift_when_frequent() -> None:
    before = category("c", RNG.choice(list("ab"), 3_000))
    rare = category("c", ["z", *RNG.choice(list("ab"), N - 1)])
    frequent = category("c", RNG.choice(list("abz"), N))

    seldom = checked(before, rare)
    assert seldom.status is Status.STABLE
    assert seldom.new_categories[0].categories == ("z",)
    assert seldom.new_categories[0].share == pytest.approx(1 / N)
    assert checked(before, frequent).drifted == ("c",)


def test_a_category_of_only_rare_values_raises_no_alarm() -> None:
    before = category("id", [f"a{i}" for i in range(2_000)])
    after = category("id", [f"a{i}" for i in range(N)])

    assert checked(before, after).tests[0].test.p_value == 1.0


@pytest.mark.parametrize(("was", "now", "status"), [(5, 5, Status.STABLE), (5, 6, Status.DRIFTED)])
def test_constant_values_are_drift_only_when_the_constant_changed(
    was: float, now: float, status: Status
) -> None:
    assert checked(number("x", [was] * 2_000), number("x", [now] * N)).status is status
    assert checked(category("x", [was] * 2_000), category("x", [now] * N)).status is status


def test_a_feature_that_went_missing_is_drift_of_its_missing_rate() -> None:
    found = checked(normal(n=2_000), number("x", [None] * N))

    assert found.drifted == ("x",)
    assert [each.test.method for each in found.tests] == ["missing-rate"]
    assert found.untested[0].reason == "0 values in the window, a test needs 20"


def test_a_feature_that_was_never_there_is_untested_and_not_drift() -> None:
    found = checked(number("x", [math.nan] * 2_000), number("x", [math.inf] * N))

    assert found.status is Status.STABLE
    assert found.untested[0].feature == "x"


def test_a_higher_missing_rate_is_drift_though_the_values_are_alike() -> None:
    values = RNG.normal(size=N)
    values[: N // 10] = np.nan

    found = checked(normal(n=3_000), number("x", values))

    assert [(each.test.method, each.drifted) for each in found.tests] == [
        ("ks", False),
        ("missing-rate", True),
    ]
    assert found.tests[1].test.statistic == pytest.approx(0.1)


def test_columns_that_cannot_be_tested_are_listed_with_the_reason() -> None:
    reference = table(
        [normal(), category("c", "ab" * 300), category("gone", "ab" * 300), number("k", range(N))]
    )
    current = table([normal(seed=1), category("c", "ab" * 300), category("k", "ab" * 300)])

    found = check(reference, current, detector="scipy_ks", policy=Policy(), window=1)

    assert {each.feature: each.reason for each in found.untested} == {
        "c": "this detector does not test a category",
        "gone": "this detector does not test a category",
        "k": "it is a category in the window and a number in the reference",
    }
    both = check(reference, current, detector="scipy_tabular", policy=Policy(), window=1)
    assert ("gone", "it is not in the window") in [(each.feature, each.reason) for each in both.untested]


def test_prediction_scores_are_tested_beside_features() -> None:
    scores = [number("yes", RNG.beta(2, 5, n), role="score") for n in (3_000, N)]
    moved = number("yes", RNG.beta(4, 4, N), role="score")

    assert checked(scores[0], scores[1]).status is Status.STABLE
    assert checked(scores[0], moved).drifted == ("yes",)


def test_a_table_has_one_length_and_each_name_once() -> None:
    with pytest.raises(ValueError, match="one length"):
        table([number("a", [1]), number("b", [1, 2])])
    with pytest.raises(ValueError, match="two columns"):
        table([number("a", [1]), number("a", [2])])


class TestEffects:
    """The sizes that count."""

    def test_a_shift_is_measured_in_standard_deviations_of_the_reference(self) -> None:
        values = RNG.normal(50, 7, 4_000)

        assert wasserstein(values, values + 3.5) == pytest.approx(0.5, rel=0.03)

    def test_the_distance_of_categories_is_0_for_alike_and_1_for_disjoint(self) -> None:
        assert jensen_shannon(objects("a", "b"), objects("b", "a")) == 0.0
        assert jensen_shannon(objects("a"), objects("b")) == 1.0

    @given(st.lists(st.sampled_from("abc"), min_size=1), st.lists(st.sampled_from("bcd"), min_size=1))
    @settings(deadline=None, max_examples=50)
    def test_the_distance_of_categories_is_symmetric_and_bounded(
        self, left: list[str], right: list[str]
    ) -> None:
        there = jensen_shannon(objects(*left), objects(*right))

        assert 0 <= there <= 1
        assert there == pytest.approx(jensen_shannon(objects(*right), objects(*left)))


class Page(HTMLParser):
    """Collects what a page loads, and the labels of its drawings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.drawn: list[str | None] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "svg":
            self.drawn.append(dict(attrs)["aria-label"])


class TestReport:
    """The report of a window, as JSON and as a page."""

    def tables(self) -> tuple[Table, Table]:
        reference = [normal(n=1_000), category("<b>c</b>", "ab" * 500), number("empty", [None] * 1_000)]
        current = [normal(2, seed=1), category("<b>c</b>", ["<script>"] * N), number("empty", [None] * N)]
        return table(reference), table(current)

    def report(self) -> tuple[Checked, str]:
        reference, current = self.tables()
        found = check(reference, current, detector="scipy_tabular", policy=Policy(), window=3)
        return found, to_html(found, reference, current, title="churn & co, v7")

    def test_json_carries_each_test_and_what_decided(self) -> None:
        found, _ = self.report()
        document = json.loads(json.dumps(to_json(found), allow_nan=False))

        assert document["status"] == "drifted"
        assert document["drifted"] == ["x", "<b>c</b>"]
        assert document["alpha_spent"] == pytest.approx(0.05 * 6 / math.pi**2 / 9)
        assert document["guarantee"] == "budget"
        assert {"feature", "method", "statistic", "p_value", "p_value_corrected", "effect", "drifted"} <= set(
            document["tests"][0]
        )
        assert document["untested"][0]["feature"] == "empty"
        assert document["new_categories"][0]["categories"] == ["<script>"]

    def test_the_page_needs_nothing_else_and_draws_every_feature_drifted_ones_first(self) -> None:
        _, text = self.report()
        page = Page(text)

        assert not {"script", "link", "img", "iframe", "b"} & set(page.tags)
        assert "http" not in text
        assert [label and label.split(",")[0] for label in page.drawn] == [
            "Distribution of x",
            "Distribution of <b>c</b>",
            "Distribution of empty",
        ]
        assert page.tags.count("rect") > 48
        assert len(text) < 20_000

    def test_the_page_says_the_verdict_the_budget_and_whom_it_is_about(self) -> None:
        _, text = self.report()

        assert "<strong>Drift: x, &lt;b&gt;c&lt;/b&gt;.</strong>" in text
        assert "window 3 may spend 0.00338 of it" in text
        assert "churn &amp; co, v7" in text

    def test_a_window_that_says_nothing_has_a_page_as_well(self) -> None:
        reference, _ = self.tables()
        empty = table([number("x", []), category("<b>c</b>", []), number("empty", [])])
        found = check(reference, empty, detector="scipy_tabular", policy=Policy(), window=1)

        assert "Too few rows to tell" in to_html(found, reference, empty, title="churn")


def test_a_pair_is_named_by_its_reference() -> None:
    assert Pair(normal(), normal()).name == "x"
