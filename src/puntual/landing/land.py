"""Port `Lander`: lands and seals one source's day, whatever kind of source it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from typing import assert_never

from puntual.evidence.facts import from_json, list_from_json
from puntual.evidence.records import RECORD_ROOT
from puntual.landing import extract, files, look, restate, stream
from puntual.landing.desk import Desk, is_matched
from puntual.landing.publish import Job
from puntual.landing.records import record_root
from puntual.model.finding import Finding
from puntual.model.manifest import Digest
from puntual.model.project import Project
from puntual.model.seal import Seal
from puntual.model.source import DatabaseSource, FileSource, StreamSource
from puntual.ports.clock import Clock
from puntual.ports.database import Databases
from puntual.ports.drop import Drop
from puntual.ports.engine import Engine
from puntual.ports.landing import LandedDay, LateDay
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

        A day that is sealed as matched is returned as it was recorded, and not read again.

        Raises:
            TransientError: S1102, S1201 the source does not answer; S2030 another run landed it
                meanwhile; T2002 the store of pointers did not answer.
            PermanentError: It never will answer (S1101, S1109, S1202-S1206, S1301); the store
                cannot be written (T1001-T1003); the lease was lost (T2001); T3001.
            EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or
                altered.
        """
        recorded = self._recorded(source, reference_date)
        if recorded is not None:
            return recorded
        return self._rooted(source, self._landed(source, reference_date, epoch))

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
        """Return a day with the record root of its data."""
        paths = [self.objects.locate(o) for o in day.objects if o.role == "data"]
        is_stream = isinstance(self.project.sources[source], StreamSource)
        contract = self.project.contracts[source]
        return replace(day, record_root=record_root(paths, contract, stream=is_stream))

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

    def restate(self, source: str, reference_date: date) -> LandedDay | None:
        """
        Return a landed day with all that is kept as late for it; see the port.

        Raises:
            PermanentError: T3001.
            EvidenceError: V1001, V1002, V2001, V2002 what is kept is missing or altered.
        """
        declared, contract = self.project.sources[source], self.project.contracts[source]
        found = restate.restate(self._desk, declared, contract, reference_date)
        return None if found is None else self._rooted(source, found)

    def _recorded(self, source: str, day: date) -> LandedDay | None:
        """Return a day that is sealed as matched, as it was recorded: nothing enters it."""
        _, sealed = self._desk.manifest(f"land:{source}/{day.isoformat()}")
        if sealed is None or not is_matched(sealed):
            return None
        return LandedDay(
            objects=sealed.objects,
            seal=from_json(Seal, sealed.facts["seal"]),
            findings=list_from_json(Finding, sealed.facts["findings"]),
            record_root=str(sealed.facts.get(RECORD_ROOT, "")),
        )

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
