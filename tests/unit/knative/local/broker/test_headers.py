from __future__ import annotations

import pytest

from knative.local.broker.headers import is_passed_through, with_trace


@pytest.mark.parametrize(
    "name",
    ["x-request-id", "retry-after", "knative-a", "x-b3-traceid", "traceparent", "tracestate", "baggage"],
)
def test_29_30_these_headers_go_along(name: str) -> None:
    assert is_passed_through(name)


@pytest.mark.parametrize(
    "name", ["authorization", "cookie", "x-custom", "kn-namespace", "prefer", "knative", "host"]
)
def test_29_others_do_not(name: str) -> None:
    assert not is_passed_through(name)


def test_a_reply_goes_on_in_the_trace_of_its_cause_unless_it_has_its_own() -> None:
    cause = {"traceparent": "a", "tracestate": "b", "ce-id": "1"}

    assert with_trace({"ce-id": "2"}, cause) == {"ce-id": "2", "traceparent": "a", "tracestate": "b"}
    assert with_trace({"traceparent": "own"}, cause) == {"traceparent": "own"}
