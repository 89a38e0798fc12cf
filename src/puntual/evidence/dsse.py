"""
DSSE envelopes: exact bytes, their type, and signatures over both (DSSE protocol, version 1).

Signatures are made and judged elsewhere; a `keyid` is a hint that nobody authenticates.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from puntual.evidence import canonical, shape

MAX_SIGNATURES = 16
STATEMENT = "application/vnd.in-toto+json"
"""Payload type of an in-toto statement."""

_ENVELOPE = frozenset({"payload", "payloadType", "signatures"})
_SIGNATURE = frozenset({"keyid", "sig"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Bytes of a signature, and the key that is said to have made it."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """
    Signed bytes.

    Attributes:
        payload: The bytes.
        kind: Their type, which is signed as well.
        signatures: Over `pae`; the order has no meaning.
    """

    payload: bytes
    kind: str
    signatures: tuple[Signature, ...] = ()

    @property
    def pae(self) -> bytes:
        """The pre-authentication encoding, which is what is signed."""
        return pae(self.kind, self.payload)


def pae(kind: str, payload: bytes) -> bytes:
    """Return `DSSEv1 LEN(type) type LEN(payload) payload`, with lengths in decimal."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def encode(envelope: Envelope) -> bytes:
    """Return the envelope as canonical JSON, its signatures sorted."""
    ordered = sorted(envelope.signatures, key=lambda s: (s.keyid, s.sig))
    return canonical.encode(
        {
            "payload": base64.b64encode(envelope.payload).decode(),
            "payloadType": envelope.kind,
            "signatures": [
                {"keyid": s.keyid, "sig": base64.b64encode(s.sig).decode()} for s in ordered
            ],
        }
    )


def decode(data: bytes, kind: str) -> Envelope:
    """
    Read an envelope of a type.

    Raises:
        EvidenceError: V2001 not canonical; V2002 no envelope of this type, or not in the form
            that `encode` gives it.
    """
    found = shape.record(canonical.decode(data), _ENVELOPE, "$")
    if found["payloadType"] != kind:
        shape.refuse("$.payloadType", kind, "another type")
    envelope = Envelope(
        payload=shape.base64_of(found["payload"], "$.payload"),
        kind=kind,
        signatures=shape.items(found["signatures"], _signature, "$.signatures"),
    )
    if len(envelope.signatures) > MAX_SIGNATURES:
        shape.refuse("$.signatures", f"at most {MAX_SIGNATURES}", str(len(envelope.signatures)))
    if encode(envelope) != data:
        shape.refuse("$.signatures", "sorted by key", "another order")
    return envelope


def _signature(value: object, where: str) -> Signature:
    found = shape.record(value, _SIGNATURE, where)
    return Signature(
        keyid=shape.digest(found["keyid"], f"{where}.keyid"),
        sig=shape.base64_of(found["sig"], f"{where}.sig"),
    )
