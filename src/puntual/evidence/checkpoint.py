"""
Checkpoints of the ledger: C2SP signed notes that say how large it is and what its root is.

Formats: c2sp.org/signed-note and c2sp.org/tlog-checkpoint. What others wrote is read strictly
and never repaired. Signatures are made and judged elsewhere; here they are bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import NoReturn

from puntual.errors import EvidenceError
from puntual.evidence.merkle import MOST, SIZE, Hash

MAX_BYTES = 64 * 1024
"""Largest note that is read."""

MAX_SIGNATURES = 16
ED25519 = 0x01
"""Signature type of c2sp.org/signed-note."""

_DASH = "\u2014 "
_NUMBER = re.compile(r"0|[1-9][0-9]{0,12}")
_NAME = re.compile(r"[!-*,-~]{1,255}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """
    One signature line of a note.

    Attributes:
        name: Of the key.
        key_id: 4 bytes, a hint.
        signature: Over the note's text.
    """

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """
    The ledger at one moment.

    Attributes:
        origin: Which ledger.
        size: How many leaves it has.
        root: Its root.
        signatures: Of whom; none while it is made.
    """

    origin: str
    size: int
    root: Hash
    signatures: tuple[NoteSignature, ...] = ()

    @property
    def text(self) -> bytes:
        """What is signed: three lines."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n".encode()


def key_id(name: str, public: bytes, kind: int = ED25519) -> bytes:
    """
    Return the four bytes that hint at a key: SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4].

    Args:
        name: Of the key; of a ledger's own key it is the origin.
        public: Encoding of the public key that its type asks for; of Ed25519 the raw 32 bytes.
        kind: The type byte.
    """
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def encode(checkpoint: Checkpoint) -> bytes:
    """Return the note: text, blank line, signature lines."""
    lines = "".join(
        f"{_DASH}{s.name} {base64.b64encode(s.key_id + s.signature).decode()}\n"
        for s in checkpoint.signatures
    )
    return checkpoint.text + b"\n" + lines.encode()


def decode(data: bytes) -> Checkpoint:
    """
    Read a note.

    Raises:
        EvidenceError: V4001 it is no checkpoint without extension lines and with 1 to 16
            signatures, or is written otherwise than `encode` writes it.
    """
    if len(data) > MAX_BYTES:
        _refuse(f"{len(data)} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        _refuse("bytes that are not UTF-8")
    if _CONTROL.search(text):
        _refuse("control characters")
    body, blank, signed = text.rpartition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) != 3 or not signed.endswith("\n"):
        _refuse("another form")
    origin, size, root = lines
    if not _NAME.fullmatch(origin) or not _NUMBER.fullmatch(size) or int(size) > MOST:
        _refuse("an origin or a size of another form")
    found = Checkpoint(
        origin=origin,
        size=int(size),
        root=_root(root),
        signatures=tuple(_signature(line) for line in signed[:-1].split("\n")),
    )
    if len(found.signatures) > MAX_SIGNATURES or encode(found) != data:
        _refuse("another spelling of the same, or too many signatures")
    return found


def hash_of(text: str) -> Hash | None:
    """Return the hash that a text in Base64 stands for; None if it stands for none."""
    data = _base64(text)
    return data if data is not None and len(data) == SIZE else None


def _root(text: str) -> Hash:
    root = hash_of(text)
    return root if root is not None else _refuse("a root that is no SHA-256 in Base64")


def _signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    data = _base64(encoded)
    if not line.startswith(_DASH) or not space or not _NAME.fullmatch(name):
        _refuse("a signature line of another form")
    if data is None or len(data) < 5:
        _refuse("a signature that is no Base64")
    return NoteSignature(name=name, key_id=data[:4], signature=data[4:])


def _base64(text: str) -> bytes | None:
    """Decode Base64 that has one spelling only: padded, no other characters, no spare bits."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def _refuse(observed: str) -> NoReturn:
    raise EvidenceError(
        "V4001",
        "these bytes are no checkpoint",
        expected="a signed note of c2sp.org/tlog-checkpoint: origin, size, root, signatures",
        observed=observed,
        next_step="compare the file with the copy that was delivered",
    )
