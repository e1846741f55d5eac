"""A view's names hold in Feast and in databases, and follow from what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipelines.features.of_spec import UnknownView, own_views, views_of
from pipelines.features.view import View
from pipelines.spec import ModelSpec, parse_spec

PAYMENTS = b"""
target: fraud
entity: customer_id
timestamp: paid_at
features:
  views:
  - name: activity
    ttl: 7d
    fields: [balance]
    aggregations: [{of: amount, function: sum, window: 7d}, {function: count, window: 1h, as: visits}]
"""


def _payments() -> ModelSpec:
    return parse_spec(PAYMENTS, model="payments")


def test_a_view_takes_the_models_entity_and_timestamp_and_survives_json() -> None:
    (view,) = own_views(_payments())
    assert (view.entity, view.timestamp, view.dataset) == (("customer_id",), "paid_at", "payments")
    assert view.features == ("balance", "amount_sum_7d", "visits")
    assert view.columns == ("customer_id", "paid_at", "balance", "amount")
    assert view.longest_window == timedelta(days=7)
    assert View.from_json(view.to_json()) == view


def test_another_definition_has_another_name_in_feast() -> None:
    (view,) = own_views(_payments())
    assert replace(view, ttl=timedelta(days=8)).feast_name != view.feast_name
    assert View.from_json(view.to_json()).feast_name == view.feast_name


def test_the_longest_names_stay_within_what_postgresql_takes() -> None:
    (view,) = own_views(_payments())
    longest = replace(view, model="m" * 40, name="v" * 40)
    assert len(f"kascade_{longest.feast_name}_ek") <= 63
    assert longest.feast_name != replace(longest, model="m" * 39 + "n").feast_name


def test_a_model_uses_the_view_of_another_as_that_defines_it() -> None:
    spec = parse_spec(b"target: churned\nfeatures: {use: [payments/activity]}", model="churn")
    assert views_of(spec, lambda name: _payments() if name == "payments" else None) == own_views(_payments())


def test_a_view_that_is_not_there_is_answered_with_the_nearest() -> None:
    spec = parse_spec(b"target: churned\nfeatures: {use: [payments/activty]}", model="churn")
    with pytest.raises(UnknownView, match="did you mean 'activity'"):
        views_of(spec, lambda _: _payments())
    with pytest.raises(UnknownView, match=r"there is no model\.yaml of payments"):
        views_of(spec, lambda _: None)
