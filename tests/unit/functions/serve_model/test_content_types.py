"""A tensor's content type says how its elements are read; one that is not known is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest

INFER = "/v2/models/mixed/infer"


def asked(country: dict[str, Any]) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": "amount", "shape": [1], "datatype": "FP64", "data": [5]},
            {"name": "country", "shape": [1], "datatype": "BYTES", **country},
            {"name": "active", "shape": [1], "datatype": "BOOL", "data": [True]},
        ]
    }


def outputs(reply: Any) -> Any:
    assert reply.status == 200, reply.body
    return reply.json["outputs"][:2]


@pytest.mark.case("I", "v2 content_type base64")
def test_base64_is_decoded(mixed: Any) -> None:
    encoded = base64.b64encode(b"FR").decode()
    plain, other = (outputs(mixed.post(INFER, asked({"data": [name]}))) for name in ("FR", encoded))
    decoded = mixed.post(INFER, asked({"data": [encoded], "parameters": {"content_type": "base64"}}))

    assert outputs(decoded) == plain != other
    assert mixed.recorded[-1].inputs["country"] == ["FR"]


@pytest.mark.case("I", "v2 content_type base64")
@pytest.mark.parametrize(
    ("content_type", "text", "problem"),
    [
        ("base64", "?", "no base64 of UTF-8 text"),
        ("base64", base64.b64encode(b"\xff").decode(), "no base64 of UTF-8 text"),
        ("pickle", "x", "content_type 'pickle' is none of base64, str"),
        ([], "x", "content_type [] is none of"),
    ],
)
def test_what_cannot_be_decoded_is_refused(mixed: Any, content_type: Any, text: str, problem: str) -> None:
    reply = mixed.post(INFER, asked({"data": [text], "parameters": {"content_type": content_type}}))

    assert reply.status == 400
    assert problem in reply.json["error"]


@pytest.mark.case("I", "v2 content_type base64")
def test_other_known_content_types_change_nothing(mixed: Any) -> None:
    plain = outputs(mixed.post(INFER, asked({"data": ["FR"]})))

    for content_type in ("str", "pd", "np"):
        reply = mixed.post(INFER, asked({"data": ["FR"], "parameters": {"content_type": content_type}}))
        assert outputs(reply) == plain
