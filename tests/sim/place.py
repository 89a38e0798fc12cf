"""
One place to run in: the real local adapters, each behind a port that faults can happen at.

Only the engine and the warehouse are others (`sim.engine` says why). A proxy is made for every
port alike, from the port itself, so a new method of a port is at once a place for faults.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from puntual.errors import PermanentError
from puntual.landing.land import Landing
from puntual.local.approvals import FolderApprovals
from puntual.local.catalog import SqliteCatalog
from puntual.local.database import LocalDatabases
from puntual.local.drop import LocalDrop
from puntual.local.folder import FolderDestinations
from puntual.local.journal import SqliteJournal
from puntual.local.notices import SqliteNotices
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqliteLeases, SqlitePointers
from puntual.local.stream import LocalStream
from puntual.model.project import Project
from puntual.ports.drop import DroppedFile
from puntual.ports.journal import Journal
from puntual.ports.notices import Notices
from puntual.project.zones import zone
from puntual.runner.world import World
from sim.disk import SimulatedDisk
from sim.engine import TinyEngine
from sim.machine import Killed, Machine, Process
from sim.project import Shape
from sim.warehouse import TinyServer, TinyWarehouse

LOCKING = {"pointers", "leases"}
"""Ports that hold a lock of the state file while they work: the turn is kept meanwhile."""


@dataclass(slots=True)
class Watched:
    """
    Everything that was switched, as the ports saw it; the oracle reads it.

    Attributes:
        switches: (process, epoch, name → manifest), in order, of every switch that happened.
        sent: Destination and file → bytes, of everything that was handed over.
        handed: The same with the instant, in order.
    """

    switches: list[tuple[int, int, dict[str, str]]] = field(default_factory=list)
    sent: dict[tuple[str, str], set[bytes]] = field(default_factory=dict)
    handed: list[tuple[datetime, str, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class Place:
    """
    A project's folder on a machine, and who runs in it.

    Attributes:
        server: The warehouse; it outlives the processes.
        code: Digest of the program that runs.
        silent: Sources whose drop may not be read now.
        locks: Process → what releases the locks it holds.
    """

    root: Path
    machine: Machine
    disk: SimulatedDisk
    shape: Shape
    project: Project
    server: TinyServer
    watched: Watched = field(default_factory=Watched)
    code: str = "c" * 64
    silent: set[str] = field(default_factory=set)
    locks: dict[int, list[Callable[[], None]]] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The state file."""
        return self.root / ".puntual" / "state.db"

    def stream(self) -> LocalStream:
        """The stream, as its producer reaches it."""
        return LocalStream(self.root / ".puntual" / "stream.db", self.machine.clock)

    def world(self, process: Process) -> World:
        """Open the ports for a process; they are given back when it ends."""
        machine = self.machine

        def port(name: str, real: object) -> Any:
            return Proxy(name, real, machine, self.watched)

        def closing(real: Any) -> Any:
            process.closers.append(getattr(real, "_db", real).close)
            return real

        objects = LocalObjects(self.root / "lake")
        pointers = port("pointers", closing(SqlitePointers(self.state)))
        engine = port("engine", TinyEngine(self.shape.models, machine.effect, self.shape.plan_b))
        # Not `close` of the catalog: that draws its views with DuckDB, for people.
        catalog = closing(SqliteCatalog(self.root / ".puntual" / "catalog.db"))
        journal = closing(SqliteJournal(self.journal_path))
        leases = closing(SqliteLeases(self.state, machine.clock))
        landing = Landing(
            project=self.project,
            objects=objects,
            pointers=pointers,
            engine=engine,
            streams=port("stream", self.stream()),
            drop=port("drop", Drop(self.root, self.silent)),
            databases=port("database", LocalDatabases(self.root, {})),
            clock=machine.clock,
            zone=zone,
            code=self.code,
        )
        return World(
            objects=objects,
            pointers=pointers,
            leases=Leases(leases, machine, process, self.locks),
            engine=engine,
            warehouse=port("warehouse", TinyWarehouse(self.server)),
            lander=landing,
            destinations=port("destinations", FolderDestinations(self.root)),
            journal=port("journal", journal),
            catalog=port("catalog", catalog),
            clock=machine.clock,
            zone=zone,
            code=self.code,
            approvals=self.approvals,
        )

    @property
    def approvals(self) -> FolderApprovals:
        """What people have agreed to."""
        return FolderApprovals(self.root / ".puntual" / "approvals")

    @property
    def journal_path(self) -> Path:
        """The file of the journal, the notices and the outbox."""
        return self.root / ".puntual" / "journal.db"

    def journal(self, process: Process) -> Journal:
        """Open the journal, for a process."""
        real = SqliteJournal(self.journal_path)
        process.closers.append(real.close)
        return cast(Journal, Proxy("journal", real, self.machine, self.watched))

    def notices(self, process: Process) -> Notices:
        """Open what people are told, for a process."""
        real = SqliteNotices(self.journal_path)
        process.closers.append(real.close)
        return cast(Notices, Proxy("notices", real, self.machine, self.watched))


class Drop(LocalDrop):
    """A drop of which some sources' folders may not be read."""

    def __init__(self, root: Path, silent: set[str]) -> None:
        super().__init__(root)
        object.__setattr__(self, "_silent", silent)

    def list(self, pattern: str) -> tuple[DroppedFile, ...]:
        """Return the files of a source that can be read; see the port."""
        self._ask(pattern)
        return super().list(pattern)

    def read_small(self, name: str, limit: int) -> bytes | None:
        """Return the bytes of a small file; see the port."""
        self._ask(name)
        return super().read_small(name, limit)

    def _ask(self, name: str) -> None:
        silent: set[str] = self._silent  # type: ignore[attr-defined]  # set in `__init__`
        if any(Path(name).name.startswith(source) for source in silent):
            raise PermanentError("S1301", f"{name} may not be read", where=name)


class Proxy:
    """A port: every call is an effect before it, and another when its answer is on its way."""

    def __init__(self, name: str, real: object, machine: Machine, watched: Watched) -> None:
        self._name, self._real, self._machine, self._watched = name, real, machine, watched

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._real, method)
        if not callable(found):
            return found
        call = cast(Callable[..., Any], found)
        kind = f"{self._name}.{method}"

        def through(*args: Any, **more: Any) -> Any:
            self._machine.effect(kind)
            locks = self._name in LOCKING
            self._machine.whole += locks
            try:
                answer = call(*args, **more)
            finally:
                self._machine.whole -= locks
            self._see(kind, args, more, answer)
            self._machine.effect(f"answer of {kind}")
            return answer

        self.__dict__[method] = through
        return through

    def _see(self, kind: str, args: Any, more: Any, answer: Any) -> None:
        if kind == "pointers.switch" and answer:
            pid = self._machine.current.pid
            self._watched.switches.append((pid, more["epoch"], dict(args[0])))
        if kind == "destinations.deliver":
            folder, _, files = args
            for name, data in files.items():
                self._watched.sent.setdefault((folder.path, name), set()).add(data)
                self._watched.handed.append((self._machine.clock.true(), name, data))


class Leases:
    """Port `Leases`; a process that is dead gives nothing back by itself, its kernel does."""

    def __init__(
        self,
        real: SqliteLeases,
        machine: Machine,
        process: Process,
        locks: dict[int, list[Callable[[], None]]],
    ) -> None:
        self._real, self._machine, self._process, self._locks = real, machine, process, locks

    def acquire(self, name: str) -> Lease:
        """Take the lease; see the port."""
        self._machine.effect("leases.acquire")
        self._machine.whole += 1
        try:
            held = self._real.acquire(name)
        finally:
            self._machine.whole -= 1
        self._process.closers.append(_unlock(held))
        self._locks[self._process.pid] = [_unlock(held)]
        self._machine.effect("answer of leases.acquire")
        return Lease(held, self._machine)


class Lease:
    """A lease that is held."""

    def __init__(self, real: Any, machine: Machine) -> None:
        self._real, self._machine = real, machine
        self.epoch = int(real.epoch)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._machine.current.end or isinstance(error, Killed):
            return
        self._machine.effect("leases.release")
        if self._real._lock < 0:  # taken away; the product does not know
            self._real._lock = os.open(os.devnull, os.O_RDONLY)
        self._machine.whole += 1
        try:
            self._real.__exit__(kind, error, trace)
        finally:
            self._machine.whole -= 1
            self._real._lock = -1  # closed, also where giving the lease back has failed


def _unlock(held: Any) -> Callable[[], None]:
    def unlock() -> None:
        if held._lock >= 0:
            os.close(held._lock)
            held._lock = -1

    return unlock
