"""Traffic is split by percent, and a target may have only a tag."""

from __future__ import annotations

import math
import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from knative.local.services.traffic import split_of, tags_of


@settings(max_examples=20, deadline=None)
@given(percent=st.integers(1, 99), seed=st.integers(0, 2**32))
def test_shares_are_drawn_as_their_percents_say(percent: int, seed: int) -> None:
    split = split_of(
        [{"revisionName": "a", "percent": percent}, {"revisionName": "b", "percent": 100 - percent}]
    )
    draw, count = random.Random(seed), 4000
    seen = Counter(split.pick(draw) for _ in range(count))
    expected = {"a": count * percent / 100, "b": count * (100 - percent) / 100}
    chi_square = sum((seen[name] - wanted) ** 2 / wanted for name, wanted in expected.items())
    assert math.erfc(math.sqrt(chi_square / 2)) > 1e-7


def test_a_target_without_percent_takes_no_part_but_keeps_its_tag() -> None:
    targets = [
        {"revisionName": "a", "percent": 60},
        {"revisionName": "a", "percent": 40},
        {"revisionName": "b", "percent": 0, "tag": "shadow"},
    ]
    split = split_of(targets)
    assert split.pick(random.Random(1)) == "a"
    assert split.revisions == ("a",)
    assert tags_of(targets) == {"shadow": "b"}
    assert split_of([]).pick(random.Random(1)) is None
