"""Ledger and keys of a deployed project: opened when something is put on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from puntual.aws.bucket import Bucket
from puntual.aws.clients import client
from puntual.aws.commits import S3CommitLog
from puntual.aws.kms import TRUST, KmsSigner
from puntual.aws.ledger import S3Ledger
from puntual.evidence import trust
from puntual.evidence.checkpoint import NoteSignature
from puntual.evidence.trust import Role
from puntual.evidence.trust_keys import verifies
from puntual.ports.ledger import Books
from puntual.runner.authority import Authority


def lazily(
    lake: Bucket,
    evidence: Bucket,
    log: S3CommitLog,
    keys: Mapping[str, tuple[str, ...]],
    authority: str = "",
) -> Callable[[], Books] | None:
    """
    Return what opens the books when it is first called; None where there is no trust file.

    Args:
        lake: Below the project's name.
        evidence: As well; it holds the trust files.
        log: What is published.
        keys: Role → ARNs of the KMS keys that sign in it.
        authority: URL of a time stamp authority; "" for none.

    Raises:
        TransientError: T5001, T5002.
        PermanentError: T5004-T5008.
    """
    if not keys or evidence.first(TRUST) is None:
        return None
    opened: list[Books] = []

    def books() -> Books:
        if not opened:
            opened.append(_open(lake, evidence, log, keys, authority))
        return opened[0]

    return books


def _open(
    lake: Bucket,
    evidence: Bucket,
    log: S3CommitLog,
    keys: Mapping[str, tuple[str, ...]],
    authority: str,
) -> Books:
    signer = KmsSigner(client("kms"), evidence, keys)
    current = trust.opened(signer.trust(), verifies)
    known = {key.public: key for key in current.keys}

    def lines(text: bytes, size: int) -> tuple[NoteSignature, ...]:
        made = signer.sign(Role.LOG, text, position=size)
        return tuple(trust.note_line(known[m.public], current.origin, m.signature) for m in made)

    ledger = S3Ledger(lake.below("ledger"), current.origin, evidence, lines)
    stamp = Authority(authority).token if authority else None
    return Books(ledger=ledger, changes=log.after, signer=signer, stamp=stamp)
