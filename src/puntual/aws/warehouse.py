"""Port `Warehouse` on Redshift: the day's rows replace the day's rows, in one batch."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from puntual.aws.bucket import Bucket
from puntual.aws.cache import local_disk
from puntual.aws.redshift_data import Cell, DataApi, Ended, fault
from puntual.checks.comparable import is_exact
from puntual.checks.encoding import ALGORITHM
from puntual.engines.dialect import loads
from puntual.engines.dialect.loads import DAY, LOG
from puntual.engines.dialect.sql import literal
from puntual.engines.postgresql.answers import converted, refused, shape, tables_of
from puntual.engines.postgresql.rows import duckdb_type, file_columns
from puntual.engines.redshift import load as loading
from puntual.engines.redshift.blanks import compared
from puntual.engines.redshift.compile import compile_query, texts
from puntual.engines.redshift.digest import totals_sql
from puntual.engines.redshift.load import (
    DIFFERS,
    FENCED,
    LEFT_OUT,
    PLACES,
    SAME,
    STAGED,
    Copied,
    Load,
    failed,
)
from puntual.errors import ProjectError, PuntualError, TransientError
from puntual.model.contract import ColumnType
from puntual.model.manifest import Digest, Totals
from puntual.ports.engine import Answer
from puntual.ports.warehouse import LoadOrder

UNLOADED = "unloaded/"
"""Below the folder of loads: Redshift's role may write there, and nowhere else."""

_LONGEST = 127
_TEXT_TYPES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})


class RedshiftWarehouse:
    """
    Tables in the first schema of the user's search path.

    COPY reads from S3 alone: a file that lies there already is named, any other is put beside
    the lake under its digest first, and stays until the bucket's lifecycle removes it.
    """

    digest_algorithm = ALGORITHM

    def __init__(
        self,
        api: DataApi,
        bucket: Bucket,
        *,
        role: str = "default",
        address: Callable[[str], str | None] = lambda path: None,
    ) -> None:
        """
        Keep the ways to Redshift and S3.

        Args:
            api: To the database.
            bucket: The folder into which manifests of COPY, and files that are not on S3 yet,
                are put; COPY reads them there.
            role: `default` or the ARN of a role by which COPY reads the bucket.
            address: Returns the `s3://` address of a local copy of an object; None for a file
                that is no such copy.
        """
        self._api = api
        self._bucket = bucket
        self._role = role
        self._address = address

    def load(self, order: LoadOrder) -> bool:
        """
        Replace the day's rows in one transaction; see the port.

        Returns:
            False when it was already loaded.

        Raises:
            EvidenceError: R4001 the table does not hold what was expected; nothing changed.
            PermanentError: T4001 the log holds a higher epoch; T4002 a file is missing, a type
                is changed or is not exact, or Redshift refuses; T5004-T5008.
            TransientError: T4003 it does not answer, or another load was there first; T5001,
                T5002, T5003.
        """
        columns = _order_columns(order)
        held, entry = self._standing(order.table, order.reference_date)
        _see_epoch(order, entry)
        if entry is not None and entry[0] == order.manifest and not order.anew:
            return False
        _see_types(order.table, columns, held)
        load = self._prepared(order, columns, held)
        if set(order.measures) - set(order.expected.sums):
            raise self._differs(order, load)
        try:
            batch = (loading.log_table(), *loading.statements(load))
            ended = self._api.run_all(batch)
        except TransientError:
            if self._done(order):
                return True
            raise
        match failed(ended.error):
            case "" if not ended.error:
                return True
            case mark if mark == SAME:
                return False
            case mark if mark == FENCED:
                entry = self._standing(order.table, order.reference_date)[1]
                raise loads.fenced(order, entry[1] if entry else order.epoch + 1)
            case mark if mark == DIFFERS:
                raise self._differs(order, load)
        raise fault(ended.error, "\n".join(batch), f"warehouse table {order.table}", "T4002")

    def loaded(self, table: str, reference_date: date) -> Digest | None:
        """
        Return the manifest that the load log holds for a table's day.

        Raises:
            PermanentError: T4002, T5004-T5008.
            TransientError: T4003, T5001, T5002.
        """
        entry = self._standing(table, reference_date)[1]
        return None if entry is None else entry[0]

    def totals(
        self,
        table: str,
        reference_date: date,
        key: tuple[str, ...],
        measures: tuple[str, ...],
        *,
        types: Mapping[str, ColumnType] | None = None,
    ) -> Totals:
        """
        Count, sum and digest the day's rows; a table that does not exist has none.

        Raises:
            ProjectError: R6001 a column cannot be read as it is asked; R6002 it is not of an
                exact type, or not there.
            PermanentError: T4002, T5004-T5008.
            TransientError: T4003, T5001, T5002.
        """
        algorithm = self.digest_algorithm if key else ""
        held = self._kinds((table,))[table]
        if not held:
            return loads.no_rows(measures, algorithm)
        sql = totals_sql(table, reference_date, key, measures, held, as_types=types)
        row = self._rows(sql, where=f"warehouse table {table}")[0]
        records, *rest = (Decimal(str(cell)) for cell in row)
        digest = f"{rest[-2]}:{rest[-1]}" if key and records else "0"
        return Totals(
            records=int(records),
            sums=dict(zip(measures, rest, strict=False)),
            key_digest=digest if key else "",
            algorithm=algorithm,
        )

    def columns(self, table: str) -> Mapping[str, str]:
        """
        Return a table's columns with their types in DuckDB's words; see the port.

        Raises:
            PermanentError: T4002, T5004-T5008.
            TransientError: T4003, T5001, T5002.
        """
        return self._kinds((table,))[table]

    def digest_query(
        self,
        table: str,
        reference_date: date,
        key: tuple[str, ...],
        *,
        types: Mapping[str, ColumnType] | None = None,
    ) -> str:
        """
        Return the SELECT with which `totals` counts and digests; see the port.

        Raises:
            ProjectError: R6001, R6002 a column is not there, or not of the type that is asked.
            PermanentError: T4002, T5004-T5008.
            TransientError: T4003, T5001, T5002.
        """
        held = self._kinds((table,))[table]
        if not held:
            return ""
        return totals_sql(table, reference_date, key, (), held, as_types=types)

    def query(self, sql: str, params: Mapping[str, object], *, limit: int | None) -> Answer:
        """
        Answer one read-only SELECT in DuckDB's dialect with named parameters (`:name`).

        Raises:
            PermanentError: Q1001 the SQL failed; T5004-T5008.
            ProjectError: Q1003 it has no exact counterpart in Redshift, or compares texts that
                end in blanks, which Redshift does not see.
            TransientError: T4003, T5001, T5002.
        """
        compiled = compile_query(sql, params)
        known = self._columns((*tables_of(sql), LOG))
        has_log = bool(known.pop(LOG))
        names, types = shape(sql, params, {table: c for table, c in known.items() if c})
        if has_log:
            self._see_blanks(sql, tuple(known))
        used = {name: text for name, text in texts(params).items() if f":{name}" in compiled}
        where = "query on the warehouse"
        ended = self._asked(compiled, used, where=where, otherwise="Q1001")
        rows = self._api.rows(ended, limit=None if limit is None else limit + 1)
        truncated = limit is not None and len(rows) > limit
        kept = rows[:limit] if truncated else rows
        columns: Sequence[tuple[Cell, ...]] = (
            tuple(zip(*kept, strict=True)) if kept else tuple(() for _ in names)
        )
        exact = tuple(
            converted(tuple(_value(cell, kind) for cell in column), kind)
            for column, kind in zip(columns, types, strict=True)
        )
        return Answer(names=names, types=types, columns=exact, truncated=truncated)

    def unload(
        self, table: str, reference_date: date, into: Path
    ) -> tuple[Mapping[str, str], tuple[str, ...]]:
        """
        Copy a day's rows of a table to this machine as Parquet, by way of S3.

        Args:
            table: Which table.
            reference_date: The day.
            into: An empty folder.

        Returns:
            The columns that were written with their types in DuckDB's words, all but the day's,
            of those whose type is exact; and the files, which may be none where no row is.

        Raises:
            PermanentError: T4002 there is no such table, or Redshift refuses; T1001-T1003,
                T5004-T5008.
            TransientError: T4003 it does not answer; T5001, T5002.
        """
        where, folder = f"warehouse table {table}", f"{UNLOADED}{secrets.token_hex(16)}/"
        columns = {n: t for n, t in self._columns((table,))[table].items() if n != DAY}
        if not columns:
            raise fault(f'relation "{table}" does not exist', "", where, "T4002")
        target = self._bucket.where(folder)
        statement = loading.unload(table, reference_date, columns, target, self._role)
        self._asked(statement, {}, where=where, otherwise="T4002")
        paths = []
        for number, found in enumerate(list(self._bucket.listed(folder))):
            path = into / f"{number:06}.parquet"
            with local_disk(str(path)), path.open("xb") as file:
                for block in self._bucket.blocks(found.name):
                    file.write(block)
            self._bucket.hide(found.name)
            paths.append(str(path))
        return columns, tuple(paths)

    def close(self) -> None:
        """Give up nothing: each call stands for itself."""

    def _standing(self, table: str, day: date) -> tuple[dict[str, str], tuple[Digest, int] | None]:
        """Return the table's columns, and what the log holds for its day."""
        known = self._columns((table, LOG))
        if not known[LOG]:
            return known[table], None
        sql = (
            f"SELECT manifest, epoch FROM {LOG} WHERE table_name = {literal(table)} "
            f"AND {DAY} = DATE '{day.isoformat()}'"
        )
        rows = self._rows(sql, where=f"warehouse table {table}")
        return known[table], (str(rows[0][0]), int(str(rows[0][1]))) if rows else None

    def _columns(self, tables: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return name → type, in DuckDB's words, of tables' columns that have an exact type."""
        return {
            table: {name: word for name, word in held.items() if is_exact(word)}
            for table, held in self._kinds(tables).items()
        }

    def _kinds(self, tables: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return name → type of tables' columns: in DuckDB's words, or in its own if not exact."""
        listed = ", ".join(literal(table) for table in tables)
        rows = self._rows(
            "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) "
            "FROM pg_catalog.pg_attribute AS a "
            "JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid "
            "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
            f"WHERE n.nspname = current_schema() AND c.relname IN ({listed}) "
            "AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            where="the warehouse's catalog",
        )
        found: dict[str, dict[str, str]] = {table: {} for table in tables}
        for table, name, kind in rows:
            found[str(table)][str(name)] = duckdb_type(str(kind)) or str(kind)
        return found

    def _see_blanks(self, sql: str, tables: tuple[str, ...]) -> None:
        """Refuse a SELECT whose answer depends on blanks at the end of a text (X9)."""
        if not tables:
            return
        listed = ", ".join(literal(table) for table in tables)
        asked = f"SELECT DISTINCT padded FROM {LOG} WHERE table_name IN ({listed})"
        rows = self._rows(asked, where="the load log")
        padded = {name for (cell,) in rows for name in str(cell).split(",") if name}
        names = compared(sql, padded) if padded else ()
        if names:
            raise ProjectError(
                "Q1003",
                f"The statement compares {', '.join(names)}, which holds texts that end in blanks; "
                "Redshift compares them as if they did not.",
                expected="texts without blanks at their end where they are compared",
                observed=", ".join(names),
                next_step="Write rtrim(…) in the model, or compare another column.",
            )

    def _prepared(
        self, order: LoadOrder, columns: Mapping[str, str], held: Mapping[str, str]
    ) -> Load:
        """Put the manifests of COPY, and what is not on S3 yet, where COPY reads."""
        without = None
        if order.without:
            without = Copied(table=LEFT_OUT, columns=PLACES, manifest=self._manifest(order.without))
        return Load(
            table=order.table,
            day=order.reference_date,
            rows=Copied(table=STAGED, columns=columns, manifest=self._manifest(order.files)),
            without=without,
            held=held,
            records=order.expected.records,
            sums={name: order.expected.sums.get(name, Decimal(0)) for name in order.measures},
            manifest=order.manifest,
            epoch=order.epoch,
            anew=order.anew,
            role=self._role,
        )

    def _manifest(self, files: Sequence[str]) -> str:
        if not files:
            return ""
        body = loading.manifest_bytes([self._placed(path) for path in files])
        name = f"{hashlib.sha256(body).hexdigest()}.json"
        self._bucket.create(name, body)
        return self._bucket.where(name)

    def _placed(self, path: str) -> tuple[str, int]:
        """Return a file's address on S3 and its size in bytes."""
        size = os.path.getsize(path)
        known = self._address(path)
        if known is not None:
            return known, size
        with open(path, "rb") as file:
            data = file.read()
        name = f"{hashlib.sha256(data).hexdigest()}.parquet"
        self._bucket.create(name, data)
        return self._bucket.where(name), size

    def _done(self, order: LoadOrder) -> bool:
        """Ask the log whether a load whose answer was lost was done."""
        try:
            entry = self._standing(order.table, order.reference_date)[1]
        except PuntualError:
            return False
        return entry == (order.manifest, order.epoch)

    def _differs(self, order: LoadOrder, load: Load) -> PuntualError:
        """Measure what the files hold, for the message; the batch that failed left nothing."""
        statements = (*loading.staged(load), loading.measured(load))
        ended = self._api.run_all(statements)
        if ended.error:
            where = f"warehouse table {order.table}"
            return fault(ended.error, "\n".join(statements), where, "T4002")
        records, *sums = self._api.rows(ended)[0]
        seen = {n: Decimal(str(s)) for n, s in zip(load.sums, sums, strict=True)}
        return loads.differs(order, str(records), seen)

    def _rows(self, sql: str, *, where: str) -> tuple[tuple[Cell, ...], ...]:
        return self._api.rows(self._asked(sql, {}, where=where, otherwise="T4002"))

    def _asked(self, sql: str, params: Mapping[str, str], *, where: str, otherwise: str) -> Ended:
        ended = self._api.run(sql, params)
        if ended.error:
            raise fault(ended.error, sql, where, otherwise)
        return ended


def _order_columns(order: LoadOrder) -> dict[str, str]:
    """Return name → type of the files' columns, having refused what is not kept exactly."""
    try:
        shapes = [file_columns(path) for path in order.files]
        places = [set(PLACES) <= set(file_columns(path)) for path in order.without]
    except (OSError, pa.ArrowInvalid) as exc:
        raise loads.refused(
            f"a file of {order.table} cannot be read",
            "every file of the manifest",
            type(exc).__name__,
        ) from exc
    columns = shapes[0] if shapes else {}
    if any(other != columns for other in shapes) or not all(places):
        raise loads.unlike(order.table)
    for name, kind in columns.items():
        loads.see_name(order.table, name, longest=_LONGEST)
        if not kind:
            raise loads.inexact(order.table, name, "another type")
    return columns


def _see_types(table: str, columns: Mapping[str, str], held: Mapping[str, str]) -> None:
    for name, kind in columns.items():
        if held and held.get(name, kind) != kind:
            raise loads.retyped(table, name, held[name], kind)


def _see_epoch(order: LoadOrder, entry: tuple[Digest, int] | None) -> None:
    if entry is not None and entry[1] > order.epoch:
        raise loads.fenced(order, entry[1])


def _value(cell: Cell, kind: str) -> object:
    """Read a cell as a type in DuckDB's words."""
    if cell is None or isinstance(cell, bool):
        return cell
    try:
        if kind in _TEXT_TYPES:
            return _instant(str(cell), kind)
        if kind == "VARCHAR":
            return str(cell)
        return cell if isinstance(cell, int) else Decimal(cell)
    except (ValueError, ArithmeticError) as exc:
        raise refused(f"a value is no {kind}") from exc


def _instant(text: str, kind: str) -> object:
    if kind == "DATE" and len(text) == len("2026-11-20"):
        return date.fromisoformat(text)
    found = datetime.fromisoformat(text)
    if kind == "DATE":
        return found.date()
    if kind == "TIMESTAMP":
        return found.replace(tzinfo=None)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
