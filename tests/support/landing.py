"""A landing on real adapters in one folder, and what the runner does around it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.evidence import declared
from puntual.evidence.facts import to_json
from puntual.evidence.manifest import encode
from puntual.evidence.records import RECORD_ROOT
from puntual.landing.land import Landing
from puntual.local.database import LocalDatabases
from puntual.local.drop import LocalDrop
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.local.stream import LocalStream
from puntual.model.contract import Contract
from puntual.model.manifest import Manifest, Totals
from puntual.model.project import Project, WarehouseSettings
from puntual.model.report import Calendar
from puntual.model.source import Source
from puntual.ports.engine import Engine
from puntual.ports.landing import PARTS, LandedDay, LateDay
from puntual.ports.objects import Objects
from puntual.ports.pointers import Pointers
from puntual.project.zones import zone
from puntual.runner.clock import FixedClock

CODE = "c" * 64

CALENDAR = Calendar(
    name="test",
    source="a test",
    published=date(2025, 12, 1),
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
    weekend=(6, 7),
    holidays=(),
)
"""Of 2026, with weekends and no holiday."""


@dataclass(slots=True)
class Place:
    """A project folder with one source; closed by the fixture that made it."""

    root: Path
    source: Source
    contract: Contract
    now: datetime
    objects: Objects
    pointers: Pointers
    engine: Engine

    @property
    def stream(self) -> LocalStream:
        return LocalStream(self.root / "stream.db", FixedClock(self.now))

    def land(self, day: date) -> LandedDay:
        """Land as the runner does, and publish the `land:` manifest."""
        landed = self.landing.land(self.source.name, day, epoch=1)
        self._commit(day, landed)
        return landed

    def land_late(self, day: date) -> LateDay:
        """Look for what came late, as the runner does for a day that is sealed."""
        return self.landing.land_late(self.source.name, day, epoch=1)

    @property
    def landing(self) -> Landing:
        """What lands here, on the ports of this place."""
        return Landing(
            project=_project(self.source, self.contract),
            objects=self.objects,
            pointers=self.pointers,
            engine=self.engine,
            streams=self.stream,
            drop=LocalDrop(self.root),
            databases=LocalDatabases(self.root, {}),
            clock=FixedClock(self.now),
            zone=zone,
            code=CODE,
        )

    def _commit(self, day: date, landed: LandedDay) -> None:
        step = f"land:{self.source.name}"
        manifest = Manifest(
            step=step,
            dataset=self.source.name,
            reference_date=day,
            key=hashlib.sha256(repr(landed.objects).encode()).hexdigest(),
            inputs=declared.inputs(self.source, self.contract),
            code=CODE,
            objects=landed.objects,
            totals=Totals(records=landed.seal.landed.records, sums=landed.seal.landed.sums),
            facts={
                "seal": to_json(landed.seal),
                "findings": to_json(landed.findings),
                RECORD_ROOT: landed.record_root,
                **({PARTS: landed.parts} if landed.parts else {}),
            },
        )
        stored = self.objects.put_bytes("manifests", encode(manifest), suffix=".json")
        name = f"{step}/{day.isoformat()}"
        seen = self.pointers.read(name)
        assert self.pointers.switch({name: stored.sha256}, seen={name: seen}, epoch=1)

    def vouch(
        self,
        day: date,
        count: int,
        amount: str | None = "",
        digest: str | None = None,
        parts: Mapping[str, tuple[int, str]] | None = None,
    ) -> None:
        """
        Write the source's control record; `parts`: the count and amount of each file.

        Without an amount each record is worth 1.00; None: the record gives no sum.
        """
        amount = f"{count}.00" if amount == "" else amount
        record: dict[str, object] = {
            "source": self.source.name,
            "reference_date": day.isoformat(),
            "count": str(count),
            "sums": {} if amount is None else {"amount": amount},
        }
        if digest is not None:
            record["digest"] = digest
        if parts is not None:
            record["parts"] = {
                name: {"count": str(rows), "sums": {"amount": total}}
                for name, (rows, total) in parts.items()
            }
        path = self.root / f"control/{day:%Y%m%d}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(record))


def open_place(root: Path, source: Source, contract: Contract, now: datetime) -> Place:
    """Make a place in an empty folder, or open it again."""
    return Place(
        root=root,
        source=source,
        contract=contract,
        now=now,
        objects=LocalObjects(root / "lake"),
        pointers=SqlitePointers(root / "pointers.db"),
        engine=DuckDBEngine(),
    )


def codes(landed: LandedDay | LateDay) -> list[str]:
    """Return the codes of what was noticed, sorted."""
    return sorted(f.code for f in landed.findings)


def total(landed: LandedDay) -> tuple[int, Decimal]:
    """Return the records and the sum of `amount` that were landed."""
    return landed.seal.landed.records, landed.seal.landed.sums["amount"]


def _project(source: Source, contract: Contract) -> Project:
    return Project(
        name="test",
        time_zone="UTC",
        sources={source.name: source},
        contracts={source.name: contract},
        models={},
        checks={},
        controls={},
        reports={},
        calendars={},
        warehouse=WarehouseSettings(kind="duckdb", location="w.duckdb", tables=()),
        digest="d" * 64,
    )
