"""
Measures the sides of controls through the ports, each place read once for all who ask.

A side that cannot be read is said to be unknown, with its reason; a fault of the machine stops
the step, as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TypeVar, assert_never

from puntual.checks.control import Group, Key, Measured, Value, added
from puntual.checks.measures import Scan, measures_sql, quoted, scan_of, scans, summed
from puntual.checks.tally import InexactError, Tally, text_of, value_of
from puntual.errors import PermanentError, ProjectError, TransientError
from puntual.evidence.facts import from_json, to_json
from puntual.model.control import (
    Asked,
    ControlRule,
    ControlState,
    DatabaseSide,
    Form,
    MeasureKind,
    QuerySide,
    ReportSide,
    Side,
    SideResult,
    Stage,
    StagedSide,
    Term,
)
from puntual.model.source import DatabaseSource
from puntual.planner.calendar import previous_business_day
from puntual.ports.engine import Answer
from puntual.runner.concealed import Concealment
from puntual.runner.key_digests import key_digests
from puntual.runner.sources import raw_day, seal_of
from puntual.runner.work import scratch
from puntual.runner.world import DayRun

MOST_KEYS = 1_000_000
"""Groups that a side may have; a finer grain is compared by rows, not by groups."""

T = TypeVar("T")

_PARAMETER = re.compile(r"(?<![:\w]):reference_date\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRows:
    """A version of a report's file as it was read back: a column for each detail field."""

    columns: Mapping[str, Sequence[object]]
    records: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    What one place answered.

    Attributes:
        groups: By key; the values in the order in which they were asked.
        query: What a person can run to see the same.
        lacks: Why there are no groups; `reason` tells.
    """

    groups: Mapping[Key, Group] = field(default_factory=dict)
    query: str = ""
    lacks: ControlState | None = None
    reason: str = ""


class Readings:
    """
    What the places that a day's controls name have answered, each asked once.

    Args:
        run: The day.
        rules: The controls.
        step: The step that asks, for its scratch folder and its recorded answers.
        reports: The files of reports, by report; of one that has none, why.

    Attributes:
        concealment: Lays pseudonyms over what may not be shown.
        databases: What source databases answered, for the step's manifest.
        unanswered: Whether one gave no answer.
    """

    def __init__(
        self,
        run: DayRun,
        rules: Iterable[ControlRule],
        *,
        step: str,
        reports: Mapping[str, ReportRows | str] | None = None,
    ) -> None:
        """Ask nothing yet."""
        self._run = run
        self._step = step
        self._reports = reports or {}
        terms = [t for r in rules for t in (*r.left, *r.right)]
        self._asked = scans(t for t in terms if isinstance(t.side, StagedSide | QuerySide))
        self._calendars = {
            scan_of(t): r.calendar for r in rules for t in (*r.left, *r.right) if r.calendar
        }
        self._found: dict[Scan, Reading] = {}
        self._raw: dict[tuple[str, str], Answer] = {}
        self.databases: dict[str, object] = {}
        self.unanswered = False
        self.concealment = Concealment(run)

    def side(self, rule: ControlRule, name: str) -> Measured:
        """
        Measure one side of a control, `left` or `right`, and add its terms up.

        Pseudonyms stand in it for what may not be shown.
        """
        terms = rule.left if name == "left" else rule.right
        readings = [self._term(rule, t, f"{rule.id}:{name}:{i}") for i, t in enumerate(terms)]
        lacking = [r for r in readings if r.lacks is not None]
        groups = added((r.groups, t.minus) for r, t in zip(readings, terms, strict=True))
        counts = [g.rows for r in readings for g in r.groups.values()]
        origins = {self._origin(rule, t) for t in terms}
        known = not lacking and all(c is not None for c in counts)
        return Measured(
            side=SideResult(
                name=side_name(terms, self._reports),
                queries=tuple(r.query for r in readings),
                rows=sum(c for c in counts if c is not None) if known else None,
                reason="; ".join(r.reason for r in lacking),
            ),
            groups={} if lacking else groups,
            lacks=_worst(lacking),
            carried=all(
                isinstance(t.side, StagedSide) and self._run.origin(t.side.dataset) is not None
                for t in terms
            ),
            origin=(origins.pop() or "") if len(origins) == 1 else "",
            empty=tuple(
                _named(t, self._reports)
                for r, t in zip(readings, terms, strict=True)
                if _is_reference(rule, t) and all(g.rows == 0 for g in r.groups.values())
            ),
        )

    def _origin(self, rule: ControlRule, term: Term) -> str | None:
        """
        Return the source whose rows of the day a term reads, all of them or some.

        Both sides of `refers` are rows of one table, whatever made it.
        """
        run, side = self._run, term.side
        if rule.form is Form.REFERS and isinstance(side, StagedSide):
            return side.dataset
        if isinstance(side, DatabaseSide):
            return side.database
        if isinstance(side, ReportSide):
            origins = {run.origin(t.dataset) for t in run.project.reports[side.report].ties}
            return origins.pop() if len(origins) == 1 else None
        if isinstance(side, QuerySide) or side.previous:
            return None
        return run.origin(side.dataset)

    def raw(self, dataset: str, asked: Sequence[str], aside: tuple[str, ...]) -> list[Answer]:
        """Answer SELECTs over a source's raw day, which is parsed anew for those it has not."""
        missing = tuple(s for s in dict.fromkeys(asked) if (dataset, s) not in self._raw)
        if missing:
            run = self._run
            raw = raw_day(run, run.project.contracts[dataset])
            with scratch(run, f"{self._step}-raw-{dataset}") as folder:
                tables = {"set_aside": aside}
                answers = run.world.engine.ask_raw(raw, missing, tables, folder)
            self._raw |= {(dataset, s): a for s, a in zip(missing, answers, strict=True)}
        return [self._raw[dataset, s] for s in asked]

    def clear(self, rule: ControlRule) -> dict[Key, Key]:
        """
        Return for each group of a control, as it is shown, its values as they are.

        Source databases are not asked again: a group that stands there only is not in it.
        """
        return {
            self.concealment.key(rule, key): key
            for term in (*rule.left, *rule.right)
            if not isinstance(term.side, DatabaseSide)
            for key in self._answered(rule, term).groups
        }

    def _term(self, rule: ControlRule, term: Term, name: str) -> Reading:
        if isinstance(term.side, DatabaseSide):
            return self._database(rule, term.side, term, name)
        found = self._answered(rule, term)
        return replace(found, groups=self.concealment.over(rule, found.groups))

    def _answered(self, rule: ControlRule, term: Term) -> Reading:
        side = term.side
        match side:
            case ReportSide():
                return self._report(side, term)
            case DatabaseSide():
                return self._fresh(side, term)
            case StagedSide(stage=Stage.SOURCE):
                return self._source(side, term)
            case StagedSide() | QuerySide():
                if term.asked[0].kind is MeasureKind.VALUE:
                    return self._value(side)
                return self._measured(rule, term)
            case _:
                assert_never(side)

    def _measured(self, rule: ControlRule, term: Term) -> Reading:
        """Return all that is asked of a place: digests are taken, the rest is selected."""
        try:
            digests = key_digests(self._run, rule, term)
        except ProjectError as exc:
            reason = f"{exc.code} {exc.message}: {exc.observed}"
            return Reading(lacks=_UNKNOWN, reason=reason)
        if digests is None:
            return self._scanned(term)
        if len(digests.values) == len(term.asked):
            found = Reading(groups={(): Group(rows=digests.rows, values=())}, query=digests.query)
        else:
            found = self._scanned(term)
            found = replace(found, query=f"{found.query};\n{digests.query}")
        width = len(term.asked)
        return replace(
            found,
            groups={
                key: replace(
                    group,
                    values=_placed(group.values, digests.values, width),
                    nulls=_placed(group.nulls, dict.fromkeys(digests.values, 0), width)
                    if group.nulls
                    else group.nulls,
                )
                for key, group in found.groups.items()
            },
        )

    def _scanned(self, term: Term) -> Reading:
        """Return what an engine answers, in the order of the measures; digests are not there."""
        scan = scan_of(term)
        if scan not in self._found:
            self._found[scan] = self._read(scan)
        found, asked = self._found[scan], self._places(scan)
        places = [asked.index(a) for a in term.asked if a in asked]
        return replace(
            found,
            groups={
                key: replace(
                    g,
                    values=tuple(g.values[p] for p in places),
                    nulls=tuple(g.nulls[p] for p in places) if g.nulls else g.nulls,
                )
                for key, g in found.groups.items()
            },
        )

    def _places(self, scan: Scan) -> tuple[Asked, ...]:
        """Return what an engine is asked of a place, in order."""
        special = (MeasureKind.VALUE, MeasureKind.DIGEST)
        return tuple(a for a in self._asked[scan] if a.kind not in special)

    def _read(self, scan: Scan) -> Reading:
        side, asked = scan.side, self._places(scan)
        if isinstance(side, QuerySide):
            text = measures_sql(scan, asked, f"({side.sql})", day=None)
            return self._asked_of_warehouse(scan, asked, text)
        assert isinstance(side, StagedSide)  # noqa: S101 - the others are read elsewhere
        if side.stage is Stage.WAREHOUSE:
            day = self._run.date
            if side.previous:
                yesterday = self._yesterday(side, self._calendars[scan])
                if isinstance(yesterday, Reading):
                    return yesterday
                day = yesterday
            text = measures_sql(scan, asked, quoted(side.dataset), day=day)
            return self._asked_of_warehouse(scan, asked, text)
        text = measures_sql(scan, asked, quoted(side.dataset), day=None)
        try:
            if side.stage is Stage.RAW:
                (answer,) = self.raw(side.dataset, (text,), aside_of(self._run, side.dataset))
            else:
                day_of = self._run.day((side.dataset,))
                answer = self._run.world.engine.query(text, day_of, limit=MOST_KEYS)
        except PermanentError as exc:
            return unread(exc, text)
        return reading(answer, scan, asked, text)

    def _yesterday(self, side: StagedSide, calendar: str) -> date | Reading:
        """Return the previous business day, or why there is none to compare with."""
        run = self._run
        day = before(run, calendar)
        if day is None:
            reason = f"the calendar {calendar} does not say which day comes before {run.date}"
            return Reading(query=side.dataset, lacks=_UNKNOWN, reason=reason)
        if run.world.warehouse.loaded(side.dataset, day) is not None:
            return day
        reason = f"the warehouse holds no {side.dataset} of the business day before, {day}"
        return Reading(query=f"{side.dataset} of {day}", lacks=_UNVERIFIED, reason=reason)

    def _asked_of_warehouse(self, scan: Scan, asked: tuple[Asked, ...], text: str) -> Reading:
        shown = shown_sql(text, self._run.date)
        params = {"reference_date": self._run.date}
        try:
            answer = self._run.world.warehouse.query(text, params, limit=MOST_KEYS)
        except PermanentError as exc:
            return unread(exc, shown)
        return reading(answer, scan, asked, shown)

    def _value(self, side: StagedSide | QuerySide) -> Reading:
        """Return the one number that a query answers."""
        assert isinstance(side, QuerySide)  # noqa: S101 - what has a value is a query
        shown = shown_sql(side.sql, self._run.date)
        params = {"reference_date": self._run.date}
        try:
            answer = self._run.world.warehouse.query(side.sql, params, limit=2)
        except PermanentError as exc:
            return unread(exc, shown)
        cells = answer.columns[0] if len(answer.columns) == 1 else ()
        if len(cells) != 1:
            what = f"{len(answer.columns)} columns" if len(answer.columns) != 1 else _count(cells)
            return Reading(query=shown, lacks=_UNKNOWN, reason=f"one number, not {what}")
        if cells[0] is None:
            return Reading(query=shown, lacks=_UNKNOWN, reason="no answer: null")
        try:
            value = value_of(cells[0])
        except InexactError as exc:
            return Reading(query=shown, lacks=_UNKNOWN, reason=str(exc))
        if isinstance(value, str):
            return Reading(query=shown, lacks=_UNKNOWN, reason="one number, not a text or date")
        return Reading(query=shown, groups={(): Group(rows=None, values=(value,))})

    def _source(self, side: StagedSide, term: Term) -> Reading:
        """Read the control record that was landed with the day."""
        published = self._run.manifest(f"land:{side.dataset}")
        record = seal_of(published).control
        kept = [o.detail.get("name", o.name) for o in published.of_role("control")]
        query = f"control record of {side.dataset}" + (f": {', '.join(kept)}" if kept else "")
        if record is None:
            reason = "the source gave no control record"
            return Reading(query=query, lacks=_UNVERIFIED, reason=reason)
        values: list[Value] = [
            value_of(record.count) if a.kind is MeasureKind.COUNT else record.sums.get(a.columns[0])
            for a in term.asked
        ]
        group = Group(rows=record.count, values=tuple(values), nulls=None)
        return Reading(query=query, groups={(): group})

    def _report(self, side: ReportSide, term: Term) -> Reading:
        file = self._reports.get(side.report, f"no file of {side.report} was made for this day")
        called = _report_name(side.report, self._reports)
        query = f"the file of {called}, read back through its layout"
        if isinstance(file, str):
            return Reading(query=query, lacks=_UNKNOWN, reason=file)
        tally = Tally(term.asked, by=term.by, rows=term.rows)
        try:
            tally.add(file.columns, file.records)
        except InexactError as exc:
            return Reading(query=query, lacks=_UNKNOWN, reason=f"in the file stands {exc}")
        return Reading(query=query, groups=tally.groups())

    def _database(self, rule: ControlRule, side: DatabaseSide, term: Term, name: str) -> Reading:
        """Ask a source database; what it answered is recorded, since it may not again."""
        before = self._run.recorded.get(self._step)
        kept = self._run.answered.get(self._step)
        recorded = before.facts.get("databases") if before is not None else kept
        if isinstance(recorded, Mapping) and name in recorded:
            self.databases[name] = recorded[name]
            return _from_record(recorded[name])
        asked = self._fresh(side, term)
        found = replace(asked, groups=self.concealment.over(rule, asked.groups))
        self.unanswered = self.unanswered or found.lacks is not None
        self.databases[name] = _record(found)
        return found

    def _fresh(self, side: DatabaseSide, term: Term) -> Reading:
        shown = shown_sql(side.sql, self._run.date)
        source = self._run.project.sources[side.database]
        databases = self._run.world.databases
        assert isinstance(source, DatabaseSource)  # noqa: S101 - `check` refuses another kind
        if databases is None:
            reason = "source databases are not reached from here"
            return Reading(query=shown, lacks=_UNKNOWN, reason=reason)
        tally = Tally(term.asked, by=term.by, kinds=term.kinds)
        asked = replace(source, query=side.sql)
        try:
            counted = databases.rows(asked, self._run.date, tally.columns, tally.add)
        except (PermanentError, TransientError) as exc:
            return unread(exc, shown, prefixes=("S",))
        except InexactError as exc:
            return Reading(query=shown, lacks=_UNKNOWN, reason=f"it answered {exc}")
        if not tally.columns:  # only counted
            values = tuple(Decimal(counted) for _ in term.asked)
            return Reading(query=shown, groups={(): Group(rows=counted, values=values)})
        return Reading(query=shown, groups=tally.groups())


def _placed(plain: tuple[T, ...], digests: Mapping[int, T], measures: int) -> tuple[T, ...]:
    """Put digests at their places among the other measures."""
    rest = iter(plain)
    return tuple(digests[i] if i in digests else next(rest) for i in range(measures))


_UNKNOWN, _UNVERIFIED = ControlState.UNKNOWN, ControlState.UNVERIFIED


def before(run: DayRun, calendar: str) -> date | None:
    """Return the business day before the run's; None where the calendar does not know it."""
    try:
        return previous_business_day(run.project.calendars[calendar], run.date)
    except ProjectError:
        return None


def aside_of(run: DayRun, source: str) -> tuple[str, ...]:
    """Return the files that name what curation set aside of a source."""
    objects = run.manifest(f"curate:{source}").of_role("set_aside")
    return tuple(run.world.objects.locate(o) for o in objects)


def reading(answer: Answer, scan: Scan, asked: Sequence[Asked], query: str) -> Reading:
    """Return an engine's answer to `measures_sql` as groups."""
    if answer.truncated:
        reason = f"it has more than {MOST_KEYS:,} groups; choose a coarser grain"
        return Reading(query=query, lacks=_UNKNOWN, reason=reason)
    width, end = len(scan.by), len(scan.by) + 1 + len(asked)
    columns = summed(asked)
    groups: dict[Key, Group] = {}
    try:
        for row in zip(*answer.columns, strict=True):
            key = tuple(text_of(v) for v in row[:width])
            group = Group(
                rows=int(str(row[width])),
                values=tuple(value_of(v) for v in row[width + 1 : end]),
                nulls=_nulls(asked, dict(zip(columns, row[end:], strict=True))),
            )
            if key in groups:  # values that are told apart there, and not as text
                groups |= added((({key: groups[key]}, False), ({key: group}, False)))
            else:
                groups[key] = group
    except InexactError as exc:
        return Reading(query=query, lacks=_UNKNOWN, reason=f"it answered {exc}")
    return Reading(query=query, groups=groups)


def _nulls(asked: Sequence[Asked], counted: Mapping[str, object]) -> tuple[int, ...]:
    """Return for each measure the nulls in the column that it adds up; empty: there is none."""
    nulls = tuple(int(str(counted[a.columns[0]])) if a.kind.adds_a_column else 0 for a in asked)
    return nulls if any(nulls) else ()


def unread(
    exc: PermanentError | TransientError,
    query: str,
    *,
    prefixes: tuple[str, ...] = ("Q", "S12"),
) -> Reading:
    """
    Return the reading of a side that cannot be read; a fault of the machine goes on.

    Raises:
        PermanentError: The fault is not of the side.
        TransientError: The same.
    """
    if not exc.code.startswith(prefixes):
        raise exc
    observed = f": {exc.observed}" if exc.observed else ""
    return Reading(query=query, lacks=_UNKNOWN, reason=f"{exc.code} {exc.message}{observed}")


def shown_sql(sql: str, day: date) -> str:
    """Write the day into a SELECT, so that a person can run it as it stands."""
    return _PARAMETER.sub(f"CAST('{day.isoformat()}' AS DATE)", sql)


def _worst(lacking: Sequence[Reading]) -> ControlState | None:
    states = {r.lacks for r in lacking}
    if _UNKNOWN in states:
        return _UNKNOWN
    return _UNVERIFIED if states else None


def _is_reference(rule: ControlRule, term: Term) -> bool:
    """Say whether a term must have rows; movements need none, since a quiet day has none."""
    if rule.form is not Form.ROLL_FORWARD:
        return True
    return isinstance(term.side, StagedSide) and term.side.previous


def side_name(terms: Sequence[Term], reports: Mapping[str, ReportRows | str]) -> str:
    """
    Return what a side is called: its terms with their signs, reports with their versions.

    Args:
        terms: At least one.
        reports: The files of reports, by report; of one that has none, why.
    """
    signs = [" − " if t.minus else " + " for t in terms]
    signs[0] = "− " if terms[0].minus else ""
    return "".join(s + _named(t, reports) for s, t in zip(signs, terms, strict=True))


def _report_name(report: str, reports: Mapping[str, ReportRows | str]) -> str:
    file = reports.get(report)
    return (
        f"report {report} v{file.version}" if isinstance(file, ReportRows) else f"report {report}"
    )


def _named(term: Term, reports: Mapping[str, ReportRows | str]) -> str:
    side: Side = term.side
    match side:
        case StagedSide(previous=True):
            return f"{side.stage.value} {side.dataset} of the business day before"
        case StagedSide():
            where = f" where {term.where}" if term.where else ""
            to = f" with its {term.refers.dataset}" if term.refers is not None else ""
            return f"{side.stage.value} {side.dataset}{where}{to}"
        case ReportSide():
            rows = ", ".join(f"{k} {v}" for k, v in sorted(term.rows.items()))
            return _report_name(side.report, reports) + (f" ({rows})" if rows else "")
        case QuerySide():
            return "query"
        case DatabaseSide():
            return f"database {side.database}"
        case _:
            assert_never(side)


def _count(cells: Sequence[object]) -> str:
    return "no row" if not cells else "several rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class _RecordedGroup:
    """A group in a manifest; a value stands in `numbers` or in `texts`, at its place."""

    key: Key
    rows: int | None
    numbers: tuple[Decimal | None, ...]
    texts: tuple[str | None, ...]
    nulls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    """A reading in a manifest."""

    query: str
    lacks: ControlState | None
    reason: str
    groups: tuple[_RecordedGroup, ...]


def _record(found: Reading) -> object:
    groups = tuple(
        _RecordedGroup(
            key=key,
            rows=group.rows,
            numbers=tuple(v if isinstance(v, Decimal) else None for v in group.values),
            texts=tuple(v if isinstance(v, str) else None for v in group.values),
            nulls=group.nulls or (),
        )
        for key, group in found.groups.items()
    )
    recorded = _Recorded(query=found.query, lacks=found.lacks, reason=found.reason, groups=groups)
    return to_json(recorded)


def _from_record(data: object) -> Reading:
    recorded = from_json(_Recorded, data)
    groups = {
        g.key: Group(
            rows=g.rows,
            values=tuple(t if n is None else n for n, t in zip(g.numbers, g.texts, strict=True)),
            nulls=g.nulls,
        )
        for g in recorded.groups
    }
    return Reading(
        groups=groups, query=recorded.query, lacks=recorded.lacks, reason=recorded.reason
    )
