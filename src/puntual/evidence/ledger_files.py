"""
What a delivery carries of the ledger and of its signatures: names and forms of those files.

They are no part of the statement, which they prove; whatever else lies in a package is named
by it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from puntual.evidence import canonical, shape
from puntual.evidence.checkpoint import hash_of
from puntual.evidence.merkle import MOST, Hash

ENVELOPE = "statement.dsse.json"
PROOF = "statement.tlog-proof"
LEAF = "leaf.json"
CONSISTENCY = "consistency.json"
TRUST = "trust.json"
STAMP = "timestamp.tsr"
MANIFESTS = "manifests.json.gz"

NEEDED = frozenset({ENVELOPE, PROOF, LEAF, CONSISTENCY, TRUST, MANIFESTS})
ADDED = NEEDED | {STAMP}
"""Files that the statement does not name."""

SCHEMA = "puntual/consistency/1"
MAX_PROOFS = 64

_CONSISTENCY = frozenset({"schema", "origin", "size", "root", "proofs"})
_EARLIER = frozenset({"size", "root", "hashes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier tree, and the proof that the later one begins with it."""

    size: int
    root: Hash
    path: tuple[Hash, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """
    That a tree extends earlier ones.

    Attributes:
        origin: Of the ledger.
        size: Of the later tree.
        root: Of the later tree.
        earlier: By size, ascending.
    """

    origin: str
    size: int
    root: Hash
    earlier: tuple[Earlier, ...]


def encode(found: Consistency) -> bytes:
    """Return the file's canonical bytes."""
    return canonical.encode(
        {
            "schema": SCHEMA,
            "origin": found.origin,
            "size": str(found.size),
            "root": _text(found.root),
            "proofs": [
                {"size": str(e.size), "root": _text(e.root), "hashes": [_text(h) for h in e.path]}
                for e in found.earlier
            ],
        }
    )


def decode(data: bytes) -> Consistency:
    """
    Read the file; whether its proofs hold is the verifier's question.

    Raises:
        EvidenceError: V2001, V2002.
    """
    found = shape.record(canonical.decode(data), _CONSISTENCY, "$")
    if found["schema"] != SCHEMA:
        shape.refuse("$.schema", SCHEMA, "another format")
    earlier = shape.items(found["proofs"], _earlier, "$.proofs")
    sizes = [e.size for e in earlier]
    if sizes != sorted({*sizes} - {0}) or len(sizes) > MAX_PROOFS:
        shape.refuse(
            "$.proofs", f"at most {MAX_PROOFS}, by size from 1 on, each once", "another list"
        )
    size = _size(found["size"], "$.size")
    if sizes and sizes[-1] > size:
        shape.refuse("$.proofs", "trees of at most the size that is proven", "a larger one")
    return Consistency(
        origin=shape.text(found["origin"], "$.origin"),
        size=size,
        root=_hash(found["root"], "$.root"),
        earlier=earlier,
    )


def _earlier(value: object, where: str) -> Earlier:
    found = shape.record(value, _EARLIER, where)
    return Earlier(
        size=_size(found["size"], f"{where}.size"),
        root=_hash(found["root"], f"{where}.root"),
        path=shape.items(found["hashes"], _hash, f"{where}.hashes"),
    )


def _size(value: object, where: str) -> int:
    size = shape.count(value, where)
    if size > MOST:
        shape.refuse(where, f"at most {MOST}", "more")
    return size


def _hash(value: object, where: str) -> Hash:
    found = hash_of(shape.text(value, where))
    if found is None:
        shape.refuse(where, "a SHA-256 in Base64", "another text")
    return found


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    What a verifier remembers of a ledger.

    Attributes:
        root: Fingerprint of the root key.
        trust: The newest trust file seen, as it was read.
        checkpoints: Size → root of every tree that was accepted.
        proven: Size → root of every tree that an accepted package has proven to be the beginning
            of its own.
        reports: Report → index of the newest entry of it that was accepted.
    """

    root: str
    trust: bytes
    checkpoints: Mapping[int, Hash]
    proven: Mapping[int, Hash] = field(default_factory=dict)
    reports: Mapping[str, int] = field(default_factory=dict)


MEMORY = "puntual/verifier/1"
_HELD = frozenset({"root", "trust", "checkpoints", "proven", "reports"})


def encode_memory(held: Mapping[str, Held]) -> bytes:
    """Return a verifier's memory, by origin, as canonical bytes."""
    return canonical.encode(
        {
            "schema": MEMORY,
            "ledgers": {
                origin: {
                    "root": one.root,
                    "trust": _text(one.trust),
                    "checkpoints": _trees(one.checkpoints),
                    "proven": _trees(one.proven),
                    "reports": {name: str(index) for name, index in one.reports.items()},
                }
                for origin, one in held.items()
            },
        }
    )


def _trees(roots: Mapping[int, Hash]) -> list[dict[str, str]]:
    return [{"size": str(size), "root": _text(roots[size])} for size in sorted(roots)]


def decode_memory(data: bytes) -> dict[str, Held]:
    """
    Read a verifier's memory.

    Raises:
        EvidenceError: V2001, V2002.
    """
    found = shape.record(canonical.decode(data), frozenset({"schema", "ledgers"}), "$")
    if found["schema"] != MEMORY:
        shape.refuse("$.schema", MEMORY, "another format")
    return shape.mapping_of(found["ledgers"], _held, "$.ledgers")


def _held(value: object, where: str) -> Held:
    found = shape.record(value, _HELD, where)
    data = shape.base64_of(found["trust"], f"{where}.trust")
    if not data:
        shape.refuse(f"{where}.trust", "a trust file, as it was read", "nothing")
    return Held(
        root=shape.digest(found["root"], f"{where}.root"),
        trust=data,
        checkpoints=_seen_trees(found["checkpoints"], f"{where}.checkpoints"),
        proven=_seen_trees(found["proven"], f"{where}.proven"),
        reports=shape.mapping_of(found["reports"], _index, f"{where}.reports"),
    )


def _index(value: object, where: str) -> int:
    """Read an index as a proof of inclusion writes it: at most 13 digits."""
    index = shape.count(value, where)
    if index >= 10**13:
        shape.refuse(where, "at most 13 digits", "more")
    return index


def _seen_trees(value: object, where: str) -> dict[int, Hash]:
    found = shape.items(value, _seen, where)
    sizes = [size for size, _ in found]
    if sizes != sorted({*sizes} - {0}):
        shape.refuse(where, "trees by size from 1 on, each once", "another list")
    return dict(found)


def _seen(value: object, where: str) -> tuple[int, Hash]:
    found = shape.record(value, frozenset({"size", "root"}), where)
    return _size(found["size"], f"{where}.size"), _hash(found["root"], f"{where}.root")
