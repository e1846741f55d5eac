"""kubectl's protobuf, from bytes that kubectl 1.32 sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knative.local.api.protobuf import read_protobuf
from knative.local.errors import Refused


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def unknown(api_version: str, kind: str, raw: bytes) -> bytes:
    """Return the envelope that Kubernetes puts around an object."""
    about = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\0" + field(1, about) + field(2, raw) + field(3, b"") + field(4, b"")


META = field(1, field(1, b"made") + field(2, b"") + field(3, b"default") + field(8, b""))


def test_a_config_map_is_read() -> None:
    raw = (
        META
        + field(2, field(1, b"a") + field(2, "ü".encode()))
        + field(3, field(1, b"b") + field(2, b"\xff"))
    )
    assert read_protobuf(unknown("v1", "ConfigMap", raw)) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "made", "namespace": "default"},
        "data": {"a": "ü"},
        "binaryData": {"b": "/w=="},
    }


def test_empty_fields_that_go_writes_are_passed_over_and_others_are_not() -> None:
    pod = field(2, field(1, b"c") + field(8, field(1, b"")) + field(18, 0)) + field(11, 0) + field(16, b"")
    job = META + field(2, field(6, field(1, field(8, b"")) + field(2, pod))) + field(3, field(4, 0))
    spec = read_protobuf(unknown("batch/v1", "Job", job))["spec"]
    assert spec == {"template": {"metadata": {}, "spec": {"containers": [{"name": "c"}]}}}
    with pytest.raises(Refused, match=r"field 11 of Job.spec.template.spec .* --dry-run=client"):
        read_protobuf(unknown("batch/v1", "Job", META + field(2, field(6, field(2, pod + field(11, 1))))))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"k8s\0",
        b"k8s\0\xff",
        b"k8s\0" + b"\xff" * 20,
        unknown("v1", "Pod", META),
        unknown("v1", "ConfigMap", field(1, 5)),
        unknown("v1", "ConfigMap", field(1, field(1, b"\xff"))),
        unknown("v1", "ConfigMap", META)[:-8],
        unknown("v1", "Secret", field(2, 7)),
        unknown("v1", "Secret", field(5, b"x")),
    ],
)
def test_what_is_malformed_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        read_protobuf(body)


@given(st.sampled_from(["ConfigMap", "Secret", "Namespace", "ServiceAccount"]), st.binary(max_size=200))
def test_no_bytes_are_a_failure(kind: str, raw: bytes) -> None:
    for body in (raw, b"k8s\0" + raw, unknown("v1", kind, raw)):
        try:
            found: Any = read_protobuf(body)
        except Refused:
            continue
        assert found["kind"] == kind
