"""
What must hold of the ledger whatever was done to a run: I7 of `failures.md` 7.

Trees and paths are made here by RFC 6962 §2.1, from the entries as they lie on the disk; nothing
of the program that is judged is used.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

Seen = dict[int, bytes]
"""Size of a tree → the signed note of it, as somebody saw it once."""


def checkpoints(root: Path) -> Seen:
    """Return every signed note that lies in the ledger now; a name still being given is none."""
    folder = root / ".puntual/ledger/checkpoints"
    names = [p for p in folder.iterdir() if p.name.isdigit()] if folder.is_dir() else []
    return {int(p.name): p.read_bytes() for p in names}


def forgotten(before: Seen, now: Seen) -> Iterator[str]:
    """Yield what somebody saw signed and is not so any more: gone, or another tree."""
    for size, note in sorted(before.items()):
        if now.get(size) != note:
            yield f"I7 checkpoint {size} is {'gone' if size not in now else 'another one'}"


def losses(root: Path, day: str, before: Seen) -> Iterator[str]:
    """
    Yield what is wrong with the ledger once a run has succeeded.

    Args:
        root: Where.
        day: The reference date that was delivered.
        before: The notes that were signed before the run that was disturbed.
    """
    entries, wrong = _entries(root)
    if wrong:
        yield wrong
        return
    leaves = [sha256(b"\0" + entry).digest() for entry in entries]
    now = checkpoints(root)
    yield from forgotten(before, now)
    keys = tuple(_log_keys(root))
    for size, note in sorted(now.items()):
        if size > len(leaves):
            yield f"I7 checkpoint {size} is of more entries than there are, {len(leaves)}"
        elif not _signs(note, size, tree(leaves[:size]), keys):
            yield f"I7 checkpoint {size} is not a signed note of the entries below it"
    if max(now, default=0) != len(leaves):
        yield f"I7 {len(leaves)} entries, and the newest checkpoint is {max(now, default=0)}"
    if (root / "ledger.checkpoint").read_bytes() != now.get(len(leaves)):
        yield "I7 the checkpoint that is kept apart is not the newest"
    for package in sorted((root / "evidence").iterdir()):
        yield from (f"I7 {package.name}: {w}" for w in _package(package, entries, leaves, now))
    told = Counter(
        (entry["step"], entry["event"])
        for entry in map(json.loads, entries)
        if entry["reference_date"] == day and entry["event"] in ("attest", "deliver")
    )
    if sorted(told.values()) != [1, 1]:
        yield f"I7 the ledger tells of the delivery {dict(told)}"


def tree(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaves (RFC 6962 §2.1)."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return sha256(b"\1" + tree(leaves[:k]) + tree(leaves[k:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return what proves that a leaf is in a tree (RFC 6962 §2.1.1)."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), tree(leaves[k:])]
    return [*path(index - k, leaves[k:]), tree(leaves[:k])]


def grown(size: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """Return what proves that a tree has grown out of a smaller one (RFC 6962 §2.1.2)."""
    if size == len(leaves):
        return [] if whole else [tree(leaves)]
    k = _split(len(leaves))
    if size <= k:
        return [*grown(size, leaves[:k], whole=whole), tree(leaves[k:])]
    return [*grown(size - k, leaves[k:], whole=False), tree(leaves[:k])]


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def _entries(root: Path) -> tuple[list[bytes], str]:
    """Return every entry in its order; or what is wrong with the files that hold them."""
    found: list[bytes] = []
    folder = root / ".puntual/ledger/entries"
    for file in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        data = file.read_bytes()
        if int(file.stem) != len(found):
            return [], f"I7 {file.name} begins after {len(found)} entries"
        if not data.endswith(b"\n"):
            return [], f"I7 {file.name} ends in the middle of an entry"
        found += data.splitlines()
    return found, "" if found else "I7 there is no entry in the ledger"


def _log_keys(root: Path) -> Iterator[Ed25519PublicKey]:
    for file in (root / ".puntual/keys").glob("trust.*.json"):
        trust = json.loads(b64decode(json.loads(file.read_bytes())["payload"]))
        for key in trust["keys"]:
            public = load_der_public_key(b64decode(key["public"]))
            if key["role"] == "log" and isinstance(public, Ed25519PublicKey):
                yield public


def _signs(note: bytes, size: int, root: bytes, keys: Sequence[Ed25519PublicKey]) -> bool:
    """Say whether a note is of this size and root, and signed by a key of the log."""
    text, _, signatures = note.partition(b"\n\n")
    if text.splitlines()[1:] != [b"%d" % size, b64encode(root)]:
        return False
    return any(
        _verifies(key, b64decode(line.rsplit(b" ", 1)[-1])[4:], text + b"\n")
        for line in signatures.splitlines()
        for key in keys
    )


def _verifies(key: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _package(
    package: Path, entries: Sequence[bytes], leaves: Sequence[bytes], now: Seen
) -> Iterator[str]:
    """Yield what does not hold of the proofs that a package carries."""
    leaf = (package / "leaf.json").read_bytes()
    if leaf not in entries:
        yield "its leaf is no entry of the ledger"
        return
    index = entries.index(leaf)
    said = json.loads((package / "statement.dsse.json").read_bytes())
    if json.loads(leaf)["facts"]["statement"] != sha256(b64decode(said["payload"])).hexdigest():
        yield "its leaf is of another statement"
    head, _, note = (package / "statement.tlog-proof").read_bytes().partition(b"\n\n")
    size = next((size for size, one in now.items() if one == note), 0)
    expected = [b"c2sp.org/tlog-proof@v1", b"index %d" % index]
    expected += [b64encode(one) for one in path(index, leaves[:size])] if size > index else []
    if size <= index or head.splitlines() != expected:
        yield "its tlog-proof proves nothing of a signed tree"
        return
    growth: Any = json.loads((package / "consistency.json").read_bytes())
    for one in growth["proofs"]:
        known = int(one["size"])
        hashes = [b64encode(h).decode() for h in grown(known, leaves[: int(growth["size"])])]
        if known not in now or one["hashes"] != hashes:
            yield f"its proof of consistency with {known} does not hold"
