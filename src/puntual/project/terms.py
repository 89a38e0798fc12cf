"""Reads the terms of a control's sides: where rows stand, which of them, and what is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from puntual.model.contract import Kind
from puntual.model.control import (
    Asked,
    DatabaseSide,
    KeyKind,
    MeasureKind,
    QuerySide,
    ReportSide,
    Side,
    Stage,
    StagedSide,
    Term,
)
from puntual.model.source import DatabaseSource
from puntual.project.around import Known
from puntual.project.complaints import Spot, suggest
from puntual.project.datasets import check_number
from puntual.project.projections import CLOCK, Columns, resolve, resolve_expression
from puntual.project.queries import parameter_errors, parse, parse_expression, read_tables
from puntual.project.section import Section
from puntual.project.snippets import from_key
from puntual.project.yaml import Mapping as MappingNode
from puntual.project.yaml import Node, Scalar, Sequence

KINDS = (
    MeasureKind.COUNT,
    MeasureKind.COUNT_NEGATIVE,
    MeasureKind.DISTINCT,
    MeasureKind.SUM,
    MeasureKind.SUM_NEGATIVE,
    MeasureKind.SUM_POSITIVE,
    MeasureKind.MIN,
    MeasureKind.MAX,
    MeasureKind.DIGEST,
)
"""Measures that a project may declare; a query's one value is what it has without them."""

_OF_NUMBERS = (
    MeasureKind.SUM,
    MeasureKind.SUM_NEGATIVE,
    MeasureKind.SUM_POSITIVE,
    MeasureKind.COUNT_NEGATIVE,
)
_ORDERED = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.DATE, Kind.TIMESTAMP, CLOCK, ""})
_KEYS = {
    Kind.INTEGER.value: KeyKind.NUMBER,
    Kind.DECIMAL.value: KeyKind.NUMBER,
    Kind.BOOLEAN.value: KeyKind.BOOLEAN,
    Kind.TIMESTAMP.value: KeyKind.INSTANT,
    CLOCK: KeyKind.CLOCK,
}
_PLACES = (*(s.value for s in Stage), "report", "query", "database")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTerm:
    """
    A term as it is read, before its measures are.

    Attributes:
        section: Where it stands.
        side: Where its rows stand.
        columns: Their columns; None where they cannot be told.
        names: What this side calls the control's columns, where it calls them otherwise.
        where: A condition on a row; "" for all.
        rows: Texts that columns of a report's file must have.
        minus: It is taken away.
        own: A measure that stands in the term itself (`equal`, `tie`); None: the control's.
    """

    section: Section
    side: Side
    columns: Columns | None
    names: Mapping[str, str]
    where: str
    rows: Mapping[str, str]
    minus: bool
    own: Asked | None

    def called(self, name: str) -> str:
        """Return what this side calls a column."""
        return self.names.get(name, name)

    def kind(self, name: str) -> str:
        """Return the kind of a column, "" where it cannot be told."""
        return (self.columns or {}).get(self.called(name), "")

    def term(
        self,
        asked: tuple[Asked, ...],
        by: tuple[str, ...],
        kind: Callable[[str], str] = lambda _: "",
    ) -> Term:
        """
        Return the term with what is measured of it, by the control's names.

        Args:
            asked: What is measured.
            by: The grain.
            kind: What a column is on the sides that say so, "" where none does.
        """
        apart = [c for a in asked if a.kind is MeasureKind.DISTINCT for c in a.columns]
        keys = {self.called(name): _KEYS.get(kind(name)) for name in (*by, *apart)}
        texts = isinstance(self.side, DatabaseSide)
        return Term(
            side=self.side,
            asked=tuple(
                Asked(kind=a.kind, columns=tuple(map(self.called, a.columns))) for a in asked
            ),
            by=tuple(map(self.called, by)),
            where=self.where,
            rows=self.rows,
            minus=self.minus,
            kinds={name: found for name, found in keys.items() if texts and found is not None},
        )


def kind_among(terms: tuple[ReadTerm, ...]) -> Callable[[str], str]:
    """Return what says which kind a column has in the first term that tells it, else ""."""
    return lambda name: next(filter(None, (t.kind(name) for t in terms)), "")


def read_terms(
    parent: Section, key: str, known: Known, *, own: bool = False
) -> tuple[ReadTerm, ...]:
    """
    Read one side: a SELECT, a mapping, or a list of mappings whose measures are added up.

    Args:
        parent: Where the side stands.
        key: Under which key.
        known: What it may name.
        own: Each term names its one measure itself.

    Returns:
        The terms that could be read; none where there is none.
    """
    node = parent.need(key)
    if node is None:
        return ()
    if isinstance(node, Scalar):
        alone = MappingNode(entries=tuple(e for e in parent.mapping.entries if e.key.text == key))
        section = Section(alone, parent.source, parent.complaints, f"'{key}'")
        return (_query_term(section, key, known),)
    nodes: tuple[Node, ...] = node.items if isinstance(node, Sequence) else (node,)
    if not nodes:
        parent.complain("C1011", f"'{key}' is empty", key)
    sections = [Section(n, parent.source, parent.complaints, f"a side of '{key}'") for n in nodes]
    found = [_term(s, known, own=own) for s in sections if not s.broken]
    return tuple(t for t in found if t is not None)


def _query_term(section: Section, key: str, known: Known) -> ReadTerm:
    side, columns = _query(section, key, known)
    return ReadTerm(
        section=section,
        side=side,
        columns=columns,
        names={},
        where="",
        rows={},
        minus=False,
        own=None,
    )


def _term(section: Section, known: Known, *, own: bool) -> ReadTerm | None:
    given = [p for p in _PLACES if section.mapping.entry(p) is not None]
    if given == ["query", "database"]:
        given = ["database"]
    if len(given) != 1:
        found = ", ".join(given) or "none"
        message = f"a side stands at exactly one place, and this one at {found}"
        section.complain("C1308", message, hint="places: " + ", ".join(_PLACES))
        return None
    place = given[0]
    side: Side | None
    columns: Columns | None = None
    if place == "query":
        side, columns = _query(section, "query", known)
    else:
        side = _side(section, place, known)
        columns = known.columns(side) if side is not None else None
    if side is None:
        return None
    term = ReadTerm(
        section=section,
        side=side,
        columns=columns,
        names=_texts(section, "columns"),
        where=_where(section, side, columns),
        rows=_texts(section, "rows"),
        minus=section.boolean("minus", False),
        own=_own(section) if own else None,
    )
    _options(term)
    section.done()
    return term


def _side(section: Section, place: str, known: Known) -> Side | None:
    name = section.text(place)
    if not name:
        return None
    if place == "report":
        return ReportSide(report=name) if _named(section, place, name, known.reports) else None
    if place == "database":
        return _database(section, name, known)
    stage = Stage(place)
    names = known.names(stage)
    return StagedSide(stage=stage, dataset=name) if _named(section, place, name, names) else None


def _named(
    section: Section, place: str, name: str, names: tuple[str, ...] | Mapping[str, object]
) -> bool:
    if name in names:
        return True
    what = {"report": "report", "warehouse": "warehouse table"}.get(place, f"{place} dataset")
    hint = suggest(name, names)
    section.complain("C1012", f"unknown {what} '{name}'", place, hint=hint)
    return False


def _database(section: Section, name: str, known: Known) -> DatabaseSide | None:
    source = known.sources.get(name)
    snippet = from_key(section, "query")
    if snippet is not None:
        parameter_errors(snippet, section.complaints)
    if not isinstance(source, DatabaseSource):
        databases = [n for n, s in known.sources.items() if isinstance(s, DatabaseSource)]
        hint = suggest(name, databases)
        message = f"'{name}' is no source of kind database"
        section.complain("C1012", message, "database", hint=hint)
        return None
    return None if snippet is None else DatabaseSide(database=name, sql=snippet.text)


def _query(section: Section, key: str, known: Known) -> tuple[QuerySide, Columns | None]:
    snippet = from_key(section, key)
    parsed = parse(snippet, section.complaints) if snippet is not None else None
    if parsed is None:
        return QuerySide(sql=""), None
    query = resolve(parsed, known.tables, section.complaints, what="warehouse table")
    return QuerySide(sql=parsed.sql), query.columns


def _texts(section: Section, key: str) -> dict[str, str]:
    """Read a mapping of texts."""
    inner = section.section(key, f"'{key}'", needed=False)
    if inner is None:
        return {}
    return {e.key.text: inner.text(e.key.text) for e in inner.mapping.entries}


def _where(section: Section, side: Side, columns: Columns | None) -> str:
    if not section.has("where"):
        return ""
    if not isinstance(side, StagedSide) or side.stage is Stage.SOURCE:
        message = "'where' is a condition on the rows of raw, curated or warehouse"
        hint = "use `rows` for a report's file; write it into the SELECT of a query"
        section.complain("C1308", message, section.key_spot("where"), hint=hint)
        return ""
    snippet = from_key(section, "where")
    parsed = parse_expression(snippet, section.complaints) if snippet is not None else None
    if parsed is None:
        return ""
    if read_tables(parsed.tree):
        message = "a condition on a row reads no other table"
        section.complain("C1308", message, "where", hint="use `refers`, or a query")
        return ""
    resolve_expression(parsed, side.dataset, {side.dataset: columns}, section.complaints)
    return parsed.sql


def _options(term: ReadTerm) -> None:
    """Complain about options that this place does not have, and columns it does not have."""
    section = term.section
    if term.rows and not isinstance(term.side, ReportSide):
        message = "'rows' chooses rows of a report's file alone"
        section.complain("C1308", message, section.key_spot("rows"), hint="use `where`")
    inner = section.mapping.get("rows")
    for column in term.rows if isinstance(term.side, ReportSide) else ():
        entry = inner.entry(column) if isinstance(inner, MappingNode) else None
        check_column(term, column, entry.key if entry else section.node)


def _own(section: Section) -> Asked | None:
    """Read the one measure that a term names itself."""
    given = [k for k in KINDS if section.mapping.entry(k.value) is not None]
    if len(given) != 1:
        found = ", ".join(given) or "none"
        message = f"this side needs exactly one measure, and has {found}"
        section.complain("C1308", message, hint="measures: " + ", ".join(KINDS))
        return None
    kind = given[0]
    if kind is MeasureKind.COUNT:
        section.boolean("count", True)
        return Asked(kind=kind)
    if not kind.adds:
        message = f"{kind.value} cannot be added up with others"
        hint = "declare left, right and measures"
        section.complain("C1308", message, section.key_spot(kind.value), hint=hint)
        section.asked.append(kind.value)
        return None
    return Asked(kind=kind, columns=(section.text(kind.value),))


def check_column(term: ReadTerm, name: str, at: Spot, *, section: Section | None = None) -> bool:
    """Complain about a column that a term's rows do not have; `at` stands in `section`."""
    called = term.called(name)
    if term.columns is None or called in term.columns:
        return True
    place = section or term.section
    hint = suggest(called, term.columns)
    what = "the control record has no sum of" if _is_record(term) else "no column"
    place.complain("C1209", f"{shown(term)}: {what} '{called}'", at, hint=hint)
    return False


def check_asked(term: ReadTerm, asked: Asked, section: Section, key: str) -> None:
    """Complain about columns of a measure that are not there, or of a kind it cannot have."""
    if _is_record(term) and asked.kind not in (MeasureKind.COUNT, MeasureKind.SUM):
        message = f"a control record holds a count and sums, no {asked.kind.value}"
        section.complain("C1308", message, key)
        return
    for name in asked.columns:
        if not check_column(term, name, section.spot(key), section=section):
            continue
        if asked.kind in _OF_NUMBERS:
            check_number(section, key, term.called(name), term.columns, shown(term))
        elif asked.kind in (MeasureKind.MIN, MeasureKind.MAX) and term.kind(name) not in _ORDERED:
            message = f"{asked.kind.value} of {term.kind(name)} '{term.called(name)}' is not the"
            message += " same on every engine"
            section.complain("C1109", message, key, hint="numbers, dates and timestamps have one")


def shown(term: ReadTerm) -> str:
    """Return the name of a term's place for messages."""
    side = term.side
    match side:
        case StagedSide():
            return f"{side.stage.value} {side.dataset}"
        case ReportSide():
            return f"report {side.report}"
        case QuerySide():
            return "the query"
        case DatabaseSide():
            return f"database {side.database}"


def _is_record(term: ReadTerm) -> bool:
    return isinstance(term.side, StagedSide) and term.side.stage is Stage.SOURCE
