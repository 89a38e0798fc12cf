"""Lands the rows of a database's query, read in one snapshot and vouched for by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from puntual.landing.control import Vouched, read_file, read_kept, spell
from puntual.landing.desk import Desk, is_matched, notice, of_role, raw_prefix
from puntual.landing.seal import Side, count, judge
from puntual.model.contract import Contract
from puntual.model.manifest import ObjectRef
from puntual.model.seal import ControlRecord
from puntual.model.source import ControlFile, ControlSnapshot, DatabaseSource
from puntual.ports.database import Extract
from puntual.ports.landing import LandedDay


def land(desk: Desk, source: DatabaseSource, contract: Contract, day: date) -> LandedDay:
    """
    Land and seal a day's extract; a day that is sealed as matched is not read again.

    Raises:
        TransientError: S1201 the database does not answer.
        PermanentError: S1202-S1206 it never will; T1001-T1003 the store cannot be written;
            T3001 the engine has no memory left.
        EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or altered.
    """
    _, before = desk.manifest(f"land:{source.name}/{day.isoformat()}")
    if before is not None and is_matched(before):
        data = of_role(before.objects, "data")
        control = of_role(before.objects, "control")
        vouched = read_kept(source.name, day, desk.objects.read(control[0]), control)
    else:
        data, vouched = _fresh(desk, source, contract, day)
    landed = count(desk, contract, day, data, stream=False)
    data = tuple(replace(o, records=landed.records) for o in data)
    side = Side(landed=landed, digests=tuple(o.sha256 for o in data), came=True)
    seal, findings = judge(source.name, day, side, vouched, source.control)
    if landed.records == 0:
        message = f"the query returned no row for {day.isoformat()}"
        findings += (notice("S2015", source.name, message, expected="rows", rows=0, warn=True),)
    return LandedDay(objects=(*data, *vouched.objects), seal=seal, findings=findings)


def _fresh(
    desk: Desk, source: DatabaseSource, contract: Contract, day: date
) -> tuple[tuple[ObjectRef, ...], Vouched]:
    folder = desk.objects.scratch(f"land-{source.name}-{day.isoformat()}")
    try:
        extract = desk.databases.extract(source, contract, day, folder)
        stored = desk.objects.put_file(
            raw_prefix(source.name, day),
            extract.path,
            suffix=".parquet",
            records=extract.records,
            detail={
                "query": source.query,
                "snapshot_at": extract.snapshot_at.isoformat(),
                "control_count": str(extract.control_count),
            },
        )
    finally:
        desk.objects.discard(folder)
    return (stored,), _vouched(desk, source, day, extract)


def _vouched(desk: Desk, source: DatabaseSource, day: date, extract: Extract) -> Vouched:
    match source.control:
        case ControlFile() as control:
            return read_file(desk, source.name, day, control)
        case ControlSnapshot():
            record = ControlRecord(
                source=source.name,
                reference_date=day,
                count=extract.control_count,
                sums=extract.control_sums,
            )
            kept = desk.objects.put_bytes(
                raw_prefix(source.name, day),
                spell(record),
                suffix=".json",
                role="control",
                detail={"name": "snapshot"},
            )
            return Vouched(record=record, objects=(kept,))
        case _:
            return Vouched()
