"""
An exact warehouse for a handful of rows: a server that outlives the processes that use it.

A load is one transaction: its rows and its line in the load log are there both or neither, and
a lower epoch than the log's is refused (`ports.warehouse`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import cast

from puntual.errors import EvidenceError, PermanentError, TransientError
from puntual.model.contract import ColumnType
from puntual.model.manifest import Digest, Totals
from puntual.ports.engine import Answer
from puntual.ports.warehouse import LoadOrder
from sim.engine import ALGORITHM, Query, Row, read, totals, without_places


@dataclass(slots=True)
class TinyServer:
    """
    What is committed.

    Attributes:
        queries: SQL text → what it means, over the rows of one day.
        rows: (table, day) → rows.
        log: (table, day) → manifest and epoch of the load.
        down: It does not answer.
        lost: It was lost once; days that were delivered before are not loaded again.
    """

    queries: Mapping[str, Query]
    rows: dict[tuple[str, date], list[Row]] = field(default_factory=dict)
    log: dict[tuple[str, date], tuple[Digest, int]] = field(default_factory=dict)
    down: bool = False
    lost: bool = False

    def lose(self) -> None:
        """Lose everything, as a file that was deleted does."""
        self.rows.clear()
        self.log.clear()
        self.lost = True


@dataclass(frozen=True, slots=True)
class TinyWarehouse:
    """Port `Warehouse`: one process's connection to the server."""

    server: TinyServer
    digest_algorithm: str = ALGORITHM

    def load(self, order: LoadOrder) -> bool:
        """Replace a day, verify, log, commit; see the port."""
        self._reach()
        name = (order.table, order.reference_date)
        manifest, epoch = self.server.log.get(name, ("", 0))
        if epoch > order.epoch:
            raise PermanentError("T4001", f"a later run has loaded {order.table}")
        if manifest == order.manifest and not order.anew:
            return False
        rows = without_places(read(order.files), read(order.without))
        found = totals(rows, (), order.measures)
        if (found.records, found.sums) != (order.expected.records, dict(order.expected.sums)):
            raise EvidenceError("R4001", f"{order.table} does not hold what was expected")
        self.server.rows[name] = rows
        self.server.log[name] = (order.manifest, order.epoch)
        return True

    def loaded(self, table: str, reference_date: date) -> Digest | None:
        """Return what the load log holds for a day."""
        self._reach()
        return self.server.log.get((table, reference_date), (None, 0))[0]

    def totals(
        self,
        table: str,
        reference_date: date,
        key: tuple[str, ...],
        measures: tuple[str, ...],
        *,
        types: Mapping[str, ColumnType] | None = None,
    ) -> Totals:
        """Count, sum and digest a day's rows, which have one type each."""
        self._reach()
        rows = self.server.rows.get((table, reference_date), [])
        return totals(rows, key, measures, ALGORITHM)

    def columns(self, table: str) -> Mapping[str, str]:
        """Name no column: rows have no types of their own here."""
        return {}

    def digest_query(
        self,
        table: str,
        reference_date: date,
        key: tuple[str, ...],
        *,
        types: Mapping[str, ColumnType] | None = None,
    ) -> str:
        """Name what is digested: no SQL is read here."""
        return f"digest of {table}"

    def query(self, sql: str, params: Mapping[str, object], *, limit: int | None) -> Answer:
        """Answer one of the project's queries."""
        self._reach()
        day = cast(date, params["reference_date"])
        tables = {t: rows for (t, d), rows in self.server.rows.items() if d == day}
        return self.server.queries[" ".join(sql.split())](tables)

    def close(self) -> None:
        """Nothing is held open."""

    def _reach(self) -> None:
        if self.server.down:
            raise TransientError("T4003", "the warehouse does not answer")
