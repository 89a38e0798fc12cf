"""Reads a control's measures, and refuses sides that cannot be compared."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from puntual.model.contract import Kind
from puntual.model.control import (
    Asked,
    ControlMeasure,
    DatabaseSide,
    MeasureKind,
    Stage,
    StagedSide,
)
from puntual.project.around import Known
from puntual.project.complaints import suggest
from puntual.project.projections import CLOCK
from puntual.project.section import Section
from puntual.project.terms import KINDS, ReadTerm, check_asked, check_column, shown
from puntual.project.yaml import Mapping, Scalar, Sequence

_COUNTS = {
    MeasureKind.COUNT: "rows",
    MeasureKind.COUNT_NEGATIVE: "rows",
    MeasureKind.DISTINCT: "keys",
}
_NUMBERS = frozenset({Kind.INTEGER.value, Kind.DECIMAL.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMeasure:
    """
    A measure as it is read.

    Attributes:
        asked: What is measured, by the control's names of columns.
        unit: As written; "" where nothing is.
        tolerance: As written; None where nothing is.
        section: Where it stands.
        key: Under which key, for complaints.
    """

    asked: Asked
    unit: str
    tolerance: Decimal | None
    section: Section
    key: str


def read_measures(section: Section) -> tuple[ReadMeasure, ...]:
    """Read `measures`: `count`, or mappings of one measure with its unit and tolerance."""
    node = section.need("measures")
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        section.wrong_type(node, "'measures' must be a list")
        return ()
    if not node.items:
        section.complain("C1011", "'measures' is empty", "measures")
    found: list[ReadMeasure] = []
    for item in node.items:
        if isinstance(item, Scalar):
            if item.text == MeasureKind.COUNT.value:
                found.append(_counted(section))
            else:
                hint = suggest(item.text, [MeasureKind.COUNT.value])
                message = f"'{item.text}' is no measure by itself"
                section.complain("C1011", message, item, hint=hint)
        else:
            inner = Section(item, section.source, section.complaints, "a measure")
            found += [m for m in [_measure(inner)] if m is not None]
    names = [m.asked.name for m in found]
    for name in {n for n in names if names.count(n) > 1}:
        section.complain("C1303", f"measure '{name}' stands twice", "measures")
    return tuple(found)


def _counted(section: Section) -> ReadMeasure:
    asked = Asked(kind=MeasureKind.COUNT)
    return ReadMeasure(asked=asked, unit="", tolerance=None, section=section, key="measures")


def _measure(section: Section) -> ReadMeasure | None:
    given = [k for k in KINDS if section.mapping.entry(k.value) is not None]
    if len(given) != 1:
        if not section.broken:
            found = ", ".join(given) or "none"
            hint = "measures: " + ", ".join(KINDS)
            section.complain("C1011", f"one measure stands here, not {found}", hint=hint)
        return None
    kind = given[0]
    columns = _columns(section, kind)
    tolerance, unit = loose(section)
    section.done()
    if not columns and kind is not MeasureKind.COUNT:
        return None
    asked = Asked(kind=kind, columns=columns)
    return ReadMeasure(asked=asked, unit=unit, tolerance=tolerance, section=section, key=kind.value)


def _columns(section: Section, kind: MeasureKind) -> tuple[str, ...]:
    """Read the columns of a measure; of a digest, the key and then the others."""
    if kind is MeasureKind.COUNT:
        section.boolean("count", True)
        return ()
    if kind is MeasureKind.DISTINCT and isinstance(section.mapping.get("distinct"), Sequence):
        return section.names("distinct")
    if kind is not MeasureKind.DIGEST:
        name = section.text(kind.value)
        return (name,) if name else ()
    inner = section.section("digest", "'digest'")
    if inner is None or inner.broken:
        return ()
    key, columns = inner.names("key"), inner.names("columns", ())
    inner.done()
    return tuple(dict.fromkeys([*key, *columns]))


def loose(section: Section) -> tuple[Decimal | None, str]:
    """
    Read `tolerance` and `unit`: a decimal text, or a mapping of amount and unit.

    Returns:
        The tolerance, None where none is declared; the unit, "" where none is.
    """
    unit = section.text("unit", "")
    if not section.has("tolerance"):
        return None, unit
    amount_section, key = section, "tolerance"
    if isinstance(section.mapping.get("tolerance"), Mapping):
        inner = section.section("tolerance", "'tolerance'")
        if inner is None:
            return None, unit
        amount_section, key = inner, "amount"
        unit = inner.text("unit", unit)
    amount = amount_section.amount(key, "0")
    if amount_section is not section:
        amount_section.done()
    if amount < 0:
        amount_section.complain("C1011", "a tolerance cannot be negative", key)
        return Decimal(0), unit
    return amount, unit


def measure_of(
    section: Section, read: ReadMeasure, terms: tuple[ReadTerm, ...], known: Known
) -> ControlMeasure:
    """
    Return a measure with its unit, having refused units that differ and a tolerance without one.

    What the control says of tolerance and unit holds for its sums, minima and maxima that say
    nothing themselves; a count's tolerance is its own.
    """
    unit, tolerance = read.unit, read.tolerance
    if read.asked.kind in _COUNTS and read.section is not section:
        unit = unit or _COUNTS[read.asked.kind]
    elif read.asked.kind in _COUNTS:
        unit = _COUNTS[read.asked.kind] if not read.unit else read.unit
    else:
        outer, named = loose(section)
        inherits = tolerance is None and read.asked.kind is not MeasureKind.DIGEST
        tolerance = outer if inherits else tolerance
        unit = _unit(section, read, unit or named, terms, known)
    if tolerance and not unit:
        message = f"the tolerance of {read.asked.name} has no unit"
        place = "tolerance" if read.section.mapping.entry("tolerance") else None
        read.section.complain("C1310", message, place, hint="say what it counts: unit: MXN")
    why = _never_near(read, terms, known) if tolerance else ""
    if why:
        own = read.section.mapping.entry("tolerance") is not None
        message = f"the tolerance of {read.asked.name} is not applied: {why}"
        hint = "remove it, or write it beside the sums that it is meant for"
        (read.section if own else section).complain("C1312", message, "tolerance", hint=hint)
    return ControlMeasure(
        name=read.asked.name,
        kind=read.asked.kind,
        unit=unit,
        tolerance=tolerance or Decimal(0),
    )


def _never_near(read: ReadMeasure, terms: tuple[ReadTerm, ...], known: Known) -> str:
    """Say why two values of a measure are the same or are not; "" where they may be near."""
    kind = read.asked.kind
    if kind is MeasureKind.DIGEST:
        return "digests are the same or are not"
    if kind not in (MeasureKind.MIN, MeasureKind.MAX):
        return ""
    (column,) = read.asked.columns
    kinds = {t.kind(column) for t in terms} - {"", *_NUMBERS}
    if kinds:
        return f"a {min(kinds)} is the same or is not"
    if not all(known.is_public(t.side, t.called(column)) for t in terms):
        return f"'{column}' is not public, and of its values pseudonyms are compared"
    return ""


def _unit(
    section: Section, read: ReadMeasure, named: str, terms: tuple[ReadTerm, ...], known: Known
) -> str:
    """Return a measure's unit; a digest has none, and compares each column with its like."""
    of_columns = [
        frozenset(known.unit(t.side, t.called(c)) for t, c in zip(terms, same, strict=True)) - {""}
        for same in zip(*((t.own or read.asked).columns for t in terms), strict=False)
    ]
    if read.asked.kind is MeasureKind.DIGEST:
        for units in of_columns:
            declared_unit(section, read, "", units, read.section)
        return ""
    return declared_unit(section, read, named, frozenset().union(*of_columns), read.section)


def declared_unit(
    section: Section,
    read: ReadMeasure,
    named: str,
    units: frozenset[str],
    *inner: Section,
) -> str:
    """
    Return the unit of a measure: what its columns are declared in, else what is named.

    A name beside the measure is for columns of which nothing is declared; it makes no dollars of
    pesos, and nothing agree that is of two units.

    Args:
        section: The control, where its unit and tolerance may stand.
        read: The measure.
        named: The unit that is written for it; "" where none is.
        units: The units in which its columns are declared.
        inner: Where its unit and tolerance stand rather.
    """
    if len(units) > 1:
        message = f"{read.asked.name}: {' against '.join(sorted(units))}"
        hint = "amounts of different units are not compared; convert one in its model"
        section.complain("C1308", message, read.key or None, hint=hint)
    elif named and units and named not in units:
        (declared,) = units
        at, place = next(
            ((s, p) for s in (*inner, section) for p in _LOOSE if _names_unit(s, p)), (section, "")
        )
        message = f"{read.asked.name} is declared in {declared}, not in {named}"
        hint = f"unit: {declared}, or leave it out; convert amounts in their model"
        at.complain("C1308", message, place or None, hint=hint)
    return min(units) if units else named


_LOOSE = ("tolerance", "unit")


def _names_unit(section: Section, key: str) -> bool:
    """Say whether a unit is named under a key of a section: its own, or its tolerance's."""
    if key == "unit":
        return section.has("unit")
    tolerance = section.mapping.get("tolerance")
    return isinstance(tolerance, Mapping) and tolerance.entry("unit") is not None


def check_sides(
    section: Section,
    left: tuple[ReadTerm, ...],
    right: tuple[ReadTerm, ...],
    measures: tuple[ReadMeasure, ...],
    by: tuple[str, ...],
) -> None:
    """
    Complain about columns that a side lacks, and sides that cannot be compared.

    Columns of different types are refused here; nothing is cast to make them comparable.
    """
    terms = (*left, *right)
    for name, spot in zip(by, section.item_spots("by"), strict=False):
        for term in terms:
            if isinstance(term.side, StagedSide) and term.side.stage is Stage.SOURCE:
                message = "a control record knows no groups"
                hint = "compare the whole day, or begin at raw"
                section.complain("C1308", message, spot, hint=hint)
            else:
                check_column(term, name, spot, section=section)
        _kinds(section, name, terms, spot)
    for measure in measures:
        for term in terms:
            check_asked(term, measure.asked, measure.section, measure.key)
            _possible(term, measure, by)
        if not measure.asked.kind.adds and (len(left) > 1 or len(right) > 1):
            message = f"{measure.asked.name} of several places cannot be added up"
            measure.section.complain("C1308", message, measure.key)
        if measure.asked.kind in (MeasureKind.MIN, MeasureKind.MAX):
            for column in measure.asked.columns:
                _kinds(measure.section, column, terms, measure.section.spot(measure.key))
        if measure.asked.kind is MeasureKind.DIGEST:
            for column in measure.asked.columns:
                spot = measure.section.spot(measure.key)
                _kinds(measure.section, column, terms, spot, zoneless=True)


def _kinds(
    section: Section,
    name: str,
    terms: tuple[ReadTerm, ...],
    spot: object,
    *,
    zoneless: bool = False,
) -> None:
    """
    Complain about a column that is of another type on another side.

    Args:
        section: Where it is named.
        name: What the control calls it.
        terms: Of both sides.
        spot: Where it stands.
        zoneless: An instant without a zone is one of UTC, as in a digest.
    """
    found = {t.kind(name): t for t in terms if t.kind(name)}
    like = dict.fromkeys(_NUMBERS, "number") | ({CLOCK: Kind.TIMESTAMP.value} if zoneless else {})
    groups = {like.get(k, k) for k in found}
    if len(groups) > 1:
        said = " against ".join(f"{k} ({shown(t)})" for k, t in sorted(found.items()))
        hint = "nothing is cast to compare it; cast one of them in its model"
        section.complain("C1308", f"'{name}': {said}", spot, hint=hint)  # type: ignore[arg-type]


def _possible(term: ReadTerm, measure: ReadMeasure, by: tuple[str, ...]) -> None:
    """Complain about measures that a place cannot give."""
    kind, side = measure.asked.kind, term.side
    if isinstance(side, DatabaseSide) and kind in (MeasureKind.MIN, MeasureKind.MAX):
        message = "the texts of a source database have no minimum or maximum here"
        measure.section.complain("C1308", message, measure.key)
    if kind is not MeasureKind.DIGEST:
        return
    staged = isinstance(side, StagedSide) and side.stage in (Stage.CURATED, Stage.WAREHOUSE)
    if not staged or term.where:
        where = " with a condition" if staged else ""
        message = f"no digest is taken of {shown(term)}{where}"
        hint = "a digest is of a whole day of curated or warehouse"
        measure.section.complain("C1308", message, measure.key, hint=hint)
    elif by:
        message = f"no digest is taken by {', '.join(by)}"
        hint = "a digest is of a whole day; put it into a control of its own, without `by`"
        measure.section.complain("C1308", message, measure.key, hint=hint)
