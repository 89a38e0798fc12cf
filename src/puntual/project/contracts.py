"""Reads contracts: ODCS 3.1 and 3.2, with what puntual needs beyond the standard."""

from __future__ import annotations

import re
from dataclasses import dataclass

from puntual.model.contract import (
    Column,
    Contract,
    Csv,
    Format,
    JsonLines,
    Keep,
    Kind,
    Limit,
    Measure,
    Parquet,
)
from puntual.model.source import DatabaseSource, FileSource, Source, StreamSource
from puntual.project.columns import read_column, read_key
from puntual.project.complaints import Complaints, suggest
from puntual.project.extras import read_extras
from puntual.project.files import SourceFile
from puntual.project.odcs import is_reconciliation, misspelt_reconciliation, validate
from puntual.project.patterns import is_encoding
from puntual.project.section import Section, check_name
from puntual.project.team import owner_of
from puntual.project.yaml import Mapping, Sequence, load
from puntual.project.zones import is_zone, zone_names

_VERSION = re.compile(r"v3\.[12]\.[0-9]+")
_EXTRAS = frozenset(
    {
        "arrivalParts",
        "day",
        "format",
        "keep",
        "measures",
        "orderBy",
        "quarantineLimit",
        "timeZone",
    }
)
_PARTS = (Kind.TEXT, Kind.INTEGER)
_DAYS = (Kind.DATE, Kind.TIMESTAMP)
NUMBERS = (Kind.INTEGER, Kind.DECIMAL)
_TOLD = frozenset({"C1009", "C1010"})
"""Missing and mistyped keys: what the JSON Schema has told already."""
_UNREAD = {
    "quality": "quality rules of a contract are not run by puntual; declare a check instead",
    "relationships": "'relationships' are not checked by puntual; declare a check with reference",
    "slaProperties": "slaProperties are not acted upon by puntual; the report's due time is",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadContract:
    """A contract, its dataset's section for complaints about it, and who answers for it."""

    contract: Contract
    schema: Section
    owner: str = ""


def read_contract(
    source: SourceFile, complaints: Complaints, sources: dict[str, Source], time_zone: str
) -> ReadContract | None:
    """
    Read one contract.

    Args:
        source: The file.
        complaints: Where what is wrong goes.
        sources: By name; a source's kind decides what its contract may and must say.
        time_zone: The project's, for contracts that name none.

    Returns:
        None when there is no dataset to speak of.

    Raises:
        ProjectError: C1120 the standard's JSON Schema is not installed.
    """
    node = load(source, complaints)
    if node is None:
        return None
    if not isinstance(node, Mapping):
        Section(node, source, complaints, "the contract")
        return None
    mine = Complaints()
    top = Section(node, source, mine, "the contract")
    read = None
    told: frozenset[str] = frozenset()
    if _version(top):
        told = frozenset() if validate(node, source, complaints) else _TOLD
        read = _read(top, sources, time_zone)
    for complaint in mine.found:
        if complaint.code not in told:
            complaints.found[complaint] = None
    if read is not None:
        read.schema.complaints = complaints
    return read


def _read(top: Section, sources: dict[str, Source], time_zone: str) -> ReadContract | None:
    _warn(top)
    found = top.mapping.get("schema")
    if not isinstance(found, Sequence) or len(found.items) != 1:
        top.complain("C1103", "a contract has exactly one entry in 'schema'", "schema")
        return None
    schema = Section(found.items[0], top.source, top.complaints, "the dataset")
    name = schema.text("name")
    if schema.broken or not check_name(schema, name, schema.spot("name")):
        return None
    _warn(schema)
    contract = _dataset(top, schema, name, sources.get(name), time_zone)
    return ReadContract(contract=contract, schema=schema, owner=owner_of(top.mapping))


def _version(top: Section) -> bool:
    found = top.text("apiVersion")
    if found and not _VERSION.fullmatch(found):
        hint = "write apiVersion: v3.1.0"
        message = f"'{found}' is not ODCS 3.1 or 3.2"
        top.complain("C1102", message, "apiVersion", hint=hint)
    return bool(_VERSION.fullmatch(found))


def _warn(section: Section) -> None:
    """Say of each part of the standard that puntual does not carry out that it does not."""
    for entry in section.mapping.entries:
        if entry.key.text in _UNREAD:
            if entry.key.text == "quality":
                _warn_quality(section)
                continue
            section.complain("C1112", _UNREAD[entry.key.text], entry.key, severity="warning")


def _dataset(
    top: Section, schema: Section, name: str, source: Source | None, time_zone: str
) -> Contract:
    parts = schema.items("properties", "a column")
    read = [(column, part) for part in parts if (column := read_column(part)) is not None]
    for part in parts:
        _warn_quality(part)
    columns = [c for c, _ in read]
    _twins(read)
    extras = read_extras(schema, _EXTRAS).section
    form = _format(extras, source)
    zone = extras.text("timeZone", time_zone)
    if not is_zone(zone) and extras.mapping.get("timeZone"):
        hint = suggest(zone, zone_names())
        extras.complain("C1015", f"unknown time zone '{zone}'", "timeZone", hint=hint)
    measures = read_measures(extras, columns)
    return Contract(
        dataset=name,
        version=top.text("version"),
        file=top.source.path,
        columns=tuple(columns),
        format=form,
        key=read_key(schema, read),
        keep=extras.choice("keep", Keep, Keep.FIRST) or Keep.FIRST,
        order_by=_column(extras, "orderBy", columns, ()),
        day_column=_day(extras, columns, source),
        time_zone=zone,
        measures=measures,
        quarantine_limit=_limit(extras, measures),
        arrival_parts=_arrival_parts(extras, columns, source),
        digest=top.source.sha256,
    )


def _warn_quality(part: Section) -> None:
    """Say of each rule that it is not run; one that is nearly a control would be lost: an error."""
    entry = part.mapping.entry("quality")
    if entry is None:
        return
    for item in entry.value.items if isinstance(entry.value, Sequence) else (entry.key,):
        method = misspelt_reconciliation(item)
        if method is not None:
            message = f"'{method.text}' is no method of a quality rule that puntual runs"
            part.complain("C1111", message, method, hint="did you mean 'reconciliation'?")
        elif not is_reconciliation(item):
            part.complain("C1111", _UNREAD["quality"], item, severity="warning")


def _twins(read: list[tuple[Column, Section]]) -> None:
    names: set[str] = set()
    for column, part in read:
        if column.name in names:
            part.complain("C1303", f"two columns are called '{column.name}'", "name")
        names.add(column.name)


def _column(
    extras: Section, key: str, columns: list[Column], kinds: tuple[Kind, ...]
) -> str | None:
    name = extras.optional_text(key)
    if name is None:
        return None
    return name if check_column(extras, name, key, columns, kinds) else None


def check_column(
    section: Section,
    name: str,
    key: str,
    columns: list[Column],
    kinds: tuple[Kind, ...],
) -> bool:
    """Complain about a column that the contract does not have, or has with another type."""
    found = next((c for c in columns if c.name == name), None)
    if found is None:
        hint = suggest(name, [c.name for c in columns])
        section.complain("C1108", f"unknown column '{name}'", key, hint=hint)
    elif kinds and found.type.kind not in kinds:
        wanted = " or ".join(kinds)
        message = f"column '{name}' must be {wanted}, not {found.type.kind}"
        section.complain("C1109", message, key)
    else:
        return True
    return False


def _day(extras: Section, columns: list[Column], source: Source | None) -> str | None:
    day = _column(extras, "day", columns, _DAYS)
    if isinstance(source, StreamSource) and not extras.has("day"):
        message = "a stream's contract needs puntual.day: the column that says the day of a record"
        extras.complain("C1113", message)
    return day


def _arrival_parts(
    extras: Section, columns: list[Column], source: Source | None
) -> tuple[str, ...]:
    """Read the columns that arrivals are watched by; their values are told, so they are public."""
    key = "arrivalParts"
    found = extras.names(key, ())
    if found and isinstance(source, DatabaseSource):
        message = "puntual.arrivalParts is for what comes bit by bit; a database is asked once"
        extras.complain("C1113", message, key)
    public = {c.name for c in columns if c.classification == "public"}
    for name, spot in zip(found, extras.item_spots(key), strict=False):
        if check_column(extras, name, key, columns, _PARTS) and name not in public:
            message = f"column '{name}' is told by its values, and is not classified public"
            hint = "add classification: public, or leave it out"
            extras.complain("C1109", message, spot, hint=hint)
    return found


def read_measures(section: Section, columns: list[Column] | None) -> tuple[Measure, ...]:
    """Read measures; with columns, each must be one of them and a number."""
    found: list[Measure] = []
    for item in section.items("measures", "a measure", needed=False):
        measure = Measure(column=item.text("column"), unit=item.text("unit", ""))
        item.done()
        if measure.column in [m.column for m in found]:
            item.complain("C1303", f"measure '{measure.column}' stands twice", "column")
        elif columns is None or check_column(item, measure.column, "column", columns, NUMBERS):
            found.append(measure)
    return tuple(found)


def _limit(extras: Section, measures: tuple[Measure, ...]) -> Limit:
    section = extras.section("quarantineLimit", "puntual.quarantineLimit", needed=False)
    if section is None:
        return Limit()
    limit = Limit(rows=section.integer("rows", 0), amount=section.amount("amount", "0"))
    if limit.amount < 0:
        section.complain("C1011", "a limit cannot be negative", "amount")
    if limit.amount and not measures and not extras.mapping.get("measures"):
        section.complain("C1108", "a limit by amount needs puntual.measures", "amount")
    section.done()
    return limit


def _format(extras: Section, source: Source | None) -> Format:
    section = extras.section("format", "puntual.format", needed=False)
    if section is None:
        if isinstance(source, FileSource):
            message = "the contract of files needs puntual.format: csv, jsonl or parquet"
            extras.complain("C1113", message)
        return JsonLines() if isinstance(source, StreamSource) else Parquet()
    kind = section.one_of("type", ("csv", "jsonl", "parquet"))
    form: Format = _csv(section) if kind == "csv" else JsonLines()
    form = Parquet() if kind == "parquet" else form
    if not section.broken and kind:
        section.done()
    _fits(section, source, form, kind)
    return form


def _fits(section: Section, source: Source | None, form: Format, kind: str) -> None:
    """A stream's records are JSON, a database's extract is Parquet."""
    if kind and isinstance(source, StreamSource) and not isinstance(form, JsonLines):
        section.complain("C1113", f"a stream is read as jsonl, not {kind}", "type")
    if kind and isinstance(source, DatabaseSource) and not isinstance(form, Parquet):
        section.complain("C1113", f"a database is read as parquet, not {kind}", "type")


def _csv(section: Section) -> Csv:
    quote = section.text("quote", '"')
    csv = Csv(
        delimiter=section.text("delimiter", ","),
        quote=None if quote == "none" else quote,
        header=section.boolean("header", True),
        encoding=section.text("encoding", "utf-8"),
        decimal_mark=section.text("decimalMark", "."),
        group_mark=section.optional_text("groupMark"),
        null_values=section.texts("nullValues", ("",)),
        multiline=section.boolean("multiline", False),
    )
    for key, value in (
        ("delimiter", csv.delimiter),
        ("quote", csv.quote),
        ("groupMark", csv.group_mark),
    ):
        if value is not None and (len(value) != 1 or value in "\r\n"):
            section.complain("C1011", f"'{key}' must be one character", key)
    if csv.decimal_mark not in (".", ","):
        section.complain("C1011", "'decimalMark' must be . or ,", "decimalMark")
    if csv.group_mark == csv.decimal_mark:
        section.complain("C1011", "'groupMark' and 'decimalMark' must differ", "groupMark")
    if csv.delimiter == csv.quote:
        section.complain("C1011", "'delimiter' and 'quote' must differ", "delimiter")
    if not is_encoding(csv.encoding):
        section.complain("C1011", f"unknown encoding '{csv.encoding}'", "encoding")
    return csv
