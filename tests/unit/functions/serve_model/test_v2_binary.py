"""Tensors in binary, as the protocol's binary extension has them."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from .conftest import INFER, MIXED_INFER, asked, outputs, tensor


def binary(document: dict[str, Any], *blocks: bytes) -> tuple[bytes, dict[str, str]]:
    head = json.dumps(document).encode()
    return b"".join((head, *blocks)), {"Inference-Header-Content-Length": str(len(head))}


def test_binary_tensors_are_read_and_answered_in_binary(churn: Any) -> None:
    block = struct.pack("<6f", 1, 2, 3, 0, 0, float("nan"))
    entry = {"name": "x", "shape": [2, 3], "datatype": "FP32", "parameters": {"binary_data_size": len(block)}}
    body, headers = binary(asked(entry, parameters={"binary_data_output": True}), block)

    reply = churn.post(INFER, body, headers)

    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "application/octet-stream"
    length = int(reply.headers["inference-header-content-length"])
    document, tail = json.loads(reply.body[:length]), reply.body[length:]
    sizes = [entry["parameters"]["binary_data_size"] for entry in document["outputs"]]
    assert sizes == [16, 16, 80]
    assert sum(sizes) == len(tail)
    assert struct.unpack("<2q", tail[:16]) == (1, 1)
    assert tail[32:36] == (36).to_bytes(4, "little")


def test_binary_text_and_json_tensors_mix_in_one_request(mixed: Any) -> None:
    words = b"".join(len(w).to_bytes(4, "little") + w for w in (b"DE", "Köln".encode()))
    country = {"name": "country", "shape": [2], "datatype": "BYTES"}
    body, headers = binary(
        asked(
            tensor([-1.5, 0], [2], "FP64", "amount"),
            {**country, "parameters": {"binary_data_size": len(words)}},
            {"name": "active", "shape": [2], "datatype": "BOOL", "parameters": {"binary_data_size": 2}},
        ),
        words,
        b"\x01\x00",
    )

    assert outputs(mixed.post(MIXED_INFER, body, headers))["label"]["data"] == ["yes", "no"]


def size(count: int) -> dict[str, Any]:
    return {
        "name": "x",
        "shape": [1, 3],
        "datatype": "FP32",
        "parameters": {"binary_data_size": count},
    }


@pytest.mark.parametrize(
    ("document", "blocks", "expected"),
    [
        (asked(size(8)), b"12345678", "FP32 [1, 3] needs 12 bytes, got 8"),
        (asked(size(12)), b"0123456789abcdef", "4 bytes follow the last binary tensor"),
        (asked(size(99)), b"0123", "binary_data_size is 99, 4 bytes are left"),
        (asked({**size(4), "data": [1, 2, 3]}), b"0123", "either 'data' or 'binary_data_size'"),
        (asked({**size(4), "datatype": "BYTES"}), b"\xff\xff\xff\xff", "expected 3 strings"),
        (asked({**size(5), "datatype": "BYTES"}), b"\x01\x00\x00\x00\xff", "not UTF-8"),
    ],
)
def test_a_bad_binary_body_is_refused(churn: Any, document: Any, blocks: bytes, expected: str) -> None:
    body, headers = binary(document, blocks)

    reply = churn.post(INFER, body, headers)

    assert reply.status == 400
    assert expected in reply.json["error"]


@pytest.mark.parametrize("length", ["0", "9999", "-1", "x"])
def test_a_bad_header_length_is_refused(churn: Any, length: str) -> None:
    reply = churn.post(INFER, asked(tensor([1, 2, 3], [1, 3])), {"Inference-Header-Content-Length": length})

    assert reply.status == 400
    assert "Inference-Header-Content-Length" in reply.json["error"]
