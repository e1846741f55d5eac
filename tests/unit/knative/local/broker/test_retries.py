from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knative.local.broker.model import Delivery
from knative.local.broker.retries import backoff_s, is_retriable, wait_s

EXPONENTIAL = Delivery(retry=9, backoff_policy="exponential", backoff_delay_s=0.2)
NOW = 1_700_000_000.0


@given(st.integers(100, 599))
@settings(max_examples=200, deadline=None)
def test_44_45_only_timeouts_conflicts_and_server_errors_are_retriable(status: int) -> None:
    assert is_retriable(status) == (status in (404, 408, 409, 429) or status >= 500)


def test_48_exponential_doubles_from_the_delay() -> None:
    assert [backoff_s(EXPONENTIAL, retry) for retry in (1, 2, 3, 4)] == [0.2, 0.4, 0.8, 1.6]


def test_49_linear_is_constant_or_grows_from_zero() -> None:
    linear = Delivery(retry=3, backoff_policy="linear", backoff_delay_s=0.5)

    assert [backoff_s(linear, retry) for retry in (1, 2, 3)] == [0.5, 0.5, 0.5]
    assert [backoff_s(linear, retry, "knative") for retry in (1, 2, 3)] == [0.0, 0.5, 1.0]


def test_50_without_a_delay_there_is_no_wait() -> None:
    assert backoff_s(Delivery(retry=3), 3) == 0


@given(st.integers(1, 10_000))
@settings(max_examples=50, deadline=None)
def test_51_no_number_of_retries_overflows(retry: int) -> None:
    assert 0 <= backoff_s(EXPONENTIAL, retry) <= 366 * 86_400


@pytest.mark.parametrize(
    ("most", "status", "asked", "wait"),
    [
        (None, 503, "9", 0.2),
        (5.0, 503, "2", 2.0),
        (5.0, 429, "60", 5.0),
        (5.0, 500, "2", 0.2),
        (5.0, 503, "0", 0.2),
        (0.0, 503, "2", 0.2),
        (5.0, 503, "Tue, 14 Nov 2023 22:13:23 GMT", 3.0),
        (5.0, 503, "Tue, 14 Nov 2023 22:13:23 -0000", 3.0),
        (5.0, 503, "Tue, 14 Nov 2000 22:13:23 GMT", 0.2),
        (5.0, 503, "soon", 0.2),
        (5.0, 503, "Tue, 14 Nov 2023 22:13:23 +99999999999999", 0.2),
        (5.0, 503, "Mon, 01 Jan 0001 00:00:00 +2359", 0.2),
        (5.0, 503, "-1", 0.2),
        (5.0, 503, None, 0.2),
    ],
)
def test_54_retry_after_lengthens_the_wait_up_to_its_maximum(
    most: float | None, status: int, asked: str | None, wait: float
) -> None:
    delivery = Delivery(3, backoff_delay_s=0.2, retry_after_max_s=most)
    headers = {} if asked is None else {"retry-after": asked}

    assert wait_s(delivery, 1, status, headers, NOW) == pytest.approx(wait)
