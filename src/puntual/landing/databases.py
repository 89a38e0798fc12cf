"""
Port `Databases`: chooses the reader by the connection, and writes a typed file.

What reads is given: a place that has no driver, or that cannot reach a kind of database, has no
reader for it, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa

from puntual.errors import PermanentError
from puntual.landing.typed import Border, TypedFile
from puntual.model.contract import Contract, Kind
from puntual.model.source import DatabaseSource
from puntual.ports.database import Extract, Recount

Read = Callable[
    [
        str,
        str,
        date,
        tuple[str, ...],
        tuple[str, ...],
        tuple[str, ...],
        Callable[[pa.RecordBatch], None],
    ],
    tuple[int, Mapping[str, Decimal], datetime],
]
"""
Reads one query: (connection, query, day, columns, measures, exact, sink) → count, sums, instant.

Such as `puntual.engines.postgresql.extract.read`, given from outside because psycopg is an extra.
"""

_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_ALIASES = {"postgres": "postgresql"}


@dataclass(frozen=True, slots=True)
class SourceDatabases:
    """
    Databases by URL or, of their own kind, by path; either by the name of an environment variable.

    Attributes:
        readers: Kind (`sqlite`, `postgresql`) → what reads it; None where its driver is missing.
        environment: Environment variables.
        border: Told a folder, translates what only its disk can be at fault for.
    """

    readers: Mapping[str, Read | None]
    environment: Mapping[str, str]
    border: Border

    def extract(
        self, source: DatabaseSource, contract: Contract, reference_date: date, folder: str
    ) -> Extract:
        """
        Run the query in one snapshot and write its rows to a file; see the port.

        Raises:
            TransientError: S1201 cannot connect, or the connection was lost.
            PermanentError: S1202 the query is refused; S1203 permission or authentication;
                S1204 a column of the contract is not in the result; S1205 a text that is not
                of its encoding; S1206 the connection cannot be used here; S1207 a number of the
                contract is a float there.
        """
        names = {c.name: c.source_name for c in contract.columns}
        measures = tuple(names[m.column] for m in contract.measures)
        numbers = tuple(names[c.name] for c in contract.columns if c.type.kind in _NUMBERS)
        file = TypedFile(contract, folder, self.border)
        count, sums, moment = self._read(
            source, reference_date, tuple(names.values()), measures, numbers, file.take
        )
        return Extract(
            path=file.finish(),
            records=file.records,
            control_count=count,
            control_sums={m.column: sums[names[m.column]] for m in contract.measures},
            snapshot_at=moment,
        )

    def recount(self, source: DatabaseSource, contract: Contract, reference_date: date) -> Recount:
        """
        Have the database count and sum the query's rows; see the port.

        Raises:
            TransientError: S1201 cannot connect, or the connection was lost.
            PermanentError: S1202 the query is refused; S1203 permission or authentication;
                S1206 the connection cannot be used here; S1207 a measure is a float there.
        """
        names = {c.name: c.source_name for c in contract.columns}
        measures = {m.column: names[m.column] for m in contract.measures}
        summed = tuple(measures.values())
        count, sums, _ = self._read(source, reference_date, (), summed, summed, lambda batch: None)
        return Recount(count=count, sums={c: sums[name] for c, name in measures.items()})

    def rows(
        self,
        source: DatabaseSource,
        reference_date: date,
        columns: tuple[str, ...],
        take: Callable[[Mapping[str, Sequence[str | None]], int], None],
    ) -> int:
        """
        Run the source's query in one snapshot and hand its rows on as text; see the port.

        Raises:
            TransientError: S1201 cannot connect, or the connection was lost.
            PermanentError: S1202 the query is refused; S1203 permission or authentication;
                S1204 a column is not in the result; S1206 the connection cannot be used here;
                S1207 a column is a float.
        """

        def sink(batch: pa.RecordBatch) -> None:
            take(batch.to_pydict(), batch.num_rows)

        count, _, _ = self._read(source, reference_date, columns, (), columns, sink)
        return count

    def probe(self, source: DatabaseSource) -> datetime:
        """
        Connect, answer a query of one row, and return the database's own instant.

        Raises:
            TransientError: S1201 cannot connect.
            PermanentError: S1203 permission or authentication; S1206 the connection cannot be
                used here.
        """
        asked = replace(source, query="SELECT 1 AS probe")
        _, _, moment = self._read(asked, date(1970, 1, 1), ("probe",), (), (), lambda batch: None)
        return moment

    def _read(
        self,
        source: DatabaseSource,
        day: date,
        columns: tuple[str, ...],
        measures: tuple[str, ...],
        exact: tuple[str, ...],
        sink: Callable[[pa.RecordBatch], None],
    ) -> tuple[int, Mapping[str, Decimal], datetime]:
        connection = self._resolved(source)
        kind, _, _ = connection.partition(":")
        kind = _ALIASES.get(kind, kind)
        if kind not in self.readers:
            known = " or ".join(f"{k}:…" for k in self.readers)
            raise _unusable(source, known, "another kind of connection")
        reader = self.readers[kind]
        if reader is None:
            raise _unusable(source, f"the driver of {kind}", "it is not installed")
        return reader(connection, source.query, day, columns, measures, exact, sink)

    def _resolved(self, source: DatabaseSource) -> str:
        kind, _, name = source.connection.partition(":")
        if kind != "env":
            return source.connection
        if not self.environment.get(name):
            raise _unusable(source, f"the environment variable {name}", "it is not set")
        return self.environment[name]


def _unusable(source: DatabaseSource, expected: str, observed: str) -> PermanentError:
    """Return the fault of a connection; its text is not repeated, it may hold a password."""
    return PermanentError(
        "S1206",
        f"the connection of {source.name} cannot be used here",
        where=f"source {source.name}",
        expected=expected,
        observed=observed,
        next_step="Set the variable or install the driver, then run again.",
    )
