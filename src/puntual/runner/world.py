"""Everything a run reaches the world through, and what it must be told about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo

from puntual.errors import EvidenceError
from puntual.model.delivery import Restatement
from puntual.model.manifest import Digest, Manifest
from puntual.model.plan import Plan
from puntual.model.project import Project
from puntual.ports.approvals import Approvals, NoApprovals
from puntual.ports.clock import Clock
from puntual.ports.database import Databases
from puntual.ports.destinations import Destinations
from puntual.ports.engine import Day, Engine
from puntual.ports.journal import Catalog, Journal
from puntual.ports.landing import Lander
from puntual.ports.ledger import Books
from puntual.ports.objects import Objects
from puntual.ports.pointers import Leases, Pointers
from puntual.ports.warehouse import Warehouse
from puntual.runner.checkpoint import Published


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """
    The ports of one place to run in.

    Attributes:
        zone: Builds a zone from its IANA name.
        code: Digest of the program, for step keys and statements.
        databases: What controls ask source databases through; None where none are reached.
        approvals: Who agreed to which bytes.
        books: Opens ledger and keys; None where nothing is put on record.
        secret: From which values that may not be shown get their pseudonyms, 32 bytes; None:
            pseudonyms are made without one, and a guess of a value can be checked.
    """

    objects: Objects
    pointers: Pointers
    leases: Leases
    engine: Engine
    warehouse: Warehouse
    lander: Lander
    destinations: Destinations
    journal: Journal
    catalog: Catalog
    clock: Clock
    zone: Callable[[str], tzinfo]
    code: Digest
    databases: Databases | None = None
    approvals: Approvals = field(default_factory=NoApprovals)
    books: Callable[[], Books] | None = None
    secret: Callable[[], bytes] | None = None


@dataclass(slots=True, kw_only=True)
class DayRun:
    """
    One reference date being carried out.

    Attributes:
        project: What is run.
        plan: Its steps.
        world: The ports.
        epoch: Of the lease that this run holds.
        published: What has been committed so far, by step id.
        damaged: Why what a step had committed before is made again, by step id.
        recorded: In a replay, what the steps of the day had committed, by step id: a source
            database answers once, on the day.
        answered: What source databases have answered before, by step id: what agreed is not
            asked again where the step is done again for the same inputs.
        restatements: The next versions that are made of what was delivered, by report.
        fault: Why the full report could not be made, where the plan is without warehouse.
        send: What is made is also sent; False: it is made to be looked at.
        last: No retry follows if the step that is done now fails.
        silent: Within what a source gave no answer, where it is not asked again; "" else.
    """

    project: Project
    plan: Plan
    world: World
    epoch: int
    published: dict[str, Published]
    damaged: dict[str, EvidenceError] = field(default_factory=dict)
    recorded: dict[str, Manifest] = field(default_factory=dict)
    answered: dict[str, Mapping[str, object]] = field(default_factory=dict)
    restatements: Mapping[str, Restatement] = field(default_factory=dict)
    fault: str = ""
    send: bool = True
    last: bool = False
    silent: str = ""

    @property
    def date(self) -> date:
        """The reference date."""
        return self.plan.reference_date

    def manifest(self, step: str) -> Manifest:
        """Return the committed manifest of a step that ran before."""
        return self.published[step].manifest

    def curated(self, dataset: str) -> Manifest:
        """Return the manifest of a curated dataset, whether parsed or built."""
        step = f"curate:{dataset}" if dataset in self.project.contracts else f"build:{dataset}"
        return self.manifest(step)

    def files(self, dataset: str) -> tuple[str, ...]:
        """Return where the rows of a curated dataset lie."""
        objects = self.world.objects
        return tuple(objects.locate(o) for o in self.curated(dataset).of_role("data"))

    def day(self, datasets: tuple[str, ...]) -> Day:
        """Return the curated day as a query sees it."""
        return Day(
            reference_date=self.date,
            zone=self.project.time_zone,
            tables={name: self.files(name) for name in datasets},
        )

    def measures(self, dataset: str) -> tuple[str, ...]:
        """Return the columns of a dataset that are summed."""
        if dataset in self.project.contracts:
            return tuple(m.column for m in self.project.contracts[dataset].measures)
        return tuple(m.column for m in self.project.models[dataset].measures)

    def key(self, dataset: str) -> tuple[str, ...]:
        """Return the declared key of a dataset."""
        if dataset in self.project.contracts:
            return self.project.contracts[dataset].key
        return self.project.models[dataset].key

    def origin(self, dataset: str) -> str | None:
        """Return the source whose rows a dataset carries one for one."""
        if dataset in self.project.contracts:
            return dataset
        return self.project.models[dataset].carries
