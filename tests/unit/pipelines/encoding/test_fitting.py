"""Learning encoders: which one a column gets, and that no training row sees its own target."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.encoding.categories import OneHot, TargetMean
from pipelines.encoding.fitting import (
    MAX_ONE_HOT,
    SMOOTHING,
    fit_category,
    fit_datetime,
    fit_text,
    out_of_fold_means,
    responses_of,
)


def test_few_values_get_a_column_each_and_missing_only_where_it_was_seen() -> None:
    codes = np.array([0, 1, 1, 0])
    responses = responses_of(np.zeros(4), 2)
    assert fit_category(["b", "a"], codes, responses) == OneHot(("a", "b"), missing=False)
    assert fit_category(["b", None], codes, responses) == OneHot(("b",), missing=True)


def test_many_values_get_smoothed_means_and_rare_ones_the_prior() -> None:
    labels = [f"v{i}" for i in range(MAX_ONE_HOT + 1)] + [None]
    codes = np.array([0] * 30 + [1] * 30 + list(range(2, len(labels))) + [len(labels) - 1])
    target = np.array([1.0] * 30 + [0.0] * (len(codes) - 30))
    encoder = fit_category(labels, codes, responses_of(target, 2))
    assert isinstance(encoder, TargetMean)
    prior = target.mean()
    assert encoder.prior == pytest.approx((prior,))
    assert encoder.means["v0"] == pytest.approx(((30 + SMOOTHING * prior) / (30 + SMOOTHING),))
    assert set(encoder.means) == {"v0", "v1"}
    assert encoder.missing == pytest.approx((SMOOTHING * prior / (2 + SMOOTHING),))


def test_out_of_fold_means_do_not_leak_a_rows_own_target() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 400, 800)
    target = rng.integers(0, 2, 800).astype(float)
    responses = responses_of(target, 2)
    labels = [str(i) for i in range(400)]
    honest = out_of_fold_means(labels, codes, responses, np.arange(800) % 5)
    naive = out_of_fold_means(labels, codes, responses, np.zeros(800, dtype=np.int64))
    assert abs(np.corrcoef(honest[:, 0], target)[0, 1]) < 0.1
    assert np.corrcoef(naive[:, 0], target)[0, 1] > 0.5


def test_more_classes_than_columns_keep_the_block_narrow() -> None:
    assert responses_of(np.arange(50.0), 50).shape == (50, 10)
    assert responses_of(np.arange(5.0), None).tolist() == [[0.0], [1.0], [2.0], [3.0], [4.0]]


def test_dates_without_a_time_of_day_get_no_hour_and_unknown_dates_are_survived() -> None:
    days = np.arange(30) * 86_400.0
    assert "hour" not in fit_datetime(days).parts
    assert "hour" in fit_datetime(days + np.arange(30) * 3600).parts
    assert fit_datetime(np.full(3, np.nan)).parts == ("days",)
    assert fit_datetime(np.zeros(0)).parts == ("days",)


def test_sentences_are_hashed_by_word_and_codes_by_character_runs() -> None:
    assert fit_text(["a fine day", "not so fine", None]).gram == 0
    assert fit_text(["AB-1", "XY-2", "12345"]).gram == 3
    assert fit_text([None, ""]).width == 16
    assert fit_text([f"word{i} other{i}" for i in range(5000)]).width == 256
