"""The sink client against a real HTTPS server whose certificate comes from a CA of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.authority import Authority

from eventing.codec import decode
from eventing.sink import SinkError, sink_from_env
from eventing.testing import build_event

EVENT = build_event("dev.example.happened", {"n": 1}, id_="1")


def test_a_sink_that_a_given_ca_signed_takes_events(receiver: Any, ours: Authority, tmp_path: Path) -> None:
    env = {"K_SINK": ours.serve(receiver.server, tmp_path), "K_CA_CERTS": ours.pem}
    sink_from_env(env, retries=0).send(EVENT)
    ((headers, body),) = receiver.requests
    assert decode(headers, body) == EVENT


def test_several_cas_may_be_given(receiver: Any, ours: Authority, theirs: Authority, tmp_path: Path) -> None:
    env = {"K_SINK": ours.serve(receiver.server, tmp_path), "K_CA_CERTS": f"{theirs.pem}\n{ours.pem}"}
    sink_from_env(env, retries=0).send(EVENT)
    assert len(receiver.requests) == 1


def test_the_systems_cas_are_trusted_too(
    receiver: Any, ours: Authority, theirs: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "system.pem").write_text(ours.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    env = {"K_SINK": ours.serve(receiver.server, tmp_path), "K_CA_CERTS": theirs.pem}
    sink_from_env(env, retries=0).send(EVENT)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("others", [True, False])
def test_a_sink_that_another_ca_signed_gets_nothing_and_the_error_says_why(
    receiver: Any, ours: Authority, theirs: Authority, tmp_path: Path, others: bool
) -> None:
    url = ours.serve(receiver.server, tmp_path)
    sink = sink_from_env({"K_SINK": url, "K_CA_CERTS": theirs.pem if others else ""}, retries=0)
    with pytest.raises(SinkError, match=r"not trusted: .*; trusted are .* those in K_CA_CERTS") as caught:
        sink.send(EVENT)
    assert url in str(caught.value)
    assert (caught.value.final, receiver.requests) == (False, [])  # the event is not at fault


def test_a_certificate_for_another_address_is_refused(receiver: Any, ours: Authority, tmp_path: Path) -> None:
    url = ours.serve(receiver.server, tmp_path, address="127.0.0.2")
    sink = sink_from_env({"K_SINK": url, "K_CA_CERTS": ours.pem}, retries=0)
    with pytest.raises(SinkError, match="not trusted: IP address mismatch"):
        sink.send(EVENT)
    assert receiver.requests == []


@pytest.mark.parametrize("text", ["a CA", "/etc/ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n", "ü"])
def test_cas_that_are_no_pem_are_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="K_CA_CERTS must be the certificates of CAs in PEM"):
        sink_from_env({"K_SINK": "https://127.0.0.1/", "K_CA_CERTS": text})
