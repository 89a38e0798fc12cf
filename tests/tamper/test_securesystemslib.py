"""Envelopes that another implementation of DSSE reads and verifies as they are."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tamper.bank import VERIFIER, bank

from puntual.evidence import dsse
from puntual.evidence.trust import ED25519_PREFIX, Role, fingerprint
from puntual.evidence.trust_keys import verifies

if find_spec("securesystemslib") is None and not os.environ.get("CI"):
    pytest.skip("securesystemslib is not installed", allow_module_level=True)

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'


def test_a_statement_is_verified_by_securesystemslib_and_an_altered_one_is_not(
    tmp_path: Path,
) -> None:
    made = bank(tmp_path / "bank", approvers=1)
    files = made.attest(1)
    made.approve(files, "person-0")
    data = made.packed(files)["statement.dsse.json"]
    keys = [
        SSlibKey(
            key.keyid,
            "ed25519",
            "ed25519",
            {"public": key.public.removeprefix(ED25519_PREFIX).hex()},
        )
        for role in (Role.PIPELINE, Role.APPROVER)
        for key in made.trust.of(role, made.ledger().size)
    ]
    envelope = Envelope.from_dict(json.loads(data))
    assert envelope.pae() == dsse.decode(data, dsse.STATEMENT).pae
    assert sorted(envelope.verify(keys, 2)) == sorted(key.keyid for key in keys)
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify(keys, 1)


def der(key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    """Return a public key as the trust file has it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, form)


def test_a_signature_on_p256_in_kms_form_is_verified_by_securesystemslib() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    public = der(private.public_key())
    sig = private.sign(dsse.pae(dsse.STATEMENT, PAYLOAD), ec.ECDSA(hashes.SHA256()))
    signed = dsse.Signature(keyid=fingerprint(public), sig=sig)
    data = dsse.encode(dsse.Envelope(payload=PAYLOAD, kind=dsse.STATEMENT, signatures=(signed,)))
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = SSlibKey(fingerprint(public), "ecdsa", "ecdsa-sha2-nistp256", {"public": pem.decode()})
    envelope = Envelope.from_dict(json.loads(data))
    assert list(envelope.verify([key], 1)) == [fingerprint(public)]
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([key], 1)


@pytest.mark.parametrize(
    "private",
    [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())],
    ids=["Ed25519", "P-256"],
)
def test_what_securesystemslib_signs_is_verified_here_by_both(
    private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    theirs = Envelope(PAYLOAD, dsse.STATEMENT, {})
    theirs.sign(CryptoSigner(private))
    (signature,) = theirs.signatures.values()
    public = der(private.public_key())
    sig = dsse.Signature(keyid=fingerprint(public), sig=bytes.fromhex(signature.signature))
    data = dsse.encode(dsse.Envelope(payload=PAYLOAD, kind=dsse.STATEMENT, signatures=(sig,)))
    ours = dsse.decode(data, dsse.STATEMENT)
    payload, pae, ((keyid, found),) = VERIFIER.envelope(data, dsse.STATEMENT)
    assert (payload, pae, keyid, found) == (PAYLOAD, ours.pae, fingerprint(public), sig.sig)
    for verified in (verifies, VERIFIER.signed_by):
        assert verified(public, ours.pae, sig.sig)
        assert not verified(public, ours.pae + b" ", sig.sig)
