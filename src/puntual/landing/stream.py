"""
Lands a stream: reads on from what is committed, gives every record its day, seals one.

Position and days are switched together, so a record is landed once however often a run is
killed (`failures.md` 2); what retention removed before it was read is said, range by range.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from puntual.errors import PermanentError, TransientError
from puntual.failpoints import failpoint
from puntual.landing.aggregated import apart
from puntual.landing.arrivals import ROWS, with_days, write_page
from puntual.landing.control import Vouched, read_file
from puntual.landing.desk import Desk, bounds, notice
from puntual.landing.late import RECORDS, Look
from puntual.landing.publish import (
    Cut,
    Job,
    day_manifest,
    gaps,
    is_sealed,
    noticed,
    parts_of,
    positions,
    publish,
)
from puntual.landing.seal import Side, count, judge
from puntual.model.contract import Contract
from puntual.model.finding import Finding
from puntual.model.manifest import Manifest, ObjectRef, Totals
from puntual.model.seal import SealStatus
from puntual.model.source import ControlFile, StreamSource
from puntual.ports.engine import DayPart, RawDay, RawPart
from puntual.ports.landing import LandedDay
from puntual.ports.stream import StreamPage

PAGES = 40
"""Pages of one commit: at most 2,000,000 records of a stream lie on the scratch disk at once."""

_ATTEMPTS = 5


def land(
    desk: Desk, source: StreamSource, contract: Contract, day: date, *, epoch: int
) -> LandedDay:
    """
    Read a stream to its end, then seal one of its days.

    Raises:
        TransientError: S1102 the stream does not answer; S2030 another run landed meanwhile.
        PermanentError: S1101 no such stream; S1109 no such position; T1001-T1003 the store
            cannot be written; T2001 the lease was lost; T3001 the engine has no memory left.
        EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or altered.
    """
    job = Job(desk=desk, source=source, contract=contract, day=day, epoch=epoch)
    for _ in range(_ATTEMPTS):
        landed = _sealed(job) if _read_on(job) else None
        if landed is not None:
            return landed
    raise raced(source.name)


def read_on(job: Job) -> None:
    """
    Read a stream to its end and publish what is new, each record once; no day is sealed.

    Raises:
        TransientError: S1102 the stream does not answer; S2030 another run landed meanwhile.
        PermanentError: S1101, S1109; T1001-T1003, T2001, T3001 as for `land`.
        EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or altered.
    """
    if not any(_read_on(job) for _ in range(_ATTEMPTS)):
        raise raced(job.source.name)


def read_late(job: Job) -> tuple[Finding, ...]:
    """
    Read a stream to its end for a day that is sealed: its records are published as late.

    Returns:
        A finding for each range that retention removed since, in which late records may lie.

    Raises:
        TransientError: S1102 the stream does not answer; S2030 another run landed meanwhile.
        PermanentError: S1101, S1109; T1001-T1003, T2001, T3001 as for `land`.
        EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or altered.
    """
    read_on(job)
    _, position = job.desk.manifest(job.position)
    expected = "every record since the last"
    return tuple(
        notice("S1103", job.source.name, gap, expected=expected, warn=True)
        for gap in _gaps(position, job.day)
    )


def find_late(look: Look, source: StreamSource) -> tuple[ObjectRef, ...]:
    """Return records that joined the day after it was landed without being matched."""
    _, raw = look.desk.manifest(f"raw:{source.name}/{look.day.isoformat()}")
    return tuple(
        replace(o, role="late", detail={**o.detail, "code": RECORDS})
        for o in (raw.objects if raw else ())
        if o.sha256 not in look.held
    )


def raced(source: str) -> TransientError:
    """Return the fault of a source that somebody else publishes at the same time."""
    return TransientError(
        "S2030",
        f"another run lands {source} at the same time",
        where=f"source {source}",
        expected="one run at a time",
        observed="another version was published first",
        next_step="Run again.",
    )


def _read_on(job: Job) -> bool:
    """Land everything that is new, round by round; False if somebody else published first."""
    whole = False
    while not whole:
        folder = job.desk.objects.scratch(f"land-{job.source.name}-{job.day.isoformat()}")
        try:
            cut = _pull(job, folder)
            failpoint("landing.read")
            if cut.pages or cut.gaps:
                parts = _split(job, cut, folder)
                if not publish(job, cut, parts):
                    return False
                failpoint("landing.published")
        finally:
            job.desk.objects.discard(folder)
        whole = cut.whole
    return True


def _pull(job: Job, folder: str) -> Cut:
    """Read at most `PAGES` pages after the committed position into files."""
    seen, before = job.desk.manifest(job.position)
    cut = Cut(seen=seen, before=before, positions=positions(before))
    for generation in job.desk.streams.generations(job.source.stream, after=cut.positions):
        left = generation
        # A page of each in turn: so a reader may fetch those of a turn side by side.
        while left and len(cut.pages) < PAGES:
            left = tuple(shard for shard in left if _is_behind(job, cut, folder, shard))
        cut.whole = not left
        if left:
            break
    return cut


def _is_behind(job: Job, cut: Cut, folder: str, shard: str) -> bool:
    """Read a page of a shard, unless there are enough; say whether more remains."""
    if len(cut.pages) >= PAGES:
        return True
    page = _page(job, shard, cut)
    if page.sequences:
        _keep(cut, folder, shard, page)
    elif page.behind:
        raise _stuck(f"{job.source.stream}/{shard}", page.behind)
    return page.behind > 0


def _keep(cut: Cut, folder: str, shard: str, page: StreamPage) -> None:
    path = os.path.join(folder, f"page-{len(cut.pages):05}.parquet")
    write_page(path, shard, apart(page))
    cut.pages.append(path)
    first = cut.ranges.get(shard, page.sequences[0]).partition("..")[0]
    cut.ranges[shard] = f"{first}..{page.sequences[-1]}"
    cut.positions[shard] = page.sequences[-1]
    cut.newest = max(cut.newest, max(page.arrivals))


def _page(job: Job, shard: str, cut: Cut) -> StreamPage:
    """Read one page; where retention has removed records, say so and go on after the gap."""
    stream, after = job.source.stream, cut.positions.get(shard)
    try:
        return job.desk.streams.read(stream, shard, after=after, limit=ROWS)
    except PermanentError as exc:
        if exc.code != "S1103":
            raise
        gap = f"{exc.message} ({exc.observed})"
        if gap not in {g["gap"] for g in gaps(cut.before)}:
            cut.gaps.append(gap)
        return job.desk.streams.read(stream, shard, after=None, limit=ROWS)


def _split(job: Job, cut: Cut, folder: str) -> tuple[DayPart, ...]:
    if not cut.pages:
        return ()
    raw = RawDay(
        contract=job.contract,
        reference_date=job.day,
        parts=tuple(RawPart(uri=p, short=f"{i:012x}") for i, p in enumerate(cut.pages)),
        stream=True,
    )
    parts = job.desk.engine.split(raw, folder)
    return with_days(parts, job.desk.zone(job.contract.time_zone), folder)


def _sealed(job: Job) -> LandedDay | None:
    """Compare a day with its control record; None if somebody else published first."""
    desk, source, day = job.desk, job.source, job.day
    digest, raw = desk.manifest(job.raw(day))
    _, position = desk.manifest(job.position)
    objects = raw.objects if raw else ()
    control = source.control
    vouched = (
        read_file(desk, source.name, day, control)
        if isinstance(control, ControlFile)
        else Vouched()
    )
    side = Side(
        landed=count(desk, job.contract, day, objects, stream=True),
        came=bool(objects),
        broken=_gaps(position, day),
        unfinished=_unfinished(job),
        parts=shards(desk, source, job.contract, day, objects)
        if vouched.record and vouched.record.parts
        else {},
    )
    seal, findings = judge(source.name, day, side, vouched, control)
    if seal.status is SealStatus.MATCHED and not is_sealed(raw):
        closed = desk.store(
            day_manifest(job, day, digest, objects, parts=parts_of(raw), sealed=True)
        )
        name = job.raw(day)
        failpoint("landing.judged")
        if not desk.pointers.switch({name: closed}, seen={name: digest}, epoch=job.epoch):
            return None
        failpoint("landing.sealed")
    return LandedDay(
        objects=(*objects, *vouched.objects),
        seal=seal,
        findings=(*findings, *_noticed(job, position, side)),
    )


def shards(
    desk: Desk, source: StreamSource, contract: Contract, day: date, objects: Sequence[ObjectRef]
) -> dict[str, Totals]:
    """
    Count and sum a day's records by shard, for a source whose record does so too.

    Raises:
        EvidenceError: V1001 an object is missing or has another size.
        PermanentError: T3001 the engine has no memory left.
    """
    if not objects:
        return {}
    raw = RawDay(
        contract=contract,
        reference_date=day,
        parts=tuple(RawPart(uri=desk.objects.locate(o), short=o.short) for o in objects),
        stream=True,
    )
    sums = "".join(f', coalesce(sum("{m.column}"), 0)' for m in contract.measures)
    asked = f'SELECT _shard, count(*){sums} FROM "{contract.dataset}" GROUP BY 1 ORDER BY 1'
    folder = desk.objects.scratch(f"shards-{source.name}-{day.isoformat()}")
    try:
        (answer,) = desk.engine.ask_raw(raw, (asked,), {}, folder)
    finally:
        desk.objects.discard(folder)
    return {
        str(shard): Totals(
            records=int(str(records)),
            sums={m.column: Decimal(str(s)) for m, s in zip(contract.measures, row, strict=True)},
        )
        for shard, records, *row in zip(*answer.columns, strict=True)
    }


def _gaps(position: Manifest | None, day: date) -> tuple[str, ...]:
    """Return the gaps that may concern this day: those that concern it or a later one."""
    return tuple(g["gap"] for g in gaps(position) if date.fromisoformat(g["day"]) >= day)


def _unfinished(job: Job) -> tuple[str, ...]:
    _, end = bounds(job.day, job.desk.zone(job.contract.time_zone))
    if job.desk.clock.now() >= end:
        return ()
    return (f"the day ends at {end:%Y-%m-%dT%H:%M:%SZ} and is not over",)


def _noticed(job: Job, position: Manifest | None, side: Side) -> tuple[Finding, ...]:
    name, day = job.source.name, job.day
    found = [
        *(
            notice("S1103", name, gap, expected="every record since the last")
            for gap in side.broken
        ),
        *(notice("S2010", name, text, expected="a day that is over") for text in side.unfinished),
    ]
    for other, records in noticed(position, day, "late").items():
        message = f"{records} records of {other} came after that day was sealed; they are kept"
        found.append(notice("S2011", name, message, rows=records, warn=True))
    for other, records in noticed(position, day, "ahead").items():
        message = f"{records} records name {other}, a day after they arrived; they wait for it"
        found.append(notice("S1104", name, message, rows=records, warn=True))
    return tuple(found)


def _stuck(where: str, behind: int) -> TransientError:
    return TransientError(
        "S1102",
        f"{where} gives no records though some remain",
        where=where,
        expected=f"{behind} records",
        observed="an empty page",
        next_step="Run again.",
    )
