"""Learning an encoder from the training rows.

Categories and texts come factorised: the distinct labels and, per row, the index of its label. So the work
grows with the distinct values, not with the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.encoding.categories import OneHot, TargetMean
from pipelines.encoding.columns import CentredNumber, Matrix, Number
from pipelines.encoding.scales import AS_IS, fit_scale
from pipelines.encoding.times import DAYS, PARTS, Datetime, DatetimeSince, Seconds
from pipelines.encoding.words import HashedText, tokens

Labels = Sequence[str | None]
Codes = NDArray[np.int64]
Responses = NDArray[np.float64]

MAX_ONE_HOT = 24  # above this many distinct values a category is encoded by target means
MAX_MEANS = 10_000  # the most frequent values whose means are kept; the others get the prior
SMOOTHING = 10.0  # rows that the prior weighs in a value's mean
MAX_RESPONSES = 10  # classes that get a column of means
TEXT_WIDTHS = (16, 256)
_TEXT_SAMPLE = 10_000


def responses_of(target: NDArray[np.float64], classes: int | None) -> Responses:
    """Return what target means average [N, m]: the target itself, or an indicator per class but the first.

    Args:
        target: numbers, or class indices 0..classes-1, [N].
        classes: how many classes there are; None for regression.
    """
    if classes is None:
        return target.reshape(-1, 1).astype(np.float64)
    wanted = np.arange(1, min(classes, MAX_RESPONSES + 1))
    return np.asarray(target.reshape(-1, 1) == wanted, dtype=np.float64)


def fit_category(labels: Labels, codes: Codes, responses: Responses) -> OneHot | TargetMean:
    """Choose one column per value for few distinct values, target means for many, and learn them."""
    counts = np.bincount(codes, minlength=len(labels))
    seen = [label for label, count in zip(labels, counts, strict=True) if label is not None and count]
    missing = any(label is None and count for label, count in zip(labels, counts, strict=True))
    if len(seen) <= MAX_ONE_HOT:
        return OneHot(tuple(sorted(seen)), bool(missing))
    return _fit_means(labels, codes, responses, counts)


def _fit_means(labels: Labels, codes: Codes, responses: Responses, counts: NDArray[np.int64]) -> TargetMean:
    prior = responses.mean(axis=0)
    means = _smoothed(_sums(codes, responses, len(labels)), counts, prior)
    kept = [i for i in np.argsort(-counts, kind="stable") if labels[i] is not None and counts[i] >= 2][
        :MAX_MEANS
    ]
    named = sorted((str(labels[i]), _row(means[i])) for i in kept)
    blank = next((i for i, label in enumerate(labels) if label is None and counts[i]), None)
    return TargetMean(dict(named), None if blank is None else _row(means[blank]), _row(prior))


def out_of_fold_means(labels: Labels, codes: Codes, responses: Responses, folds: Codes) -> Matrix:
    """Encode the training rows by means that leave out the row's own fold: no row sees its own target.

    Args:
        folds: the fold of each row, [N], from 0.

    Returns: float32 [N, m].
    """
    block = np.empty(responses.shape, dtype=np.float32)
    for fold in np.unique(folds):
        inside = folds == fold
        rest = ~inside if inside.sum() < len(folds) else inside
        counts = np.bincount(codes[rest], minlength=len(labels))
        prior = responses[rest].mean(axis=0)
        means = _smoothed(_sums(codes[rest], responses[rest], len(labels)), counts, prior)
        means[counts < 2] = prior
        block[inside] = means[codes[inside]]
    return block


def _sums(codes: Codes, responses: Responses, size: int) -> Responses:
    columns = [np.bincount(codes, weights=column, minlength=size) for column in responses.T]
    return np.stack(columns, axis=1)


def _smoothed(sums: Responses, counts: NDArray[np.int64], prior: Responses) -> Responses:
    return np.asarray((sums + SMOOTHING * prior) / (counts.reshape(-1, 1) + SMOOTHING))


def _row(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def fit_number(values: NDArray[Any]) -> tuple[Number | CentredNumber, float]:
    """Take int64 or float64 values [N], NaN where missing, as they are, or centred where float32 needs it.

    Returns: with it, which share of neighbouring values float32 still does not tell apart.
    """
    scale, blurred = fit_scale(values)
    return Number() if scale == AS_IS else CentredNumber(scale), blurred


def fit_datetime(seconds: Seconds) -> Datetime | DatetimeSince:
    """Keep the parts of the time that vary in training; days always, since 1970 where float32 allows."""
    known = seconds[np.isfinite(seconds)]
    varying = [name for name, part in PARTS.items() if known.size and np.ptp(part(known)) > 1e-9]
    parts = tuple(varying) if DAYS in varying else (DAYS, *varying)
    scale, _ = fit_scale(known)
    return Datetime(parts) if scale == AS_IS else DatetimeSince(parts, float(scale.offset))


def fit_text(labels: Labels) -> HashedText:
    """Choose words, or character triples where a text is mostly one word; and as many buckets as needed."""
    sample = list(islice((label for label in labels if label), _TEXT_SAMPLE))
    words = [list(tokens(text, 0)) for text in sample]
    gram = 0 if sum(map(len, words)) >= 2 * len(words) else 3
    distinct = len({token for text in sample for token in tokens(text, gram)})
    low, high = TEXT_WIDTHS
    return HashedText(min(high, max(low, 1 << (2 * distinct).bit_length())), gram)
