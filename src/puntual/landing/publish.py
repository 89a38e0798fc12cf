"""
Publishes what was read from a stream: the position and every day it concerns, in one switch.

A day's records are the objects of `raw:<source>/<date>`; once that day is sealed as matched,
more go to `late:<source>/<date>` and the sealed set stays as it is (design 4.12).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from puntual.failpoints import failpoint
from puntual.landing import by_part
from puntual.landing.arrivals import day_of
from puntual.landing.desk import Desk, key_of, raw_prefix
from puntual.landing.late import RECORDS, late_manifest, late_pointer, late_prefix
from puntual.model.contract import Contract
from puntual.model.manifest import Digest, Manifest, ObjectRef, Totals
from puntual.model.seal import SealStatus
from puntual.model.source import StreamSource
from puntual.ports.engine import DayPart, RawPart
from puntual.ports.landing import PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One stream being read for one day, under a lease.

    Attributes:
        looks: The day is sealed; it is only looked at for what came later.
    """

    desk: Desk
    source: StreamSource
    contract: Contract
    day: date
    epoch: int
    looks: bool = False

    def raw(self, day: date) -> str:
        """Return the name of the records of a day that is not sealed."""
        return f"raw:{self.source.name}/{day.isoformat()}"

    def late(self, day: date) -> str:
        """Return the name of the records that came after a day was sealed."""
        return late_pointer(self.source.name, day)

    @property
    def position(self) -> str:
        """The name of the committed position."""
        return f"stream:{self.source.name}"


@dataclass(slots=True, kw_only=True)
class Cut:
    """
    What one round has read.

    Attributes:
        seen: Digest of the position it began at.
        before: That position's manifest.
        positions: Shard → last sequence number, after this round.
        ranges: Shard → `first..last` of this round.
        pages: Files of records, in reading order.
        gaps: Ranges that retention removed and that were not known, in sentences.
        newest: Latest arrival, in microseconds since the epoch.
        whole: Every shard was read to its end.
    """

    seen: Digest | None
    before: Manifest | None
    positions: dict[str, str]
    ranges: dict[str, str] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    newest: int = 0
    whole: bool = True


def publish(job: Job, cut: Cut, parts: Sequence[DayPart]) -> bool:
    """
    Store records under their days, then switch all pointers in one.

    Returns:
        False if somebody else published first; nothing changed.

    Raises:
        PermanentError: T1001-T1003 the store cannot be written; T2001 the lease was lost.
        TransientError: T2002 the store of pointers did not answer.
    """
    seen: dict[str, Digest | None] = {job.position: cut.seen}
    new: dict[str, Digest] = {}
    today = day_of(cut.newest, job.desk.zone(job.contract.time_zone))
    late: Counter[str] = Counter()
    ahead: Counter[str] = Counter()
    for day, those in _by_day(parts).items():
        digest, held = job.desk.manifest(job.raw(day))
        records = sum(p.records for p in those)
        if is_sealed(held):
            name, late[day.isoformat()] = job.late(day), records
            digest, held = job.desk.manifest(name)
            objects = (*_objects(held), *_stored(job, cut, day, those, late=True))
            grown = late_manifest(
                job.desk, job.contract, job.source.name, day, previous=digest, objects=objects
            )
        else:
            name = job.raw(day)
            came = [RawPart(uri=p.path, short=f"{i:012x}") for i, p in enumerate(those)]
            # Before they are moved into the store.
            fresh = by_part.counted(job.desk, job.contract, day, came, stream=True)
            objects = (*_objects(held), *_stored(job, cut, day, those, late=False))
            grown = day_manifest(job, day, digest, objects, parts=parts_of(held, fresh))
            if (day - today).days > 1:
                ahead[day.isoformat()] = records
        seen[name] = digest
        new[name] = job.desk.store(grown)
    new[job.position] = job.desk.store(_position(job, cut, {"late": late, "ahead": ahead}))
    failpoint("landing.stored")
    return job.desk.pointers.switch(new, seen=seen, epoch=job.epoch)


def day_manifest(
    job: Job,
    day: date,
    previous: Digest | None,
    objects: Sequence[ObjectRef],
    *,
    parts: by_part.Parts,
    sealed: bool = False,
) -> Manifest:
    """
    Return the manifest of a day's records; `sealed` closes the day.

    Args:
        job: The stream being read.
        day: Which.
        previous: Digest of the manifest that it takes the place of.
        objects: All that has come.
        parts: What has come of each part.
        sealed: Nothing enters the day any more.
    """
    step = f"raw:{job.source.name}"
    inputs = {job.contract.file: job.contract.digest} | _previous(previous)
    facts: dict[str, object] = {"seal": SealStatus.MATCHED.value} if sealed else {}
    if parts:
        facts[PARTS] = parts
    key = [step, day.isoformat(), inputs, job.desk.code, [o.sha256 for o in objects], facts]
    return Manifest(
        step=step,
        dataset=job.source.name,
        reference_date=day,
        key=key_of(key),
        inputs=inputs,
        code=job.desk.code,
        objects=tuple(objects),
        totals=Totals(records=sum(o.records for o in objects)),
        facts=facts,
    )


def parts_of(day: Manifest | None, more: by_part.Parts | None = None) -> by_part.Parts:
    """Return what has come of each part of a day, with more."""
    held = day.facts.get(PARTS, {}) if day else {}
    assert isinstance(held, Mapping)  # noqa: S101 - written by `day_manifest`
    return by_part.added(held, more or {})


def is_sealed(day: Manifest | None) -> bool:
    """Say whether a day of a stream has been matched: nothing enters it any more."""
    return day is not None and day.facts.get("seal") == SealStatus.MATCHED.value


def positions(position: Manifest | None) -> dict[str, str]:
    """Return shard → last committed sequence number."""
    held = position.facts["positions"] if position else {}
    assert isinstance(held, Mapping)  # noqa: S101 - written by `_position`
    return {str(k): str(v) for k, v in held.items()}


def gaps(position: Manifest | None) -> list[dict[str, str]]:
    """Return every gap that was met: `gap` in a sentence, `day` the newest it may concern."""
    held = position.facts["gaps"] if position else []
    assert isinstance(held, list)  # noqa: S101 - written by `_position`
    return held


def noticed(position: Manifest | None, day: date, what: str) -> dict[str, int]:
    """
    Return day → records that were noticed while a day was landed, by the newest position.

    Args:
        position: The newest.
        day: For which the stream was read.
        what: `late` (for a sealed day) or `ahead` (more than a day after they arrived).
    """
    held = position.facts["noticed"] if position else {}
    assert isinstance(held, Mapping)  # noqa: S101 - written by `_position`
    if held.get("day") != day.isoformat():
        return {}
    return {str(k): int(v) for k, v in held[what].items()}


def _by_day(parts: Sequence[DayPart]) -> dict[date, list[DayPart]]:
    days: dict[date, list[DayPart]] = {}
    for part in parts:
        assert part.day is not None  # noqa: S101 - `with_days` has given each part one
        days.setdefault(part.day, []).append(part)
    return days


def _stored(
    job: Job, cut: Cut, day: date, parts: Sequence[DayPart], *, late: bool
) -> list[ObjectRef]:
    source = job.source.name
    code = {"code": RECORDS} if late else {}
    return [
        job.desk.objects.put_file(
            late_prefix(source, day) if late else raw_prefix(source, day),
            part.path,
            suffix=".parquet",
            records=part.records,
            role="late" if late else "data",
            detail={"stream": job.source.stream} | cut.ranges | code,
        )
        for part in parts
    ]


def _position(job: Job, cut: Cut, now: Mapping[str, Counter[str]]) -> Manifest:
    """Return the manifest of the position after a round, with what it noticed."""
    noted = _noted(job, cut.before)
    found: dict[str, object] = {"day": noted.isoformat()}
    for what, counts in now.items():
        total = Counter(noticed(cut.before, noted, what)) + counts
        found[what] = {k: str(v) for k, v in sorted(total.items())}
    facts = {
        "stream": job.source.stream,
        "positions": dict(sorted(cut.positions.items())),
        "gaps": gaps(cut.before) + [{"day": _newest(job), "gap": g} for g in cut.gaps],
        "noticed": found,
    }
    inputs = {job.contract.file: job.contract.digest} | _previous(cut.seen)
    return Manifest(
        step=job.position,
        dataset=job.source.name,
        reference_date=job.day,
        key=key_of([job.position, inputs, job.desk.code, facts]),
        inputs=inputs,
        code=job.desk.code,
        objects=(),
        totals=Totals(records=0),
        facts=facts,
    )


def _noted(job: Job, before: Manifest | None) -> date:
    """Return the day under which to note; a look adds to what the day landed last has noticed."""
    held = before.facts["noticed"] if before and job.looks else {}
    assert isinstance(held, Mapping)  # noqa: S101 - written by `_position`
    return date.fromisoformat(held["day"]) if held else job.day


def _newest(job: Job) -> str:
    """Return the newest day that a gap may concern, though an older one is being read for."""
    now = job.desk.clock.now().astimezone(job.desk.zone(job.contract.time_zone))
    return max(job.day, now.date() - timedelta(days=1)).isoformat()


def _previous(digest: Digest | None) -> dict[str, Digest]:
    return {"previous": digest} if digest else {}


def _objects(held: Manifest | None) -> Iterable[ObjectRef]:
    return held.objects if held else ()
