"""Lands the rows of a database's query, read in one snapshot and vouched for by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from puntual.failpoints import failpoint
from puntual.landing.control import Vouched, read_file, read_kept, spell
from puntual.landing.desk import Desk, notice, of_role, raw_prefix
from puntual.landing.late import Look, late_detail, late_prefix
from puntual.landing.seal import Side, count, judge, totals
from puntual.model.contract import Contract
from puntual.model.manifest import ObjectRef
from puntual.model.seal import ControlRecord, Landed
from puntual.model.source import ControlFile, ControlSnapshot, DatabaseSource
from puntual.ports.database import Extract
from puntual.ports.landing import LandedDay

SNAPSHOT_AT = "snapshot_at"
"""In the detail of an extract: when its snapshot was taken, UTC."""

NAME = "snapshot"
"""Name of the record that a database makes of its own rows."""


def land(desk: Desk, source: DatabaseSource, contract: Contract, day: date) -> LandedDay:
    """
    Land and seal a day's extract.

    Raises:
        TransientError: S1201 the database does not answer.
        PermanentError: S1202-S1207 it never will; T1001-T1003 the store cannot be written;
            T3001 the engine has no memory left.
        EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or altered.
    """
    data, vouched = _fresh(desk, source, contract, day)
    landed = count(desk, contract, day, data, stream=False)
    data = tuple(replace(o, records=landed.records) for o in data)
    return sealed(source, day, data, landed, vouched)


def sealed(
    source: DatabaseSource,
    day: date,
    data: tuple[ObjectRef, ...],
    landed: Landed,
    vouched: Vouched,
) -> LandedDay:
    """
    Seal an extract by what vouches for it.

    One without a row holds the delivery and is asked for again: a database vouches for the
    nothing of a snapshot that was not taken as well as for rows (`failures.md` 3). Where the
    source says that it may be empty, or its own control file says 0, that is only told.
    """
    nothing = f"the query returned no row for {day.isoformat()}"
    doubted = not (landed.records or source.may_be_empty or isinstance(source.control, ControlFile))
    side = Side(
        landed=landed,
        digests=tuple(o.sha256 for o in data),
        came=True,
        unfinished=(nothing,) if doubted else (),
    )
    seal, findings = judge(source.name, day, side, vouched, source.control)
    if not landed.records:
        expected = "rows, or may_be_empty: true in the source"
        findings += (
            notice("S2015", source.name, nothing, expected=expected, rows=0, warn=not doubted),
        )
    return LandedDay(objects=(*data, *vouched.objects), seal=seal, findings=findings)


def _fresh(
    desk: Desk, source: DatabaseSource, contract: Contract, day: date
) -> tuple[tuple[ObjectRef, ...], Vouched]:
    folder = desk.objects.scratch(f"land-{source.name}-{day.isoformat()}")
    try:
        extract = desk.databases.extract(source, contract, day, folder)
        failpoint("landing.extracted")
        stored = desk.objects.put_file(
            raw_prefix(source.name, day),
            extract.path,
            suffix=".parquet",
            records=extract.records,
            detail=_detail(source, extract),
        )
    finally:
        desk.objects.discard(folder)
    return (stored,), _vouched(desk, source, day, extract)


def _detail(source: DatabaseSource, extract: Extract) -> dict[str, str]:
    return {
        "query": source.query,
        SNAPSHOT_AT: extract.snapshot_at.isoformat(),
        "control_count": str(extract.control_count),
    }


def _vouched(desk: Desk, source: DatabaseSource, day: date, extract: Extract) -> Vouched:
    match source.control:
        case ControlFile() as control:
            return read_file(desk, source.name, day, control)
        case ControlSnapshot():
            record = _record(source, day, extract.control_count, extract.control_sums)
            kept = desk.objects.put_bytes(
                raw_prefix(source.name, day),
                spell(record),
                suffix=".json",
                role="control",
                detail={"name": NAME},
            )
            return Vouched(record=record, objects=(kept,))
        case _:
            return Vouched()


def find_late(look: Look, source: DatabaseSource) -> tuple[ObjectRef, ...]:
    """
    Ask a database for its count and sums of a day; keep its rows if they have changed.

    Rows that changed under the same count and sums are not seen: reading every row again is
    what this spares.

    Returns:
        The rows as they are now and the database's own record of them, role `late`; none if
        count and sums are those of the day as it was landed, or of what came late before.

    Raises:
        TransientError: S1201 the database does not answer.
        PermanentError: S1202-S1207 it never will; T1001-T1003 the store cannot be written.
        EvidenceError: V1001, V1002 what was landed before is missing or altered.
    """
    desk, day = look.desk, look.day
    again = desk.databases.recount(source, look.contract, day)
    now = _record(source, day, again.count, again.sums)
    landed = _landed(look, source)
    late = (_read(desk, source, day, o) for o in look.kept if o.detail.get("name") == NAME)
    if any(_same(now, known) for known in (landed, *late)):
        return ()
    return _kept_late(look, source, landed)


def _kept_late(look: Look, source: DatabaseSource, landed: ControlRecord) -> tuple[ObjectRef, ...]:
    desk, day = look.desk, look.day
    folder = desk.objects.scratch(f"late-{source.name}-{day.isoformat()}")
    try:
        extract = desk.databases.extract(source, look.contract, day, folder)
        now = _record(source, day, extract.control_count, extract.control_sums)
        sentence = (
            f"the query gives {totals(now)}; when the day was sealed it gave {totals(landed)}"
        )
        rows = desk.objects.put_file(
            late_prefix(source.name, day),
            extract.path,
            suffix=".parquet",
            records=extract.records,
            role="late",
            detail=late_detail(desk, "S2023", sentence, _detail(source, extract)),
        )
    finally:
        desk.objects.discard(folder)
    if rows.sha256 in look.held:
        return ()
    record = desk.objects.put_bytes(
        late_prefix(source.name, day),
        spell(now),
        suffix=".json",
        role="late",
        detail={"name": NAME},
    )
    return rows, record


def _landed(look: Look, source: DatabaseSource) -> ControlRecord:
    """Return the database's own count and sums when the day was landed."""
    for ref in of_role(look.sealed.objects, "control"):
        if ref.detail["name"] == NAME:
            return _read(look.desk, source, look.day, ref)
    (data,) = of_role(look.sealed.objects, "data")
    count = int(data.detail["control_count"])
    return _record(source, look.day, count, look.sealed.totals.sums)


def _read(desk: Desk, source: DatabaseSource, day: date, ref: ObjectRef) -> ControlRecord:
    vouched = read_kept(source.name, day, desk.objects.read(ref), ())
    assert vouched.record is not None  # noqa: S101 - written by `spell`
    return vouched.record


def _record(
    source: DatabaseSource, day: date, count: int, sums: Mapping[str, Decimal]
) -> ControlRecord:
    return ControlRecord(source=source.name, reference_date=day, count=count, sums=sums)


def _same(one: ControlRecord, other: ControlRecord) -> bool:
    return one.count == other.count and dict(one.sums) == dict(other.sums)
