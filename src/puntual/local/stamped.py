"""Time stamp tokens examined by `rfc3161-client`, which is an extra (`puntual[timestamp]`)."""

from __future__ import annotations

from datetime import datetime

from cryptography.x509 import load_pem_x509_certificates
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response


class UnreadError(Exception):
    """A token that another program may read."""


def stamped_at(token: bytes, data: bytes, certificates: bytes) -> datetime | None:
    """
    Return the time before which some bytes existed, by an authority's token; None if none holds.

    Args:
        token: The response of the authority (RFC 3161), DER.
        data: What was stamped.
        certificates: Of the authority, PEM; those that sign themselves are its roots.

    Raises:
        UnreadError: The token cannot be read. Some authorities do not order its certificates as
            DER asks; `openssl` reads such a token, and this library does not (`evidence.md` 4.6).
    """
    try:
        response = decode_timestamp_response(token)
    except ValueError as exc:
        raise UnreadError from exc
    try:
        builder = VerifierBuilder()
        for certificate in load_pem_x509_certificates(certificates):
            if certificate.issuer == certificate.subject:
                builder = builder.add_root_certificate(certificate)
            else:
                builder = builder.add_intermediate_certificate(certificate)
        holds = builder.build().verify_message(response, data)
    except (VerificationError, ValueError):
        return None
    return response.tst_info.gen_time if holds else None
