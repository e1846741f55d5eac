"""A certificate authority of our own, for tests of clients that verify an https sink."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """A CA that nobody knows yet."""

    def __init__(self, name: str) -> None:
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._own = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.pem = self._own.public_bytes(serialization.Encoding.PEM).decode()

    def serve(self, server: ThreadingHTTPServer, folder: Path, address: str = "127.0.0.1") -> str:
        """Make a server speak TLS with a certificate for `address`; return its URL."""
        server.socket = self.context(folder, address).wrap_socket(server.socket, server_side=True)
        return f"https://127.0.0.1:{server.server_address[1]}/default"

    def context(self, folder: Path, address: str = "127.0.0.1") -> ssl.SSLContext:
        """Return what a server speaks TLS with, by a certificate for `address`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink")])
        own = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = self._signed(name, key, own)
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / "sink.pem").write_bytes(secret + certificate.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "sink.pem")
        return context

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
