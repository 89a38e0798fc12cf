"""
Puts on record what was published, and packs a delivery with what proves it.

The commit log is the truth and the ledger tells it once, in its order: whatever was published
and is not told yet is told by whoever comes next (design 4.9). All that a package is given
here follows from the ledger, so that a run which was killed gives the same bytes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from puntual.errors import EvidenceError, PermanentError
from puntual.evidence import checkpoint as checkpoints
from puntual.evidence import dsse, ledger_files, statement, tlog, trust
from puntual.evidence.digest import sha256
from puntual.evidence.dsse import Envelope, Signature
from puntual.evidence.ledger import (
    Entry,
    Event,
    Told,
    Upto,
    decode,
    encode,
    is_told,
    statement_of,
    told_by,
)
from puntual.evidence.ledger_files import Consistency, Earlier
from puntual.evidence.package import MANIFESTS, STATEMENT
from puntual.evidence.tlog import Proof
from puntual.evidence.trust import Role, Trust
from puntual.model.delivery import Reason
from puntual.model.manifest import Digest, Manifest
from puntual.model.plan import Attest, Decide, Deliver, Land, Step
from puntual.ports.ledger import Books
from puntual.runner import checkpoint
from puntual.runner.checkpoint import Published, Store
from puntual.runner.policies_told import LAID_DOWN, changed, laid_down
from puntual.runner.world import DayRun

EARLIER = 8
"""Deliveries before one whose checkpoints its package is proven to extend."""


_ATTEST, _PLAN = b'"event":"attest"', b'"event":"plan"'
"""What canonical entries of these events hold, and no others (a quote in a text is escaped)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    Who puts something on record.

    Attributes:
        store: Where manifests lie.
        books: Ledger and keys.
        epoch: Of the lease held.
        at: The instant of writing.
    """

    store: Store
    books: Books
    epoch: int
    at: datetime


def follow(run: DayRun, step: Step) -> None:
    """
    Put on record what was published, where a step ends something that others wait for.

    That is the last landing, so that seals are signed before anything is made of them
    (`evidence.md` 6, A6); a decision to hold; an attestation; a delivery.

    Raises:
        EvidenceError: V4003, V4004 the ledger was set back or altered.
        PermanentError: T2001, V5001, V5002, T1001, T1002, T1003.
    """
    if run.world.books is not None and _ends(run, step):
        catch_up(_record(run), plan=run)


def catch_up(record: Record, *, plan: DayRun | None = None, also: Sequence[Told] = ()) -> None:
    """
    Put everything on record that was published and is not told yet; nothing where all is told.

    Args:
        record: Who writes.
        plan: The day that is carried out, which is told once for each run.
        also: What happened besides; told last.

    Raises:
        EvidenceError: V1003 the commit log is not what was recorded; V4003, V4004.
        PermanentError: T2001, V5001, V5002, T1001, T1002, T1003.
    """
    ledger, signer = record.books.ledger, record.books.signer
    last = next((decode(data) for _, data in ledger.backwards()), None)
    upto = last.upto if last is not None else Upto()
    version = signer.trust_version()
    told: list[tuple[Upto, Told]] = []
    if last is None or last.trust < version:
        told.append((upto, _keys(signer.trust())))
    known = plan.published if plan is not None else {}
    for change, digest in record.books.changes(upto.number, upto.digest):
        upto = Upto(number=change.number, digest=digest)
        told += ((upto, t) for t in _published(record.store, change.pointers, known))
    told += ((upto, t) for t in also)
    if told and plan is not None and not _planned(record, plan):
        first = last.upto if last is not None else Upto()
        told[:0] = [(first, t) for t in (*changed(_laid_down(record), plan.project), _plan(plan))]
    entries = [
        encode(Entry(told=t, at=record.at, epoch=record.epoch, trust=version, upto=u))
        for u, t in told
    ]
    ledger.append(entries, epoch=record.epoch)


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
    catch_up(_record(run), plan=run)
    return pack(run.world.books(), files)


def pack(books: Books, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """
    Return a package as it travels, from one that was attested and is on record; see `packed`.

    Raises:
        PermanentError: V5004, V5001, V5002, T1001, T1002, T1003.
        EvidenceError: V4004, V4005.
    """
    data = files[STATEMENT]
    index, leaf = _attested(books, sha256(data))
    note = books.ledger.checkpoint(index)
    made = checkpoints.decode(note)
    path = books.ledger.inclusion(index, made.size)
    proof = Proof(index=index, path=path, checkpoint=made)
    envelope = _envelope(books, data, index)
    added = {
        ledger_files.ENVELOPE: envelope,
        ledger_files.PROOF: tlog.encode(proof),
        ledger_files.LEAF: leaf,
        ledger_files.CONSISTENCY: ledger_files.encode(_consistency(books, index, made.size)),
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


def waits(run: DayRun, report: str) -> Reason | None:
    """
    Return why a delivery that is attested is not sent yet: approvers' keys that have not signed.

    Raises:
        EvidenceError: V4003, V4004.
        PermanentError: V5001, T1002, T1003.
    """
    attested = run.published.get(f"attest:{report}")
    whole = standing_completeness(run, report)
    if run.world.books is None or attested is None or not whole:
        return None
    books = run.world.books()
    needed = trust_of(books).needed(whole, _position(books, attested.manifest))[Role.APPROVER]
    if not needed:
        return None
    digest = statement_of(attested.manifest)
    names = _approvers(books, digest, _position(books, attested.manifest))
    if len(names) >= needed:
        return None
    sentence = (
        f"waits for {needed - len(names)} of {needed} approvers to sign statement {digest[:12]}: "
        f"puntual key sign -r {report} -d {run.date.isoformat()} --name NAME"
    )
    return Reason(code="P3011", about=report, sentence=sentence)


def standing_completeness(run: DayRun, report: str) -> str:
    """Return what was decided of a report; "" where it is held."""
    decision = run.manifest(f"decide:{report}").facts["decision"]
    found = decision["completeness"] if isinstance(decision, Mapping) else None
    return found if isinstance(found, str) else ""


def _position(books: Books, attested: Manifest) -> int:
    return _attested(books, statement_of(attested))[0]


def _approvers(books: Books, digest: Digest, position: int) -> dict[str, str]:
    """Return keyid → name of approvers who have signed a statement and count."""
    given = books.signer.approvals(digest)
    counting = trust_of(books).of(Role.APPROVER, position)
    return {k.keyid: k.name for k in counting if k.keyid in given}


def trust_of(books: Books) -> Trust:
    """
    Return the trust file in force.

    Raises:
        EvidenceError: V2001, V2002.
        PermanentError: V5001 there is none.
    """
    return trust.decode(dsse.decode(books.signer.trust(), trust.KIND).payload)


def _record(run: DayRun) -> Record:
    assert run.world.books is not None  # noqa: S101 - asked by every caller
    return Record(
        store=run.world, books=run.world.books(), epoch=run.epoch, at=run.world.clock.now()
    )


def _ends(run: DayRun, step: Step) -> bool:
    match step:
        case Land():
            return step == [s for s in run.plan.steps if isinstance(s, Land)][-1]
        case Decide():
            decision = run.manifest(step.id).facts["decision"]
            return isinstance(decision, Mapping) and decision["completeness"] is None
        case Attest() | Deliver():
            return True
        case _:
            return False


def _plan(run: DayRun) -> Told:
    return Told(
        event=Event.PLAN,
        reference_date=run.date.isoformat(),
        facts={
            "reports": list(run.plan.reports),
            "steps": str(len(run.plan.steps)),
            "project": run.project.digest,
            "code": run.world.code,
            LAID_DOWN: laid_down(run.project),
        },
    )


def _laid_down(record: Record) -> Mapping[str, object]:
    """Return the policies that the last plan on record was made under; none where it says none."""
    for _, data in record.books.ledger.backwards():
        if _PLAN in data:
            found = decode(data).told.facts.get(LAID_DOWN)
            return found if isinstance(found, Mapping) else {}
    return {}


def _planned(record: Record, run: DayRun) -> bool:
    """Say whether this run has told its plan of this day."""
    mine = f'"epoch":"{record.epoch}"'.encode()
    for _, data in record.books.ledger.backwards():
        if mine not in data:
            return False
        if _PLAN in data and decode(data).told.reference_date == run.date.isoformat():
            return True
    return False


def _keys(envelope: bytes) -> Told:
    """Tell of a trust file: its digest, and who signed it (root, old and new key)."""
    found = dsse.decode(envelope, trust.KIND)
    made = trust.decode(found.payload)
    return Told(
        event=Event.KEY,
        facts={
            "version": str(made.version),
            "trust": sha256(found.payload),
            "signed_by": sorted(s.keyid for s in found.signatures),
            "keys": [
                {"keyid": k.keyid, "name": k.name, "role": k.role.value, "why": k.why}
                for k in sorted(made.keys, key=lambda k: k.keyid)
            ],
        },
    )


def _published(
    store: Store, pointers: Mapping[str, Digest], known: Mapping[str, Published]
) -> Iterator[Told]:
    read = {p.digest: p.manifest for p in known.values()}
    for name in sorted(filter(is_told, pointers)):
        digest = pointers[name]
        try:
            manifest = read.get(digest) or checkpoint.by_digest(store, digest)
            yield from told_by(name, digest, manifest)
        except EvidenceError as error:
            step, _, day = name.rpartition("/")
            yield Told(
                event=Event.STEP,
                step=step,
                reference_date=day,
                manifest=digest,
                facts={"unreadable": error.code},
            )


def _attested(books: Books, digest: Digest) -> tuple[int, bytes]:
    """Return where the ledger tells of a statement; the last time, if it does more than once."""
    for index, data in books.ledger.backwards():
        if _ATTEST in data and decode(data).told.facts.get("statement") == digest:
            return index, data
    raise EvidenceError(
        "V4005",
        "the ledger does not tell of a statement that is to be delivered",
        where="ledger",
        expected=f"an entry with statement {digest}",
        observed="none",
        next_step="puntual verify; then run the day again from attest: --from attest:REPORT",
    )


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
    known = _approvers(books, sha256(data), index)
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


def _consistency(books: Books, index: int, size: int) -> Consistency:
    """Prove that this tree extends those of the deliveries before."""
    ledger = books.ledger
    sizes: list[int] = []
    for before, data in ledger.backwards():
        if before < index and _ATTEST in data:
            earlier = checkpoints.decode(ledger.checkpoint(before)).size
            if earlier < size and earlier not in sizes:
                sizes.append(earlier)
        if len(sizes) == EARLIER:
            break
    return Consistency(
        origin=ledger.origin,
        size=size,
        root=ledger.root(size),
        earlier=tuple(
            Earlier(size=s, root=ledger.root(s), path=ledger.consistency(s, size))
            for s in sorted(sizes)
        ),
    )


def _stamp(books: Books, note: bytes, size: int) -> bytes | None:
    """Return the token over a checkpoint that was fetched first; None where none could be."""
    assert books.stamp is not None  # noqa: S101 - asked by the caller
    return books.ledger.keep(f"stamps/{size:012}.tsr", books.stamp(note) or b"") or None
