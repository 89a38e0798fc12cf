"""
An exact engine for a handful of rows: port `Engine` without a database behind it.

DuckDB takes tens of milliseconds for the queries of one small day, most of a simulated day's
budget, and no fault of this simulator lies inside of it. `test_tiny.py` compares this engine
with DuckDB's on the same raw objects. What SQL says is not read: a project of the simulator
names its models and queries in `sim.project`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from puntual.landing.arrivals import SCHEMA
from puntual.local.disk import translated
from puntual.model.check import Check, NotNull, Unique
from puntual.model.contract import Column, ColumnType, Contract, Csv, Keep, Kind
from puntual.model.finding import Place
from puntual.model.manifest import Totals
from puntual.model.planted import Look, Planted, Sample
from puntual.model.profile import ColumnProfile
from puntual.model.project import Model
from puntual.model.seal import Landed
from puntual.ports.engine import Answer, Built, Curated, DataFile, Day, DayPart, Offending, RawDay

Row = dict[str, object]
Tables = Mapping[str, list[Row]]
Build = Callable[[Tables], list[Row]]
Query = Callable[[Tables], Answer]
Effect = Callable[[str, str], None]

ALGORITHM = "tiny-md5"
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,2})?")
_ASIDE = {"class", "reason"}


@dataclass(frozen=True, slots=True)
class Record:
    """One raw record: where it is, and its fields as text; None when it is unreadable."""

    object: str
    position: int
    fields: Mapping[str, str | None] | None


@dataclass(frozen=True, slots=True)
class TinyEngine:
    """
    Reads by contract, in Python.

    Attributes:
        models: Model → what its SELECT means.
        effect: Told before each half of a file is written, so that a crash can tear it.
        queries: SQL text of plan B → what it means, over the rows of the raw day.
    """

    models: Mapping[str, Build]
    effect: Effect = lambda kind, detail: None
    queries: Mapping[str, Query] = field(default_factory=dict)
    digest_algorithm: str = ALGORITHM

    def count(self, raw: RawDay) -> Landed:
        """Count and sum the records of a raw day."""
        rows = [(r, typed(raw.contract, r)) for r in records(raw)]
        measures = [m.column for m in raw.contract.measures]
        unread = [r is None or any(_unread(r, m) for m in measures) for _, r in rows]
        days: dict[str, int] = {}
        for _, row in rows:
            day = row and row.get(raw.contract.day_column or "")
            if isinstance(day, date) and day != raw.reference_date:
                days[day.isoformat()] = days.get(day.isoformat(), 0) + 1
        good = [r for (_, r), bad in zip(rows, unread, strict=True) if r is not None and not bad]
        return Landed(
            records=len(rows),
            sums={m: total(good, m) for m in measures},
            unreadable=sum(unread),
            other_days=dict(sorted(days.items())),
        )

    def split(self, raw: RawDay, folder: str) -> tuple[DayPart, ...]:
        """Divide stream records by the day they name; None last."""
        table = pa.concat_tables([pq.read_table(p.uri, schema=SCHEMA) for p in raw.parts])
        held = list(zip(table.to_pylist(), records(raw), strict=True))
        days: dict[date | None, list[dict[str, object]]] = {}
        for line, record in held:
            row = typed(raw.contract, record)
            day = row and row.get(raw.contract.day_column or "")
            days.setdefault(day if isinstance(day, date) else None, []).append(line)
        parts = []
        for day in sorted(days, key=lambda d: d or date.max):
            lines = sorted(days[day], key=lambda r: (str(r["shard"]), int(str(r["sequence"]))))
            path = os.path.join(folder, f"{day.isoformat() if day else 'no_day'}.parquet")
            pq.write_table(pa.Table.from_pylist(lines, schema=SCHEMA), path)
            parts.append(DayPart(day=day, path=path, records=len(lines)))
        return tuple(parts)

    def curate(self, raw: RawDay, folder: str) -> Curated:
        """Parse, set aside, remove duplicates."""
        contract = raw.contract
        kept, aside = _judged(raw)
        conflicts = _without_duplicates(contract, kept, aside)
        aside.sort(key=lambda r: (r["ordinal"],))
        path = os.path.join(folder, f"{contract.dataset}.rows")
        aside_path = os.path.join(folder, f"{contract.dataset}.aside")
        self._write(path, [{k: v for k, v in r.items() if k != "ordinal"} for r in kept])
        self._write(aside_path, [{k: v for k, v in r.items() if k != "ordinal"} for r in aside])
        measures = [m.column for m in contract.measures]
        classes = sorted({(str(r["class"]), str(r["reason"])) for r in aside})
        return Curated(
            files=(DataFile(path=path, records=len(kept)),),
            totals=totals(kept, (), measures),
            set_aside_path=aside_path,
            set_aside={
                c: totals([r for r in aside if (r["class"], r["reason"]) == c], (), measures)
                for c in classes
            },
            conflicts=conflicts,
        )

    def build(self, model: Model, day: Day, folder: str) -> Built:
        """Make a model's rows."""
        made = self.models[model.name]({name: read(files) for name, files in day.tables.items()})
        path = os.path.join(folder, f"{model.name}.rows")
        self._write(path, made)
        return Built(
            files=(DataFile(path=path, records=len(made)),),
            totals=totals(made, (), [m.column for m in model.measures]),
            columns=tuple((name, "VARCHAR") for name in (made[0] if made else ())),
        )

    def offending(
        self, check: Check, measures: tuple[str, ...], day: Day, folder: str
    ) -> Offending:
        """Find the rows that break a rule."""
        rows = read(day.tables[check.dataset])
        found = list(_offending(check, rows))
        path = ""
        if found:
            path = os.path.join(folder, "offending.rows")
            self._write(path, [{k: r[k] for k in ("_object", "_position")} for r in found])
        return Offending(
            rows=len(found),
            amounts={m: total(found, m) for m in measures},
            sample=tuple(
                Place(object=str(r["_object"]), position=int(str(r["_position"]))) for r in found
            )[:20],
            path=path,
        )

    def plant(
        self, samples: tuple[Sample, ...], looks: tuple[Look, ...], *, day: date, zone: str
    ) -> Planted:
        """Plant nothing: what a fault looks like is DuckDB's to show."""
        return Planted(columns={}, measured={})

    def profile(
        self, files: tuple[DataFile, ...], columns: tuple[tuple[str, str], ...], *, zone: str
    ) -> tuple[ColumnProfile, ...]:
        """Describe no column."""
        return ()

    def totals(
        self,
        files: tuple[str, ...],
        key: tuple[str, ...],
        measures: tuple[str, ...],
        *,
        algorithm: str,
        without: tuple[str, ...] = (),
        types: Mapping[str, ColumnType] | None = None,
    ) -> Totals:
        """Count, sum and digest rows, which have one type each."""
        return totals(without_places(read(files), read(without)), key, measures, algorithm)

    def digest_query(
        self,
        dataset: str,
        columns: Mapping[str, str],
        day: date,
        key: tuple[str, ...],
        *,
        algorithm: str,
        types: Mapping[str, ColumnType] | None = None,
    ) -> str:
        """Name what is digested: no SQL is read here."""
        return f"digest of {dataset}"

    def query(self, sql: str, day: Day, *, limit: int | None) -> Answer:
        """Answer plan B, and what the runner asks of rows that were set aside or carried."""
        known = self.queries.get(" ".join(sql.split()))
        if known is not None:
            return known({name: read(files) for name, files in day.tables.items()})
        if "carried" in day.tables:
            asked = sql.count(
                "FILTER"
            )  # of columns whose values are numbers here, whatever is said
            names = tuple(f"n{i}" for i in range(asked))
            return Answer(names=names, types=("BIGINT",) * asked, columns=((0,),) * asked)
        aside = read(day.tables["set_aside"])
        if "row_number()" in sql:
            names = ("class", "reason", "_object", "_position")
            rows = sorted((tuple(r[n] for n in names) for r in aside), key=str)
            columns = tuple(zip(*rows, strict=True)) if rows else ((), (), (), ())
            return Answer(names=names, types=("VARCHAR",) * 4, columns=columns)
        column = sql.split('abs("', 1)[1].split('"', 1)[0] if 'abs("' in sql else "amount"
        lost = [r for r in aside if r["class"] == "quarantined"]
        if "offending" in day.tables:
            places = {_place(r) for r in read(day.tables["offending"])}
            lost += [r for r in read(day.tables["kept"]) if _place(r) in places]
        amount = sum((abs(v) for r in lost if isinstance(v := r[column], Decimal)), Decimal(0))
        return Answer(names=("n",), types=("DECIMAL(38,2)",), columns=((amount,),))

    def _write(self, path: str, rows: Sequence[Row]) -> None:
        data = json.dumps([_out(r) for r in rows], sort_keys=True).encode()
        with translated(path):
            self.effect("engine.write", path)
            with open(path, "wb") as file:
                file.write(data[: len(data) // 2])
                file.flush()
                self.effect("engine.write", path)
                file.write(data[len(data) // 2 :])


def records(raw: RawDay) -> Iterator[Record]:
    """Yield the records of a raw day in order."""
    for part in raw.parts:
        if raw.stream:
            for at, line in enumerate(pq.read_table(part.uri)["payload"].to_pylist(), 1):
                yield Record(part.short, at, _json(line))
        elif isinstance(raw.contract.format, Csv):
            yield from _csv(part.uri, part.short, raw.contract.format)
        else:
            for at, row in enumerate(pq.read_table(part.uri).to_pylist(), 1):
                fields = {k: None if v is None else str(v) for k, v in row.items()}
                yield Record(part.short, at, fields)


def typed(contract: Contract, record: Record) -> Row | None:
    """Return a record's values; text that is no such value is kept as `Bad`."""
    if record.fields is None:
        return None
    return {c.name: _value(c, record.fields.get(c.source_name)) for c in contract.columns}


class Bad(str):
    """A text that is not of its column's type."""


def read(files: Iterable[str]) -> list[Row]:
    """Read rows that this engine wrote."""
    rows: list[Row] = []
    for file in files:
        with open(file, "rb") as opened:
            rows += [_in(r) for r in json.load(opened)]
    return rows


def totals(
    rows: Sequence[Row], key: Sequence[str], measures: Sequence[str], algorithm: str = ""
) -> Totals:
    """Count and sum rows; digest the multiset of (key, measures) if a key is given."""
    digest = ""
    if key and algorithm:
        columns = (*key, *measures)
        lines = sorted("\x1f".join(str(r[c]) for c in columns) for r in rows)
        digest = hashlib.md5("\n".join(lines).encode()).hexdigest()
    return Totals(
        records=len(rows),
        sums={m: total(rows, m) for m in measures},
        key_digest=digest,
        algorithm=algorithm if digest else "",
    )


def total(rows: Iterable[Row], column: str) -> Decimal:
    """Return the exact sum of a column."""
    return sum((v for r in rows if isinstance(v := r[column], Decimal)), Decimal(0))


def without_places(rows: Sequence[Row], places: Sequence[Row]) -> list[Row]:
    """Return the rows that lie at none of these places."""
    gone = {_place(r) for r in places}
    return [r for r in rows if not gone or _place(r) not in gone]


def _place(row: Row) -> tuple[object, object]:
    return row["_object"], row["_position"]


def _csv(path: str, short: str, form: Csv) -> Iterator[Record]:
    with open(path, encoding=form.encoding, newline="") as file:
        lines = file.read().split("\n")
    names = lines[0].split(form.delimiter)
    for at, line in enumerate(lines[1:], 2):
        if line:
            values = next(csv.reader([line], delimiter=form.delimiter))
            good = len(values) == len(names)
            fields = {n: v or None for n, v in zip(names, values, strict=False)}
            yield Record(short, at, fields if good else None)


def _json(line: bytes) -> Mapping[str, str | None] | None:
    try:
        value = json.loads(line, parse_float=str, parse_int=str)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    return {k: None if v is None else str(v) for k, v in value.items()}


def _value(column: Column, text: str | None) -> object:
    if text is None:
        return None
    try:
        match column.type.kind:
            case Kind.DECIMAL:
                return Decimal(text) if _NUMBER.fullmatch(text) else Bad(text)
            case Kind.INTEGER:
                return int(text)
            case Kind.DATE:
                return date.fromisoformat(text)
            case Kind.TIMESTAMP:
                return datetime.fromisoformat(text)
            case _:
                return text
    except ValueError:
        return Bad(text)


def _unread(row: Row, measure: str) -> bool:
    return not isinstance(row[measure], Decimal)


_WRONG = {Kind.DECIMAL: "not_a_decimal", Kind.DATE: "not_a_date", Kind.INTEGER: "not_an_integer"}


def _judged(raw: RawDay) -> tuple[list[Row], list[Row]]:
    kept: list[Row] = []
    aside: list[Row] = []
    for ordinal, record in enumerate(records(raw)):
        row = typed(raw.contract, record)
        verdict = _verdict(raw, row)
        place = {"_object": record.object, "_position": record.position, "ordinal": ordinal}
        if verdict is None and row is not None:
            kept.append({**row, **place})
        elif verdict is not None:
            aside.append(_set_aside(raw.contract, row or {}, place, *verdict))
    return kept, aside


def _set_aside(contract: Contract, row: Row, place: Row, kind: str, reason: str) -> Row:
    amounts: Row = {
        m.column: v if isinstance(v := row.get(m.column), Decimal) else None
        for m in contract.measures
    }
    return {**amounts, **place, "class": kind, "reason": reason}


def _verdict(raw: RawDay, row: Row | None) -> tuple[str, str] | None:
    if row is None:
        return "quarantined", "unreadable"
    for column in raw.contract.columns:
        value = row[column.name]
        if value is None and column.required:
            return "quarantined", "required"
        if isinstance(value, Bad):
            return "quarantined", _WRONG[column.type.kind]
    day = raw.contract.day_column
    found = row[day] if day is not None else None
    if isinstance(found, date) and found != raw.reference_date:
        earlier = found < raw.reference_date
        return ("late", "earlier_day") if earlier else ("quarantined", "later_day")
    return None


def _without_duplicates(contract: Contract, kept: list[Row], aside: list[Row]) -> int:
    if not contract.key:
        return 0
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in kept:
        groups.setdefault(tuple(row[k] for k in contract.key), []).append(row)
    conflicts = 0
    names = [c.name for c in contract.columns]
    for rows in groups.values():
        stays = _stays(contract, rows)
        for row in rows:
            if row is not stays:
                kept.remove(row)
                conflicts += any(row[n] != stays[n] for n in names)
                place = {k: row[k] for k in ("_object", "_position", "ordinal")}
                aside.append(_set_aside(contract, row, place, "duplicate", "duplicate_key"))
    return conflicts


def _stays(contract: Contract, rows: list[Row]) -> Row:
    by = contract.order_by
    last = contract.keep is Keep.LAST
    ranked = sorted(rows, key=lambda r: (int(str(r[by])) if by else 0, int(str(r["ordinal"]))))
    return ranked[-1] if last else ranked[0]


def _offending(check: Check, rows: Sequence[Row]) -> Iterator[Row]:
    rule = check.rule
    if isinstance(rule, NotNull):
        yield from (r for r in rows if any(r[c] is None for c in rule.columns))
    elif isinstance(rule, Unique):
        keys = [tuple(r[c] for c in rule.columns) for r in rows]
        yield from (r for r, k in zip(rows, keys, strict=True) if keys.count(k) > 1)
    else:
        raise TypeError(f"the simulator has no rule like {rule}")


_OUT = {Decimal: "n", date: "d", datetime: "t"}


def _out(row: Row) -> dict[str, object]:
    return {k: [_OUT[type(v)], str(v)] if type(v) in _OUT else v for k, v in sorted(row.items())}


def _in(row: Mapping[str, object]) -> Row:
    return {k: _back(v) for k, v in row.items()}


def _back(value: object) -> object:
    if not isinstance(value, list):
        return value
    kind, text = value
    return Decimal(text) if kind == "n" else date.fromisoformat(text)
