"""The addresses of objects, as a process on this machine can resolve them."""

from __future__ import annotations

import pytest

from knative.local.addresses import Addresses


@pytest.mark.parametrize(
    ("uri", "reachable"),
    [
        ("http://a.ns.svc.cluster.local", "http://127.0.0.1:80/-/services/ns/a"),
        ("http://t-a.ns.svc/x?y=1", "http://127.0.0.1:80/-/services/ns/t-a/x?y=1"),
        ("http://broker-ingress.knative-eventing.svc.cluster.local/ns/b", "http://127.0.0.1:80/ns/b"),
        ("http://job-sink.knative-eventing.svc.cluster.local/ns/j", "http://127.0.0.1:80/-/jobsinks/ns/j"),
        ("http://example.org/x", "http://example.org/x"),
    ],
)
def test_a_process_is_told_what_it_can_resolve(uri: str, reachable: str) -> None:
    assert Addresses(80).reachable(uri) == reachable


def test_a_destination_s_uri_lies_below_its_object() -> None:
    addresses = Addresses(80)
    ref = {"kind": "Service", "name": "ledger"}
    assert (
        addresses.destination({"ref": ref, "uri": "/dead?x=1"}, "ns")
        == "http://127.0.0.1:80/-/services/ns/ledger/dead?x=1"
    )
    assert (
        addresses.destination({"ref": {**ref, "namespace": "o"}}, "ns")
        == "http://127.0.0.1:80/-/services/o/ledger"
    )
    assert addresses.destination({"uri": "http://a/b"}, "ns") == "http://a/b"
    with pytest.raises(LookupError):
        addresses.of("Deployment", "ns", "a")
