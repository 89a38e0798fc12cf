"""Proof files: index, audit path and checkpoint in one text, c2sp.org/tlog-proof@v1."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import NoReturn

from puntual.errors import EvidenceError
from puntual.evidence import checkpoint as checkpoints
from puntual.evidence import merkle
from puntual.evidence.checkpoint import Checkpoint
from puntual.evidence.merkle import Hash

FIRST = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,12})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """
    That an entry stands in the ledger.

    Attributes:
        index: Of the entry, from 0.
        path: From the leaf's sibling to the root's child (RFC 6962 §2.1.1).
        checkpoint: Of the tree that the path leads to.
    """

    index: int
    path: tuple[Hash, ...]
    checkpoint: Checkpoint

    def holds(self, entry: bytes) -> bool:
        """Say whether an entry stands at the index of the checkpoint's tree."""
        tree = self.checkpoint
        leaf = merkle.leaf_hash(entry)
        return merkle.includes(leaf, self.index, tree.size, self.path, tree.root)


def encode(proof: Proof) -> bytes:
    """Return the proof as text; nothing is said in an `extra` line."""
    lines = [FIRST, f"index {proof.index}", *(base64.b64encode(h).decode() for h in proof.path)]
    return ("\n".join(lines) + "\n\n").encode() + checkpoints.encode(proof.checkpoint)


def decode(data: bytes) -> Proof:
    """
    Read a proof.

    An `extra` line is refused: nobody authenticates it, and this program writes none.

    Raises:
        EvidenceError: V4001 its checkpoint is none; V4002 it has another form.
    """
    head, blank, note = data.partition(b"\n\n")
    if not blank or len(data) > checkpoints.MAX_BYTES:
        _refuse("no blank line, or too many bytes")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        _refuse("bytes that are not ASCII")
    index = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
    if lines[0] != FIRST or index is None:
        _refuse("another first line, or no index")
    path = tuple(
        checkpoints.hash_of(line) or _refuse("a hash of another form") for line in lines[2:]
    )
    return Proof(index=int(index[1]), path=path, checkpoint=checkpoints.decode(note))


def _refuse(observed: str) -> NoReturn:
    raise EvidenceError(
        "V4002",
        "these bytes are no proof of inclusion",
        expected=f"{FIRST}: index, hashes, a blank line, a checkpoint",
        observed=observed,
        next_step="compare the file with the copy that was delivered",
    )
