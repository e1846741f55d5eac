"""The sink client against a real HTTPS server whose certificate comes from a CA of our own."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from eventing.codec import decode
from eventing.sink import Sink, SinkError
from eventing.testing import build_event

EVENT = build_event("dev.example.happened", {"n": 1}, id_="1")


class Authority:
    """A CA that nobody knows yet."""

    def __init__(self, name: str) -> None:
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._own = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.pem = self._own.public_bytes(serialization.Encoding.PEM).decode()

    def serve(self, receiver: Any, folder: Path, address: str = "127.0.0.1") -> str:
        """Make the receiver speak TLS with a certificate for `address`; return its URL."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink")])
        own = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = self._signed(name, key, own)
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / "sink.pem").write_bytes(secret + certificate.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "sink.pem")
        receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
        return f"https://127.0.0.1:{receiver.server.server_address[1]}/default"

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(extension, critical=False).add_extension(issuer, critical=False)
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture(scope="module")
def ours() -> Authority:
    return Authority("ours")


@pytest.fixture(scope="module")
def theirs() -> Authority:
    return Authority("theirs")


def test_a_sink_that_a_given_ca_signed_takes_events(receiver: Any, ours: Authority, tmp_path: Path) -> None:
    env = {"K_SINK": ours.serve(receiver, tmp_path), "K_CA_CERTS": ours.pem}
    Sink.from_env(env, retries=0).send(EVENT)
    ((headers, body),) = receiver.requests
    assert decode(headers, body) == EVENT


def test_several_cas_may_be_given(receiver: Any, ours: Authority, theirs: Authority, tmp_path: Path) -> None:
    env = {"K_SINK": ours.serve(receiver, tmp_path), "K_CA_CERTS": f"{theirs.pem}\n{ours.pem}"}
    Sink.from_env(env, retries=0).send(EVENT)
    assert len(receiver.requests) == 1


def test_the_systems_cas_are_trusted_too(
    receiver: Any, ours: Authority, theirs: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "system.pem").write_text(ours.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    env = {"K_SINK": ours.serve(receiver, tmp_path), "K_CA_CERTS": theirs.pem}
    Sink.from_env(env, retries=0).send(EVENT)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("others", [True, False])
def test_a_sink_that_another_ca_signed_gets_nothing_and_the_error_says_why(
    receiver: Any, ours: Authority, theirs: Authority, tmp_path: Path, others: bool
) -> None:
    url = ours.serve(receiver, tmp_path)
    sink = Sink.from_env({"K_SINK": url, "K_CA_CERTS": theirs.pem if others else ""}, retries=0)
    with pytest.raises(SinkError, match=r"not trusted: .*; trusted are .* those in K_CA_CERTS") as caught:
        sink.send(EVENT)
    assert url in str(caught.value)
    assert (caught.value.final, receiver.requests) == (False, [])  # the event is not at fault


def test_a_certificate_for_another_address_is_refused(receiver: Any, ours: Authority, tmp_path: Path) -> None:
    url = ours.serve(receiver, tmp_path, address="127.0.0.2")
    sink = Sink.from_env({"K_SINK": url, "K_CA_CERTS": ours.pem}, retries=0)
    with pytest.raises(SinkError, match="not trusted: IP address mismatch"):
        sink.send(EVENT)
    assert receiver.requests == []


@pytest.mark.parametrize("text", ["a CA", "/etc/ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n", "ü"])
def test_cas_that_are_no_pem_are_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="K_CA_CERTS must be the certificates of CAs in PEM"):
        Sink.from_env({"K_SINK": "https://127.0.0.1/", "K_CA_CERTS": text})
