"""
A sealed day together with what came late for it, for the next version of a delivery.

Everything is read from what is kept; no source is asked. What was sealed stays as it was under
its own manifest: this is another one (design 4.12).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import assert_never

from puntual.evidence.facts import from_json
from puntual.landing import files
from puntual.landing.control import Vouched, read_kept
from puntual.landing.desk import Desk, of_role
from puntual.landing.late import RECORDS, late_pointer
from puntual.landing.seal import Side, count, judge
from puntual.model.contract import Contract
from puntual.model.manifest import Manifest, ObjectRef
from puntual.model.seal import Seal
from puntual.model.source import DatabaseSource, FileSource, Source, StreamSource
from puntual.ports.landing import LandedDay

CONTROL = "S2022"
SNAPSHOT = "snapshot"


def restate(desk: Desk, source: Source, contract: Contract, day: date) -> LandedDay | None:
    """
    Return a landed day with all that is kept as late for it; None if nothing is.

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
    vouched = _vouched(desk, source, day, sealed, fresh)
    match source:
        case FileSource():
            return _files(desk, source, contract, day, sealed, fresh, vouched)
        case DatabaseSource():
            rows = [o for o in fresh if o.detail.get("name") != SNAPSHOT and not _is_control(o)]
            kept = (_data(rows[-1]),) if rows else sealed.of_role("data")
            return _counted(desk, source, contract, day, kept, vouched, came=True)
        case StreamSource():
            more = [_data(o) for o in fresh if o.detail.get("code") == RECORDS]
            kept = (*sealed.of_role("data"), *more)
            return _counted(desk, source, contract, day, kept, vouched, came=bool(kept))
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
    by_name = {o.detail["name"]: _named(o) for o in sealed.objects if o.role != "control"}
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


def _counted(
    desk: Desk,
    source: DatabaseSource | StreamSource,
    contract: Contract,
    day: date,
    kept: tuple[ObjectRef, ...],
    vouched: Vouched,
    *,
    came: bool,
) -> LandedDay:
    landed = count(desk, contract, day, kept, stream=isinstance(source, StreamSource))
    side = Side(landed=landed, digests=tuple(o.sha256 for o in kept), came=came)
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
