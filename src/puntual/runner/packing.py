"""
Packs a delivery with what proves it: signatures, its place in the ledger, and what came before.

All of it follows from the ledger, so that a run which was killed gives the same bytes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping

from puntual.errors import PermanentError
from puntual.evidence import checkpoint as checkpoints
from puntual.evidence import dsse, ledger_files, statement, tlog, trust
from puntual.evidence.digest import sha256
from puntual.evidence.dsse import Envelope, Signature
from puntual.evidence.ledger import decode
from puntual.evidence.ledger_files import MAX_PROOFS, Consistency, Earlier
from puntual.evidence.package import MANIFESTS, STATEMENT
from puntual.evidence.tlog import Proof
from puntual.evidence.trust import Role
from puntual.model.plan import Deliver
from puntual.ports.ledger import Books
from puntual.runner.record import ATTESTED, approvers, attested, catch_up, record_of, trust_of
from puntual.runner.world import DayRun

PREVIOUS = 4
"""Deliveries of the same report before one whose checkpoints its package is proven to extend."""

SCANNED = 20_000
"""Entries of the ledger that are looked through for other deliveries."""


def packed(run: DayRun, step: Deliver, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """
    Return the package as it travels: its statement signed, with its proofs from the ledger.

    Args:
        run: The day.
        step: The delivery.
        files: The package as it was attested.

    Raises:
        PermanentError: V5004 people whose signatures are needed have not signed; T2001, V5001,
            V5002, T1001, T1002, T1003.
        EvidenceError: V4003, V4004, or the statement is not on record (V4005).
    """
    if run.world.books is None:
        return dict(files)
    catch_up(record_of(run), plan=run)
    return pack(run.world.books(), files)


def pack(books: Books, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """
    Return a package as it travels, from one that was attested and is on record; see `packed`.

    Raises:
        PermanentError: V5004, V5001, V5002, T1001, T1002, T1003.
        EvidenceError: V4004, V4005.
    """
    data = files[STATEMENT]
    index, leaf = attested(books.ledger, sha256(data))
    report = statement.decode(data).delivery.partition("/")[0]
    note = books.ledger.checkpoint(index)
    made = checkpoints.decode(note)
    path = books.ledger.inclusion(index, made.size)
    earlier = _consistency(books, report, index, made.size)
    proof = Proof(index=index, path=path, checkpoint=made)
    envelope = _envelope(books, data, index)
    added = {
        ledger_files.ENVELOPE: envelope,
        ledger_files.PROOF: tlog.encode(proof),
        ledger_files.LEAF: leaf,
        ledger_files.CONSISTENCY: ledger_files.encode(earlier),
        ledger_files.TRUST: books.signer.trust(),
        ledger_files.MANIFESTS: gzip.compress(files[MANIFESTS], 9, mtime=0),
    }
    if books.stamp is not None and (token := _stamp(books, note, made.size)) is not None:
        added[ledger_files.STAMP] = token
    kept = {n: d for n, d in files.items() if n not in (STATEMENT, MANIFESTS)}
    return dict(sorted((kept | added).items()))


STAMPED = "time_stamp"
"""In a deliver manifest, where an authority is configured: whether its token came in time."""


def stamp_facts(run: DayRun, package: Mapping[str, bytes]) -> dict[str, object]:
    """Return what a deliver manifest says of the time stamp; nothing where none is asked for."""
    if run.world.books is None or run.world.books().stamp is None:
        return {}
    return {STAMPED: "there" if ledger_files.STAMP in package else "none came"}


def _envelope(books: Books, data: bytes, index: int) -> bytes:
    """
    Return the statement with its signatures; once delivered it stays as it was.

    Raises:
        PermanentError: V5004.
    """
    bare = Envelope(payload=data, kind=dsse.STATEMENT)
    made = [
        Signature(keyid=trust.fingerprint(m.public), sig=m.signature)
        for m in books.signer.sign(Role.PIPELINE, bare.pae, position=index)
    ]
    given = books.signer.approvals(sha256(data))
    known = approvers(books, sha256(data), index)
    made += [Signature(keyid=k, sig=given[k]) for k in known]
    whole = statement.decode(data).completeness or ""
    needed = trust_of(books).needed(whole, index)[Role.APPROVER]
    names = set(known.values())
    if len(names) < needed:
        raise PermanentError(
            "V5004",
            f"the delivery is not signed by enough people: {len(names)} of {needed}",
            where=f"statement {sha256(data)}",
            expected=f"{needed} different approvers, as the trust file asks",
            observed=", ".join(sorted(names)) or "nobody",
            next_step="each approver: puntual key sign -d DATE --name NAME; then run again",
        )
    envelope = Envelope(payload=data, kind=dsse.STATEMENT, signatures=tuple(made))
    return books.ledger.keep(f"envelopes/{sha256(data)}", dsse.encode(envelope))


def _consistency(books: Books, report: str, index: int, size: int) -> Consistency:
    """
    Prove that this tree extends those of deliveries before.

    A receiver holds the checkpoint of the last delivery that he was sent: of this report, or of
    another one. So the last ones of this report are among them however many others came between,
    the last of every other report, and of older ones fewer and fewer.
    """
    ledger = books.ledger
    sizes: set[int] = set()
    for before in _earlier(books, report, index):
        earlier = checkpoints.decode(ledger.checkpoint(before)).size
        if earlier < size and len(sizes) < MAX_PROOFS:
            sizes.add(earlier)
    return Consistency(
        origin=ledger.origin,
        size=size,
        root=ledger.root(size),
        earlier=tuple(
            Earlier(size=s, root=ledger.root(s), path=ledger.consistency(s, size))
            for s in sorted(sizes)
        ),
    )


def _earlier(books: Books, report: str, index: int) -> Iterator[int]:
    """Yield the entries of deliveries before one, those first that most receivers will hold."""
    mine: list[int] = []
    last: dict[str, int] = {}
    every: list[int] = []
    for before, data in books.ledger.backwards():
        if index - before > SCANNED and mine:
            break
        if before >= index or ATTESTED not in data:
            continue
        step = decode(data).told.step
        every.append(before)
        last.setdefault(step, before)
        if step == f"attest:{report}":
            mine.append(before)
    yield from mine[:PREVIOUS]
    yield from last.values()
    for listed in (mine, every):
        yield from (listed[(1 << n) - 1] for n in range(len(listed).bit_length()))


def _stamp(books: Books, note: bytes, size: int) -> bytes | None:
    """Return the token over a checkpoint that was fetched first; None where none could be."""
    assert books.stamp is not None  # noqa: S101 - asked by the caller
    return books.ledger.keep(f"stamps/{size:012}.tsr", books.stamp(note) or b"") or None
