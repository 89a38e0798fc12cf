"""Port `Lander`: lands and seals one source's day, whatever kind of source it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from typing import assert_never, cast

from puntual.errors import PermanentError, PuntualError
from puntual.evidence.declared import CONTRACT, SOURCE, changed
from puntual.evidence.facts import from_json, list_from_json
from puntual.evidence.records import RECORD_ROOT
from puntual.landing import by_part, extract, files, look, restate, stream, unanswered
from puntual.landing.aside import apart
from puntual.landing.desk import Desk, is_matched
from puntual.landing.publish import Job
from puntual.landing.records import record_root
from puntual.model.finding import Finding
from puntual.model.manifest import Digest, Manifest
from puntual.model.project import Project
from puntual.model.seal import Seal
from puntual.model.source import DatabaseSource, FileSource, StreamSource
from puntual.ports.clock import Clock
from puntual.ports.database import Databases
from puntual.ports.drop import Drop
from puntual.ports.engine import Engine, RawPart
from puntual.ports.landing import PARTS, LandedDay, LateDay
from puntual.ports.objects import Objects
from puntual.ports.pointers import Pointers
from puntual.ports.stream import StreamReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """
    A project's sources, and the ports they are landed through.

    Attributes:
        project: Its sources and contracts.
        zone: Builds a zone from its IANA name.
        code: Digest of the program, for the manifests that landing itself publishes.
    """

    project: Project
    objects: Objects
    pointers: Pointers
    engine: Engine
    streams: StreamReader
    drop: Drop
    databases: Databases
    clock: Clock
    zone: Callable[[str], tzinfo]
    code: Digest

    def land(self, source: str, reference_date: date, *, epoch: int) -> LandedDay:
        """
        Make everything the source has for the day immutable, then seal it; see the port.

        A day that is sealed as matched is returned as it was recorded, and not read again; by a
        contract that was changed since, what is kept of it is counted and sealed again. Where
        the source itself is declared otherwise now, it is landed anew, and what was landed
        before is kept apart.

        Raises:
            TransientError: S1102, S1201 the source does not answer; S2030 another run landed it
                meanwhile; T2002 the store of pointers did not answer.
            PermanentError: It never will answer (S1101, S1109, S1202-S1207, S1301); S1110 the
                source is another stream than the day was landed from; the store
                cannot be written (T1001-T1003); the lease was lost (T2001); T3001.
            EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or
                altered.
        """
        declared, contract = self.project.sources[source], self.project.contracts[source]
        _, before = self._desk.manifest(f"land:{source}/{reference_date.isoformat()}")
        other = changed(before, declared, contract) if before else frozenset()
        if SOURCE in other and isinstance(declared, StreamSource):
            raise _another_stream(declared, reference_date)
        if before is not None and is_matched(before):
            if not other:
                return _recorded(before)
            counted = None
            if other == {CONTRACT}:
                counted = restate.recount(self._desk, declared, contract, before)
            if counted is not None:
                return self._rooted(source, counted)
        day = self._landed(source, reference_date, epoch)
        return self._rooted(source, apart(source, before, day, moved=bool(other)))

    def _landed(self, source: str, reference_date: date, epoch: int) -> LandedDay:
        contract = self.project.contracts[source]
        match self.project.sources[source]:
            case StreamSource() as declared:
                return stream.land(self._desk, declared, contract, reference_date, epoch=epoch)
            case FileSource() as declared:
                return files.land(self._desk, declared, contract, reference_date)
            case DatabaseSource() as declared:
                return extract.land(self._desk, declared, contract, reference_date)
            case never:
                assert_never(never)

    def _rooted(self, source: str, day: LandedDay) -> LandedDay:
        """Return a day with the record root of its data, and of files with their parts."""
        data = [o for o in day.objects if o.role == "data"]
        paths = [self.objects.locate(o) for o in data]
        declared, contract = self.project.sources[source], self.project.contracts[source]
        is_stream = isinstance(declared, StreamSource)
        day = replace(day, record_root=record_root(paths, contract, stream=is_stream))
        if not isinstance(declared, FileSource):
            return day
        came = [RawPart(uri=p, short=o.short) for p, o in zip(paths, data, strict=True)]
        reference_date = day.seal.reference_date
        counts = by_part.counted(self._desk, contract, reference_date, came, stream=False)
        return replace(day, parts=counts)

    def read_on(self, source: StreamSource, day: date, *, epoch: int) -> None:
        """
        Land what a stream has beyond what was landed, and seal nothing; see `stream.read_on`.

        Args:
            source: The stream.
            day: Names the attempt; every record goes to the day that it belongs to.
            epoch: Of the lease held.

        Raises:
            TransientError: S1102, S2030; T2002 the store of pointers did not answer.
            PermanentError: S1101, S1109, T1001-T1003, T2001, T3001.
            EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or
                altered.
        """
        contract = self.project.contracts[source.name]
        stream.read_on(Job(desk=self._desk, source=source, contract=contract, day=day, epoch=epoch))

    def land_late(self, source: str, reference_date: date, *, epoch: int) -> LateDay:
        """
        Keep what the source has for a landed day beyond what was landed; see the port.

        Raises:
            TransientError: S2030 another run landed it meanwhile; T2002 the store of pointers
                did not answer.
            PermanentError: The store cannot be written (T1001-T1003); the lease was lost
                (T2001); T3001.
            EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or
                altered.
        """
        declared, contract = self.project.sources[source], self.project.contracts[source]
        return look.land_late(self._desk, declared, contract, reference_date, epoch=epoch)

    def unanswered(self, source: str, reference_date: date, fault: PuntualError) -> LandedDay:
        """
        Seal a day whose source does not answer and is waited for no longer; see the port.

        Raises:
            PermanentError: T1001-T1003 its control record cannot be kept; T3001.
            EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or
                altered.
        """
        declared, contract = self.project.sources[source], self.project.contracts[source]
        found = unanswered.land(self._desk, declared, contract, reference_date, fault)
        return self._rooted(source, found)

    def restate(self, source: str, reference_date: date) -> LandedDay | None:
        """
        Return a landed day with all that is kept as late for it; see the port.

        Raises:
            PermanentError: T3001.
            EvidenceError: V1001, V1002, V2001, V2002 what is kept is missing or altered.
        """
        declared, contract = self.project.sources[source], self.project.contracts[source]
        _, before = self._desk.manifest(f"land:{source}/{reference_date.isoformat()}")
        if before is not None and changed(before, declared, contract) - {CONTRACT}:
            return None
        found = restate.restate(self._desk, declared, contract, reference_date)
        return None if found is None else self._rooted(source, found)

    @property
    def _desk(self) -> Desk:
        return Desk(
            objects=self.objects,
            pointers=self.pointers,
            engine=self.engine,
            streams=self.streams,
            drop=self.drop,
            databases=self.databases,
            clock=self.clock,
            zone=self.zone,
            code=self.code,
        )


def _another_stream(source: StreamSource, day: date) -> PermanentError:
    """Return the fault of a stream that was renamed: where it was read to means nothing there."""
    return PermanentError(
        "S1110",
        f"{source.name} is read from another stream than the one that {day.isoformat()} came from",
        where=f"source {source.name}",
        expected="the stream that the day was landed from",
        observed=source.stream,
        next_step="put the stream's name back; another stream is another source",
    )


def _recorded(sealed: Manifest) -> LandedDay:
    """Return a day that is sealed as matched, as it was recorded: nothing enters it."""
    return LandedDay(
        objects=sealed.objects,
        seal=from_json(Seal, sealed.facts["seal"]),
        findings=list_from_json(Finding, sealed.facts["findings"]),
        record_root=str(sealed.facts.get(RECORD_ROOT, "")),
        parts=cast(Mapping[str, object], sealed.facts.get(PARTS, {})),
    )
