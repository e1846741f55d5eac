"""`all`, `any` and `not`, alone and nested."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from knative.local.broker.filters.all_of import AllFilter
from knative.local.broker.filters.any_of import AnyFilter
from knative.local.broker.filters.base import Filter
from knative.local.broker.filters.exact import ExactFilter
from knative.local.broker.filters.not_of import NotFilter
from knative.local.broker.filters.prefix import PrefixFilter

EVENT = {"type": "t", "source": "/s"}
YES, NO = ExactFilter({"type": "t"}), ExactFilter({"type": "other"})

filters = st.recursive(
    st.sampled_from(["t", "u", ""]).flatmap(
        lambda value: st.sampled_from([ExactFilter({"type": value}), PrefixFilter({"type": value})])
    ),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllFilter(tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyFilter(tuple(parts)))
        | inner.map(NotFilter)
    ),
    max_leaves=8,
)


def test_73_all_passes_if_every_part_does() -> None:
    assert AllFilter((YES, YES)).matches(EVENT)
    assert not AllFilter((YES, NO)).matches(EVENT)


def test_69_all_of_nothing_passes_everything() -> None:
    assert AllFilter(()).matches({})


def test_73_any_passes_if_one_part_does() -> None:
    assert AnyFilter((NO, YES)).matches(EVENT)
    assert not AnyFilter((NO, NO)).matches(EVENT)


def test_74_not_inverts_also_a_missing_attribute() -> None:
    assert NotFilter(NO).matches(EVENT)
    assert not NotFilter(YES).matches(EVENT)
    assert NotFilter(ExactFilter({"subject": "x"})).matches(EVENT)


@given(part=filters, type_=st.sampled_from(["t", "u", "x", None]))
@settings(max_examples=200, deadline=None)
def test_an_event_that_passes_always_has_a_required_value(part: Filter, type_: str | None) -> None:
    """What the index leaves out could not have passed."""
    event = {} if type_ is None else {"type": type_}
    required = part.required()

    if required is not None and part.matches(event):
        name, values = required
        assert event[name] in values


def test_any_decides_by_the_union_of_one_attribute_only() -> None:
    two = AnyFilter((ExactFilter({"type": "a"}), ExactFilter({"type": "b"})))

    assert two.required() == ("type", frozenset({"a", "b"}))
    assert AnyFilter((YES, ExactFilter({"source": "/s"}))).required() is None
    assert AnyFilter((YES, NotFilter(NO))).required() is None


def test_all_decides_by_its_type_before_other_attributes() -> None:
    assert AllFilter((ExactFilter({"source": "/s"}), YES)).required() == ("type", frozenset({"t"}))
