"""Validates the certificate of an HTTPS sink: by the system's CAs, and those in Knative's `K_CA_CERTS`."""

from __future__ import annotations

import ssl


def trusting(ca_certs: str | None) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's CAs and, if given, those of a PEM text.

    Raises:
        ValueError: the text is no PEM of certificates.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_certs:
        try:
            context.load_verify_locations(cadata=ca_certs)
        except (ssl.SSLError, TypeError) as error:
            raise ValueError(f"K_CA_CERTS must be the certificates of CAs in PEM: {error}") from error
    return context


def distrust(error: ssl.SSLCertVerificationError) -> str:
    """Say why a certificate was not valid."""
    return f"not trusted: {error.verify_message}; trusted are the system's CAs and those in K_CA_CERTS"
