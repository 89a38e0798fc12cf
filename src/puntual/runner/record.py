"""
Puts on record what was published.

The commit log is the truth and the ledger tells it once, in its order: whatever was published
and is not told yet is told by whoever comes next (design 4.9).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from puntual.errors import EvidenceError
from puntual.evidence import dsse, trust
from puntual.evidence.digest import sha256
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
from puntual.evidence.trust import Role, Trust
from puntual.model.delivery import Reason
from puntual.model.manifest import Digest, Manifest
from puntual.model.plan import Attest, Decide, Deliver, Land, Step
from puntual.ports.ledger import Books, Ledger
from puntual.runner import checkpoint
from puntual.runner.checkpoint import Published, Store
from puntual.runner.policies_told import LAID_DOWN, changed, laid_down
from puntual.runner.world import DayRun

ATTESTED, _PLAN = b'"event":"attest"', b'"event":"plan"'
_APPROVAL = b'"event":"approval"'
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
        record = record_of(run)
        also = _signed(record, run, step) if isinstance(step, Deliver) else ()
        catch_up(record, plan=run, also=tuple(also))


def catch_up(record: Record, *, plan: DayRun | None = None, also: Sequence[Told] = ()) -> None:
    """
    Put everything on record that was published and is not told yet; nothing where all is told.

    Args:
        record: Who writes.
        plan: The day that is carried out, which is told once for each run.
        also: What happened besides; told last.

    Raises:
        EvidenceError: V1003 the commit log is not what was recorded; V4003, V4004; V5007 the
            trust file was set back.
        PermanentError: T2001, V5001, V5002, T1001, T1002, T1003.
    """
    ledger, signer = record.books.ledger, record.books.signer
    last = next((decode(data) for _, data in ledger.backwards()), None)
    upto = last.upto if last is not None else Upto()
    version = signer.trust_version()
    if last is not None and last.trust > version:
        raise _set_back(last.trust, version)
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


def _signed(record: Record, run: DayRun, step: Deliver) -> Iterator[Told]:
    """
    Tell of the approvers of what was delivered, where nobody did when they signed.

    Who signs beside a run of this machine puts it on record himself; where a project is
    deployed the machine is the only writer.
    """
    made = run.published.get(f"attest:{step.report}")
    digest = "" if made is None else statement_of(made.manifest)
    if not digest or not record.books.signer.approvals(digest):
        return
    ledger = record.books.ledger
    position, _ = attested(ledger, digest)
    told = set()
    for index, data in ledger.backwards():
        if index < position:
            break
        if _APPROVAL in data:
            facts = decode(data).told.facts
            told.add((facts.get("statement"), facts.get("keyid")))
    for keyid, name in sorted(approvers(record.books, digest, position).items()):
        if (digest, keyid) not in told:
            facts = {"statement": digest, "keyid": keyid, "name": name}
            yield Told(
                event=Event.APPROVAL,
                step=f"attest:{step.report}",
                reference_date=run.date.isoformat(),
                facts=facts,
            )


def attested_anew(run: DayRun, step: Attest) -> None:
    """
    Put on record that a statement of the same bytes was attested once more.

    Keys and thresholds count by the position of that entry: what was made after the first is
    counted for this one.

    Raises:
        EvidenceError, PermanentError: See `catch_up`.
    """
    if run.world.books is None:
        return
    made = run.published[step.id]
    told = Told(
        event=Event.ATTEST,
        step=step.id,
        reference_date=run.date.isoformat(),
        manifest=made.digest,
        facts={"statement": statement_of(made.manifest)},
    )
    catch_up(record_of(run), plan=run, also=(told,))


def waits(run: DayRun, report: str) -> Reason | None:
    """
    Return why a delivery that is attested is not sent yet: approvers' keys that have not signed.

    Raises:
        EvidenceError: V4003, V4004.
        PermanentError: V5001, T1002, T1003.
    """
    made = run.published.get(f"attest:{report}")
    whole = standing_completeness(run, report)
    if run.world.books is None or made is None or not whole:
        return None
    books = run.world.books()
    needed = trust_of(books).needed(whole, _position(books, made.manifest))[Role.APPROVER]
    if not needed:
        return None
    digest = statement_of(made.manifest)
    names = approvers(books, digest, _position(books, made.manifest))
    if len(names) >= needed:
        return None
    env = f" --env {run.project.away}" if run.project.away else ""
    sentence = (
        f"waits for {needed - len(names)} of {needed} approvers to sign statement {digest[:12]}: "
        f"puntual key sign{env} -r {report} -d {run.date.isoformat()} --name NAME"
    )
    return Reason(code="P3011", about=report, sentence=sentence)


def standing_completeness(run: DayRun, report: str) -> str:
    """Return what was decided of a report; "" where it is held."""
    decision = run.manifest(f"decide:{report}").facts["decision"]
    found = decision["completeness"] if isinstance(decision, Mapping) else None
    return found if isinstance(found, str) else ""


def _position(books: Books, made: Manifest) -> int:
    return attested(books.ledger, statement_of(made))[0]


def approvers(books: Books, digest: Digest, position: int) -> dict[str, str]:
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


def record_of(run: DayRun) -> Record:
    """Return who puts something on record for a run; it keeps books."""
    assert run.world.books is not None  # noqa: S101 - asked by every caller
    return Record(
        store=run.world, books=run.world.books(), epoch=run.epoch, at=run.world.clock.now()
    )


def _set_back(told: int, found: int) -> EvidenceError:
    return EvidenceError(
        "V5007",
        "the trust file was set back: what it took away from a key would count again",
        where="trust file",
        expected=f"version {told:,}, which the ledger tells of, or a later one",
        observed=f"version {found:,}",
        next_step="Restore the newest trust file from a copy: `keys/trust.VERSION.json`. Nothing "
        "is signed under an older one.",
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


def attested(ledger: Ledger, digest: Digest) -> tuple[int, bytes]:
    """
    Return where the ledger tells of a statement, and how; the last time, if more than once.

    Raises:
        EvidenceError: V4004; V4005 it does not.
    """
    for index, data in ledger.backwards():
        if ATTESTED in data and decode(data).told.facts.get("statement") == digest:
            return index, data
    raise EvidenceError(
        "V4005",
        "the ledger does not tell of a statement that is to be delivered",
        where="ledger",
        expected=f"an entry with statement {digest}",
        observed="none",
        next_step="puntual verify; then run the day again from attest: --from attest:REPORT",
    )
