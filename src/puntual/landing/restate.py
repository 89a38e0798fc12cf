"""
A sealed day made again from what is kept: with what came late for it, or by another contract.

No source is asked. What was sealed stays as it was under its own manifest: this is another one
(design 4.12).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import assert_never

from puntual.evidence.facts import from_json, list_from_json
from puntual.landing import extract, files, stream
from puntual.landing.aside import ELSEWHERE, is_aside, is_replaced
from puntual.landing.control import Vouched, read_kept
from puntual.landing.desk import Desk, of_role
from puntual.landing.late import RECORDS, late_pointer
from puntual.landing.seal import Side, count, judge
from puntual.landing.typed import answers
from puntual.model.contract import Contract
from puntual.model.finding import Finding
from puntual.model.manifest import Manifest, ObjectRef
from puntual.model.seal import Seal
from puntual.model.source import (
    ControlSnapshot,
    DatabaseSource,
    FileSource,
    Source,
    StreamSource,
)
from puntual.ports.landing import LandedDay

CONTROL = "S2022"
SNAPSHOT = "snapshot"

_OF_THE_LOOK = frozenset({"S1104", "S2007", "S2011", "S2019", ELSEWHERE})
"""What was noticed when the source was looked at; counting again does not see it."""


def restate(desk: Desk, source: Source, contract: Contract, day: date) -> LandedDay | None:
    """
    Return a landed day with all that is kept as late for it; None if nothing is.

    None also where what is kept of a database does not answer its contract any more.

    Raises:
        PermanentError: T3001 the engine has no memory left.
        EvidenceError: V1001, V1002, V2001, V2002 what is kept is missing or altered.
    """
    _, sealed = desk.manifest(f"land:{source.name}/{day.isoformat()}")
    _, late = desk.manifest(late_pointer(source.name, day))
    known = {o.sha256 for o in sealed.objects} if sealed else set()
    fresh = tuple(o for o in late.objects if o.sha256 not in known) if late else ()
    if sealed is None or not fresh:
        return None
    if isinstance(source, DatabaseSource) and not _suffices(desk, source, contract, sealed, fresh):
        return None
    return _made(desk, source, contract, day, sealed, fresh)


def recount(desk: Desk, source: Source, contract: Contract, sealed: Manifest) -> LandedDay | None:
    """
    Count and seal the kept objects of a sealed day again, by a contract that has changed since.

    Args:
        desk: The ports.
        source: The source, declared as it was then.
        contract: As it is now.
        sealed: The `land:` manifest of the day.

    Returns:
        The day; None where what is kept of a database does not answer the contract, and it must
        be asked again: a column is not in the extract or was typed otherwise, or the database's
        own record lacks a sum.

    Raises:
        PermanentError: T3001 the engine has no memory left.
        EvidenceError: V1001, V1002, V2001, V2002 what is kept is missing or altered.
    """
    day = sealed.reference_date
    if isinstance(source, DatabaseSource) and not _suffices(desk, source, contract, sealed, ()):
        return None
    made = _made(desk, source, contract, day, sealed, ())
    said = list_from_json(Finding, sealed.facts["findings"])
    return replace(made, findings=(*made.findings, *(f for f in said if f.code in _OF_THE_LOOK)))


def _suffices(
    desk: Desk,
    source: DatabaseSource,
    contract: Contract,
    sealed: Manifest,
    fresh: tuple[ObjectRef, ...],
) -> bool:
    """Say whether what is kept of a database holds every column and sum of a contract."""
    if isinstance(source.control, ControlSnapshot):
        record = _vouched(desk, source, sealed.reference_date, sealed, fresh).record
        said = record.sums if record else {}
        if any(m.column not in said for m in contract.measures):
            return False
    kept = _rows(sealed, fresh)
    return all(answers(desk.objects.locate(o), contract) for o in kept)


def _rows(sealed: Manifest, fresh: tuple[ObjectRef, ...]) -> tuple[ObjectRef, ...]:
    """Return the newest extract: one that came late, else the one that was sealed."""
    late = [o for o in fresh if o.detail.get("name") != SNAPSHOT and not _is_control(o)]
    return (_data(late[-1]),) if late else sealed.of_role("data")


def _made(
    desk: Desk,
    source: Source,
    contract: Contract,
    day: date,
    sealed: Manifest,
    fresh: tuple[ObjectRef, ...],
) -> LandedDay:
    made = _counted_again(desk, source, contract, day, sealed, fresh)
    aside = tuple(o for o in sealed.objects if is_aside(o) or is_replaced(o))
    return replace(made, objects=(*made.objects, *aside))


def _counted_again(
    desk: Desk,
    source: Source,
    contract: Contract,
    day: date,
    sealed: Manifest,
    fresh: tuple[ObjectRef, ...],
) -> LandedDay:
    vouched = _vouched(desk, source, day, sealed, fresh)
    match source:
        case FileSource():
            return _files(desk, source, contract, day, sealed, fresh, vouched)
        case DatabaseSource():
            kept = _rows(sealed, fresh)
            landed = count(desk, contract, day, kept, stream=False)
            return extract.sealed(source, day, kept, landed, vouched)
        case StreamSource():
            more = [_data(o) for o in fresh if o.detail.get("code") == RECORDS]
            kept = (*sealed.of_role("data"), *more)
            return _stream(desk, source, contract, day, kept, vouched)
        case _:
            assert_never(source)


def _files(
    desk: Desk,
    source: FileSource,
    contract: Contract,
    day: date,
    sealed: Manifest,
    fresh: Iterable[ObjectRef],
    vouched: Vouched,
) -> LandedDay:
    counted = (o for o in sealed.objects if o.role != "control" and not is_aside(o))
    by_name = {o.detail["name"]: _named(o) for o in counted if not is_replaced(o)}
    by_name |= {o.detail["name"]: _named(o) for o in fresh if not _is_control(o)}
    side, objects, noticed = files.side_of(
        desk, source, contract, day, [by_name[n] for n in sorted(by_name)]
    )
    seal, findings = judge(source.name, day, side, vouched, source.control)
    return LandedDay(
        objects=(*objects, *vouched.objects),
        seal=seal,
        findings=(*findings, *noticed(seal)),
    )


def _stream(
    desk: Desk,
    source: StreamSource,
    contract: Contract,
    day: date,
    kept: tuple[ObjectRef, ...],
    vouched: Vouched,
) -> LandedDay:
    by_shard = vouched.record is not None and vouched.record.parts
    side = Side(
        landed=count(desk, contract, day, kept, stream=True),
        digests=tuple(o.sha256 for o in kept),
        came=bool(kept),
        parts=stream.shards(desk, source, contract, day, kept) if by_shard else {},
    )
    seal, findings = judge(source.name, day, side, vouched, source.control)
    return LandedDay(objects=(*kept, *vouched.objects), seal=seal, findings=findings)


def _vouched(
    desk: Desk, source: Source, day: date, sealed: Manifest, fresh: Iterable[ObjectRef]
) -> Vouched:
    """Return the newest control record: a late one, else the one that the day was sealed by."""
    late = [o for o in fresh if _is_control(o) or o.detail.get("name") == SNAPSHOT]
    kept = late[-1:] or list(of_role(sealed.objects, "control")[-1:])
    if not kept:
        seal = from_json(Seal, sealed.facts["seal"])
        return Vouched(record=seal.control)
    ref = replace(kept[0], role="control", detail={"name": kept[0].detail.get("name", "")})
    return read_kept(source.name, day, desk.objects.read(kept[0]), (ref,))


def _is_control(ref: ObjectRef) -> bool:
    return ref.detail.get("code") == CONTROL


def _data(ref: ObjectRef) -> ObjectRef:
    said = {"code", "told", "noticed_at"}
    return replace(ref, role="data", detail={k: v for k, v in ref.detail.items() if k not in said})


def _named(ref: ObjectRef) -> ObjectRef:
    return replace(ref, role="data", detail={"name": ref.detail["name"]})
