"""Reads the forms of a control: free sides, `equal`, `refers`, `roll_forward`, `tie`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from puntual.model.control import (
    Asked,
    Cause,
    ControlMeasure,
    Form,
    MeasureKind,
    QuerySide,
    Refers,
    ReportSide,
    Stage,
    StagedSide,
    Term,
)
from puntual.project.around import Known
from puntual.project.causes import check_causes
from puntual.project.complaints import suggest
from puntual.project.datasets import check_number
from puntual.project.projections import FLOAT
from puntual.project.section import Section
from puntual.project.sides import (
    ReadMeasure,
    check_sides,
    declared_unit,
    loose,
    measure_of,
    read_measures,
)
from puntual.project.terms import ReadTerm, check_asked, kind_among, read_terms

VALUE = ControlMeasure(name="value", kind=MeasureKind.VALUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a control compares; see `ControlRule`."""

    form: Form
    left: tuple[Term, ...]
    right: tuple[Term, ...]
    measures: tuple[ControlMeasure, ...]
    by: tuple[str, ...] = ()
    explained_by: tuple[Cause, ...] = ()
    absent_is_zero: bool = False
    calendar: str = ""
    first_day: date | None = None


def read_form(section: Section, form: Form, known: Known) -> Declared | None:
    """Read what a control compares in the form in which it is declared."""
    if form is Form.SIDES:
        return _sides(section, known)
    inner = section.section(form.value, f"'{form.value}'")
    if inner is None or inner.broken:
        return None
    match form:
        case Form.EQUAL | Form.TIE:
            declared = _equal(section, inner, form, known)
        case Form.REFERS:
            declared = _refers(inner, known)
        case Form.ROLL_FORWARD:
            declared = _roll_forward(section, inner, known)
    inner.done()
    return declared


def _sides(section: Section, known: Known) -> Declared | None:
    left, right = read_terms(section, "left", known), read_terms(section, "right", known)
    plain = all(isinstance(t.side, QuerySide) for t in (*left, *right))
    if section.mapping.entry("measures") is None and plain:
        return _values(section, left, right)
    measures = read_measures(section)
    by = section.names("by", ())
    causes = section.names("explained_by", ())
    if not (left and right and measures):
        return None
    check_sides(section, left, right, measures, by)
    explained = check_causes(section, left, right, measures, causes, known)
    kind = kind_among((*left, *right))
    read = tuple(measure_of(section, m, (*left, *right), known) for m in measures)
    return Declared(
        form=Form.SIDES,
        left=tuple(t.term(_asked(measures), by, kind) for t in left),
        right=tuple(t.term(_asked(measures), by, kind) for t in right),
        measures=read,
        by=by,
        explained_by=explained,
    )


def _asked(measures: tuple[ReadMeasure, ...]) -> tuple[Asked, ...]:
    return tuple(m.asked for m in measures)


def _values(
    section: Section, left: tuple[ReadTerm, ...], right: tuple[ReadTerm, ...]
) -> Declared | None:
    """Two SELECTs, each of one number."""
    tolerance, unit = loose(section)
    for key, terms in (("left", left), ("right", right)):
        for term in terms:
            _one_number(section if term.section.mapping.entry(key) else term.section, key, term)
    if tolerance and not unit:
        message = "the tolerance of these numbers has no unit"
        section.complain("C1310", message, "tolerance", hint="say what they count: unit: MXN")
    if not (left and right):
        return None
    asked = (Asked(kind=MeasureKind.VALUE),)
    return Declared(
        form=Form.SIDES,
        left=tuple(t.term(asked, ()) for t in left),
        right=tuple(t.term(asked, ()) for t in right),
        measures=(
            ControlMeasure(
                name=VALUE.name, kind=VALUE.kind, unit=unit, tolerance=tolerance or Decimal(0)
            ),
        ),
    )


def _one_number(section: Section, key: str, term: ReadTerm) -> None:
    where = key if section.mapping.entry(key) else "query"
    kinds = list((term.columns or {}).values())
    if term.columns is not None and len(kinds) != 1:
        message = f"'{key}' must return one number, not {len(kinds)} columns"
        section.complain("C1304", message, where, hint="or declare measures of its rows")
    elif kinds == [FLOAT]:
        message = f"'{key}' returns a floating-point number, which is not exact"
        section.complain("C1211", message, where, hint="cast it to DECIMAL(p,s)")


def _equal(outer: Section, inner: Section, form: Form, known: Known) -> Declared | None:
    """Sums of terms that name their own measures, one on each side."""
    left = read_terms(inner, "left", known, own=True)
    right = read_terms(inner, "right", known, own=True)
    by = inner.names("by", ())
    tolerance, unit = loose(outer)
    terms = (*left, *right)
    if form is Form.TIE and not any(isinstance(t.side, ReportSide) for t in terms):
        hint = "put {report: NAME, sum: COLUMN} on one side, or use `equal`"
        inner.complain("C1308", "a tie has a report's file on one side", hint=hint)
    if not (left and right) or any(t.own is None for t in terms):
        return None
    first = next(t.own for t in terms if t.own is not None)
    for term in terms:
        if term.own is not None:
            check_asked(term, term.own, term.section, term.own.kind.value)
    read = ReadMeasure(asked=first, unit=unit, tolerance=tolerance, section=outer, key="")
    check_sides(inner, left, right, (), by)
    measure = measure_of(outer, read, terms, known)
    kind = kind_among(terms)
    return Declared(
        form=form,
        left=tuple(t.term((t.own,), by, kind) for t in left if t.own is not None),
        right=tuple(t.term((t.own,), by, kind) for t in right if t.own is not None),
        measures=(measure,),
        by=by,
    )


def _refers(inner: Section, known: Known) -> Declared | None:
    """Rows of a table, against those of them whose counterpart stands in another."""
    dataset, to = _table(inner, "dataset", known), _table(inner, "to", known)
    columns = inner.names("columns")
    to_columns = inner.names("to_columns", columns)
    for key, table, names in (
        ("columns", dataset, columns),
        ("to_columns" if inner.has("to_columns") else "columns", to, to_columns),
    ):
        found = known.tables.get(table) if table else None
        for name, spot in zip(names, inner.item_spots(key), strict=False):
            if found is not None and name not in found:
                hint = suggest(name, found)
                inner.complain("C1209", f"'{table}' has no column '{name}'", spot, hint=hint)
    if len(columns) != len(to_columns):
        message = f"{len(columns)} columns refer to {len(to_columns)}"
        inner.complain("C1308", message, inner.key_spot("to_columns"))
        return None
    if not (dataset and to and columns):
        return None
    _same_kinds(inner, known, (dataset, to), tuple(zip(columns, to_columns, strict=True)))
    side = StagedSide(stage=Stage.WAREHOUSE, dataset=dataset)
    sums = known.measures(dataset)
    asked = (
        Asked(kind=MeasureKind.COUNT),
        *(Asked(kind=MeasureKind.SUM, columns=(m.column,)) for m in sums),
    )
    refers = Refers(columns=columns, dataset=to, to_columns=to_columns)
    return Declared(
        form=Form.REFERS,
        left=(Term(side=side, asked=asked),),
        right=(Term(side=side, asked=asked, refers=refers),),
        measures=(
            ControlMeasure(name="count", kind=MeasureKind.COUNT, unit="rows"),
            *(
                ControlMeasure(name=f"sum {m.column}", kind=MeasureKind.SUM, unit=m.unit)
                for m in sums
            ),
        ),
    )


def _same_kinds(
    inner: Section, known: Known, tables: tuple[str, str], pairs: tuple[tuple[str, str], ...]
) -> None:
    mine, theirs = (known.tables.get(t) or {} for t in tables)
    for here, there in pairs:
        kinds = {mine.get(here, ""), theirs.get(there, "")} - {""}
        if len(kinds) > 1:
            message = f"'{here}' is {mine[here]} and '{there}' is {theirs[there]}"
            hint = "columns of one type refer to one another; cast one in its model"
            inner.complain("C1308", message, inner.key_spot("columns"), hint=hint)


def _roll_forward(outer: Section, inner: Section, known: Known) -> Declared | None:
    """Yesterday's balance and the day's movements, against the day's balance."""
    dataset = _table(inner, "dataset", known)
    balance = inner.text("balance")
    by = inner.names("by", ())
    columns = known.tables.get(dataset) if dataset else None
    if balance and dataset:
        check_number(inner, "balance", balance, columns, f"'{dataset}'")
    for name, spot in zip(by, inner.item_spots("by"), strict=False):
        if columns is not None and name not in columns:
            hint = suggest(name, columns)
            inner.complain("C1209", f"'{dataset}' has no column '{name}'", spot, hint=hint)
    moved = _movements(inner, known, dataset, by)
    calendar = _calendar(inner, known)
    first_day = inner.day("first_day") if inner.has("first_day") else None
    tolerance, unit = loose(outer)
    if not (dataset and balance and moved):
        return None
    side = StagedSide(stage=Stage.WAREHOUSE, dataset=dataset)
    asked = (Asked(kind=MeasureKind.SUM, columns=(balance,)),)
    before = StagedSide(stage=Stage.WAREHOUSE, dataset=dataset, previous=True)
    right = Term(side=side, asked=asked, by=by)
    units = frozenset(
        known.unit(t.side, c) for t in (right, *moved) for a in t.asked for c in a.columns
    )
    read = ReadMeasure(asked=asked[0], unit=unit, tolerance=tolerance, section=outer, key="")
    return Declared(
        form=Form.ROLL_FORWARD,
        left=(Term(side=before, asked=asked, by=by), *moved),
        right=(right,),
        measures=(
            ControlMeasure(
                name=f"sum {balance}",
                kind=MeasureKind.SUM,
                unit=declared_unit(outer, read, unit, units - {""}),
                tolerance=tolerance or Decimal(0),
            ),
        ),
        by=by,
        absent_is_zero=bool(by),
        calendar=calendar,
        first_day=first_day,
    )


def _movements(inner: Section, known: Known, dataset: str, by: tuple[str, ...]) -> tuple[Term, ...]:
    """Read the movements: a column of the balances' own table, or sums of other tables."""
    node = inner.mapping.get("movements")
    if isinstance(getattr(node, "value", None), str):
        column = inner.text("movements")
        if dataset:
            check_number(inner, "movements", column, known.tables.get(dataset), f"'{dataset}'")
        side = StagedSide(stage=Stage.WAREHOUSE, dataset=dataset)
        asked = (Asked(kind=MeasureKind.SUM, columns=(column,)),)
        return (Term(side=side, asked=asked, by=by),)
    terms = read_terms(inner, "movements", known, own=True)
    for term in terms:
        if term.own is not None:
            check_asked(term, term.own, term.section, term.own.kind.value)
    check_sides(inner, terms, (), (), by)
    kinds = known.tables.get(dataset) or {}
    return tuple(
        t.term((t.own,), by, lambda name: kinds.get(name, "")) for t in terms if t.own is not None
    )


def _calendar(inner: Section, known: Known) -> str:
    """Return the calendar that says which day is the one before."""
    if inner.has("calendar"):
        name = inner.text("calendar")
        if name and name not in known.calendars:
            hint = suggest(name, known.calendars)
            inner.complain("C1012", f"unknown calendar '{name}'", "calendar", hint=hint)
        return name
    used = {r.calendar for r in known.reports.values()} or set(known.calendars)
    if len(used) != 1:
        message = "which calendar's business days? the reports have several"
        inner.complain("C1009", message, hint="calendar: " + " or ".join(sorted(used)))
        return ""
    return used.pop()


def _table(inner: Section, key: str, known: Known) -> str:
    name = inner.text(key)
    if name and name not in known.tables:
        hint = suggest(name, known.tables)
        inner.complain("C1012", f"unknown warehouse table '{name}'", key, hint=hint)
        return ""
    return name
