"""
The trust file: whose signatures count, in which role, for which part of the ledger.

It is a DSSE envelope signed by a root key, whose fingerprint is handed over on paper. A key
counts in a window of positions: a statement's position is the index of its leaf, that of a
checkpoint is its size. What a key signed inside its window counts for ever, even after it was
rotated; nothing that it signs after it does.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from puntual.evidence import canonical, dsse, shape
from puntual.evidence.checkpoint import Checkpoint, NoteSignature
from puntual.evidence.dsse import Envelope, Signature
from puntual.model.manifest import Digest

SCHEMA = "puntual/trust/1"
KIND = "application/vnd.puntual.trust+json"
COMPLETENESS = ("emergency", "full", "partial")
MAX_KEYS = 1000

Verifier = Callable[[bytes, bytes, bytes], bool]
"""(public key as SubjectPublicKeyInfo, data, signature) → whether it is a signature of it."""

_TRUST = frozenset({"schema", "origin", "version", "root", "keys", "thresholds"})
_KEY = frozenset({"keyid", "name", "role", "public", "since", "until", "why"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_ORIGIN = re.compile(r"[!-*,-~]{1,255}")


class Role(StrEnum):
    """What a key may sign."""

    PIPELINE = "pipeline"
    APPROVER = "approver"
    LOG = "log"


SIGNERS = (Role.APPROVER, Role.PIPELINE)
"""Roles whose signatures a statement needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """
    A key and what it counts for.

    Attributes:
        name: Whose it is.
        role: What it may sign.
        public: SubjectPublicKeyInfo, DER.
        since: First position for which it counts.
        until: First position for which it does not any more; None: still.
        why: Why it ended; "" while it counts.
    """

    name: str
    role: Role
    public: bytes
    since: int = 0
    until: int | None = None
    why: str = ""

    @property
    def keyid(self) -> str:
        """The SHA-256 of its public key."""
        return fingerprint(self.public)

    def counts(self, position: int) -> bool:
        """Say whether it counts for a position of the ledger."""
        return self.since <= position and (self.until is None or position < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """
    How many must sign, for statements from a position on.

    Attributes:
        since: First position.
        needed: Completeness → role → how many different keys and names.
    """

    since: int = 0
    needed: Mapping[str, Mapping[Role, int]] = field(default_factory=dict)

    def of(self, completeness: str) -> Mapping[Role, int]:
        """Return how many must have signed; a pipeline's key always is one of them."""
        asked = self.needed.get(completeness, {})
        return {role: asked.get(role, int(role is Role.PIPELINE)) for role in SIGNERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """
    A version of the trust file.

    Attributes:
        origin: Of the ledger it is about.
        version: 1, 2, 3 …
        root: Public key that signs it.
        keys: Every key that ever counted.
        thresholds: By position, ascending, from 0 on; what was sent before one was raised
            goes on being judged by those before.
    """

    origin: str
    version: int
    root: bytes
    keys: tuple[TrustedKey, ...]
    thresholds: tuple[Thresholds, ...] = (Thresholds(),)

    def of(self, role: Role, position: int) -> tuple[TrustedKey, ...]:
        """Return the keys that count in a role for a position."""
        return tuple(k for k in self.keys if k.role is role and k.counts(position))

    def needed(self, completeness: str, position: int) -> Mapping[Role, int]:
        """Return how many must have signed a statement at a position."""
        asked = [t for t in self.thresholds if t.since <= position]
        return (asked[-1] if asked else Thresholds()).of(completeness)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """
    What the signatures of an envelope come to.

    Attributes:
        names: Role → names whose signature holds and counts.
        wrong: Names of known keys whose signature does not hold.
        ended: Names of keys that do not count for this position.
    """

    names: Mapping[Role, frozenset[str]]
    wrong: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


def first(name: str, root: bytes, log: bytes, pipeline: bytes) -> Trust:
    """
    Return the trust that a ledger begins with: one key for each role that a run needs.

    Args:
        name: Of the project; with the log's fingerprint it becomes the ledger's origin.
        root: Public key that signs trust files.
        log: Public key that signs checkpoints.
        pipeline: Public key that signs statements.
    """
    words = re.sub(r"[^A-Za-z0-9._-]", "-", name) or "project"
    return Trust(
        origin=f"puntual/{words}/{fingerprint(log)[:8]}",
        version=1,
        root=root,
        keys=(
            TrustedKey(name="log", role=Role.LOG, public=log),
            TrustedKey(name="pipeline", role=Role.PIPELINE, public=pipeline),
        ),
    )


def fingerprint(public: bytes) -> Digest:
    """Return what names a public key: `openssl pkey -pubin -outform DER | sha256sum`."""
    return hashlib.sha256(public).hexdigest()


def encode(trust: Trust) -> bytes:
    """
    Return the canonical bytes of a trust file, which the root signs.

    Raises:
        EvidenceError: V2001 a text has no canonical form.
    """
    return canonical.encode(
        {
            "schema": SCHEMA,
            "origin": trust.origin,
            "version": str(trust.version),
            "root": base64.b64encode(trust.root).decode(),
            "keys": [_key_value(k) for k in sorted(trust.keys, key=lambda k: k.keyid)],
            "thresholds": [_threshold_value(t) for t in trust.thresholds],
        }
    )


def decode(data: bytes) -> Trust:
    """
    Read a trust file's payload; that the root signed it is `opened`'s question.

    Raises:
        EvidenceError: V2001, V2002.
    """
    found = shape.record(canonical.decode(data), _TRUST, "$")
    if found["schema"] != SCHEMA:
        shape.refuse("$.schema", SCHEMA, "another format")
    asked = shape.items(found["thresholds"], _read_thresholds, "$.thresholds")
    positions = [t.since for t in asked]
    if positions[:1] != [0] or positions != sorted(positions):
        shape.refuse("$.thresholds", "ascending, from position 0 on", "another list")
    trust = Trust(
        origin=_matched(_ORIGIN, found["origin"], "$.origin"),
        version=shape.count(found["version"], "$.version"),
        root=_public(found["root"], "$.root"),
        keys=shape.items(found["keys"], _read_key, "$.keys"),
        thresholds=asked,
    )
    if len({k.keyid for k in trust.keys}) != len(trust.keys) or len(trust.keys) > MAX_KEYS:
        shape.refuse("$.keys", f"each key once, at most {MAX_KEYS}", "a key twice, or more")
    if len({k.name for k in trust.keys}) != len({(k.name, k.role) for k in trust.keys}):
        # Thresholds count names in each role: one name in two would check what it has made.
        shape.refuse("$.keys", "the keys of a name in one role", "a name in two roles")
    if encode(trust) != data:
        shape.refuse("$.keys", "keys sorted by keyid", "another order")
    return trust


def opened(data: bytes, verifies: Verifier) -> Trust:
    """
    Read a trust file and see that the root key that it names has signed it.

    Whether that is the right root key is the caller's question.

    Raises:
        EvidenceError: V2001, V2002 it is no trust file, or its root has not signed it.
    """
    envelope = dsse.decode(data, KIND)
    trust = decode(envelope.payload)
    if not any(verifies(trust.root, envelope.pae, s.sig) for s in envelope.signatures):
        shape.refuse("$.signatures", "a signature of the root key", "none that holds")
    return trust


def vouched(trust: Trust, envelope: Envelope, position: int, verifies: Verifier) -> Vouched:
    """
    Say who vouches for an envelope at a position; signatures of unknown keys are ignored.

    A `keyid` chooses which key is tried and decides nothing.
    """
    names: dict[Role, set[str]] = {role: set() for role in SIGNERS}
    wrong, ended = [], []
    known = {k.keyid: k for k in trust.keys if k.role in SIGNERS}
    for signature in envelope.signatures:
        key = known.get(signature.keyid)
        if key is None:
            continue
        if not verifies(key.public, envelope.pae, signature.sig):
            wrong.append(key.name)
        elif not key.counts(position):
            ended.append(key.name)
        else:
            names[key.role].add(key.name)
    return Vouched(
        names={r: frozenset(n) for r, n in names.items()}, wrong=tuple(wrong), ended=tuple(ended)
    )


def of_log(trust: Trust, checkpoint: Checkpoint, verifies: Verifier) -> tuple[str, ...]:
    """
    Return the names of the log's keys that signed a checkpoint; none if one of them is wrong.

    Lines of unknown keys are ignored, as c2sp.org/signed-note asks. A line whose four bytes are
    those of two keys names both, and holds for one of them at most.
    """
    found: list[str] = []
    known = trust.of(Role.LOG, checkpoint.size)
    for line in checkpoint.signatures:
        for key in known:
            if note_id(key, trust.origin) != (line.name, line.key_id):
                continue
            if not verifies(key.public, checkpoint.text, line.signature):
                return ()
            found.append(key.name)
    return tuple(found)


ED25519_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410)."""

P256_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
"""What stands before the 64 bytes of a point, uncompressed, of a P-256 key (RFC 5480)."""

_SIZES = {len(ED25519_PREFIX) + 32: ED25519_PREFIX, len(P256_PREFIX) + 64: P256_PREFIX}


def note_id(key: TrustedKey, origin: str) -> tuple[str, bytes]:
    """
    Return name and key id of a log's key in a signature line; its name is the origin.

    Ed25519 is type 0x01; ECDSA is type 0x02, whose id is the truncated SHA-256 of the key.
    """
    if key.public.startswith(ED25519_PREFIX):
        raw = key.public[len(ED25519_PREFIX) :]
        return origin, hashlib.sha256(origin.encode() + b"\n\x01" + raw).digest()[:4]
    return origin, hashlib.sha256(key.public).digest()[:4]


def note_line(key: TrustedKey, origin: str, signature: bytes) -> NoteSignature:
    """Return the signature line of a log's key."""
    name, hint = note_id(key, origin)
    return NoteSignature(name=name, key_id=hint, signature=signature)


def signed(payload: bytes, signatures: Iterable[Signature]) -> bytes:
    """Return a trust file: its payload in an envelope with signatures over it."""
    return dsse.encode(Envelope(payload=payload, kind=KIND, signatures=tuple(signatures)))


def _key_value(key: TrustedKey) -> dict[str, object]:
    return {
        "keyid": key.keyid,
        "name": key.name,
        "role": key.role.value,
        "public": base64.b64encode(key.public).decode(),
        "since": str(key.since),
        "until": None if key.until is None else str(key.until),
        "why": key.why,
    }


def _read_key(value: object, where: str) -> TrustedKey:
    found = shape.record(value, _KEY, where)
    role = shape.text(found["role"], f"{where}.role")
    if role not in {r.value for r in Role}:
        shape.refuse(f"{where}.role", "pipeline, approver or log", "another role")
    until = found["until"]
    key = TrustedKey(
        name=_matched(_NAME, found["name"], f"{where}.name"),
        role=Role(role),
        public=_public(found["public"], f"{where}.public"),
        since=shape.count(found["since"], f"{where}.since"),
        until=None if until is None else shape.count(until, f"{where}.until"),
        why=shape.text(found["why"], f"{where}.why"),
    )
    if key.keyid != found["keyid"]:
        shape.refuse(f"{where}.keyid", key.keyid, "another digest")
    return key


def _threshold_value(asked: Thresholds) -> dict[str, object]:
    needed = {c: {r.value: str(n) for r, n in asked.of(c).items()} for c in COMPLETENESS}
    return {"since": str(asked.since), **needed}


def _read_thresholds(value: object, where: str) -> Thresholds:
    found = shape.record(value, frozenset((*COMPLETENESS, "since")), where)
    return Thresholds(
        since=shape.count(found["since"], f"{where}.since"),
        needed={c: _read_threshold(found[c], f"{where}.{c}") for c in COMPLETENESS},
    )


def _read_threshold(value: object, where: str) -> Mapping[Role, int]:
    found = shape.record(value, frozenset(r.value for r in SIGNERS), where)
    asked = {role: shape.count(found[role.value], f"{where}.{role}") for role in SIGNERS}
    if asked[Role.PIPELINE] < 1:
        shape.refuse(where, "at least one pipeline key", "none")
    return asked


def _public(value: object, where: str) -> bytes:
    data = shape.base64_of(value, where, "a public key in Base64")
    prefix = _SIZES.get(len(data))
    if prefix is None or not data.startswith(prefix):
        # A key of another kind verifies nothing, and what its hint would be nobody has said.
        shape.refuse(where, "a public key, Ed25519 or P-256, in Base64", "another text")
    return data


def _matched(pattern: re.Pattern[str], value: object, where: str) -> str:
    text = shape.text(value, where)
    if pattern.fullmatch(text) is None:
        shape.refuse(where, f"a text of the form {pattern.pattern}", "another text")
    return text
