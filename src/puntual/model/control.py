"""Reconciliation: two sides, what explains their difference, what remains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from puntual.model.check import OnFail, Severity
from puntual.model.manifest import Totals


class ControlKind(StrEnum):
    """The three kinds of the original design."""

    SOURCE = "source"
    END_TO_END = "end_to_end"
    BUSINESS = "business"


class Form(StrEnum):
    """How a control was declared; every form is the same algebra (`docs/why/reconciliation.md`)."""

    SIDES = "sides"
    EQUAL = "equal"
    REFERS = "refers"
    ROLL_FORWARD = "roll_forward"
    TIE = "tie"


class Stage(StrEnum):
    """Where a dataset's rows stand on their way from the source to the report."""

    SOURCE = "source"
    RAW = "raw"
    CURATED = "curated"
    WAREHOUSE = "warehouse"


class Cause(StrEnum):
    """
    What may explain a difference; the list is closed.

    `QUARANTINED`: set aside by the contract or by a check. `DUPLICATES`: by the declared key.
    `LATE`: of another day. `FILTERED`: left out by a model's declared filter.
    """

    QUARANTINED = "quarantined"
    DUPLICATES = "duplicates"
    LATE = "late"
    FILTERED = "filtered"


class MeasureKind(StrEnum):
    """
    What is measured of a group of rows; every one of them is exact.

    `VALUE` is the one number that a query answers. A null counts as nothing in minima and distinct
    keys, as in SQL; beside what adds a column up, its nulls are counted. `DIGEST` is the keyed
    digest of `docs/reference/digest.md`.
    """

    VALUE = "value"
    COUNT = "count"
    COUNT_NEGATIVE = "count_negative"
    DISTINCT = "distinct"
    SUM = "sum"
    SUM_NEGATIVE = "sum_negative"
    SUM_POSITIVE = "sum_positive"
    MIN = "min"
    MAX = "max"
    DIGEST = "digest"

    @property
    def adds(self) -> bool:
        """Whether the measure of two sets of rows together is the sum of their measures."""
        return self not in (MeasureKind.DISTINCT, MeasureKind.MIN, MeasureKind.MAX) and (
            self is not MeasureKind.DIGEST
        )

    @property
    def adds_a_column(self) -> bool:
        """Whether a null in its column leaves open what it is: nobody knows what it would add."""
        return self.adds and self not in (MeasureKind.VALUE, MeasureKind.COUNT)

    @property
    def is_near(self) -> bool:
        """Whether two values of it may differ by a little; digests are the same or are not."""
        return self is not MeasureKind.DIGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlMeasure:
    """
    One thing that is measured on both sides.

    Attributes:
        name: As it is shown: `count`, `sum balance`, `distinct client_id`.
        kind: What is measured on the left.
        unit: What the number counts (`rows`, `MXN`); "" for a digest or a date.
        tolerance: Largest allowed |residual|, in `unit`; zero unless declared.
    """

    name: str
    kind: MeasureKind
    unit: str = ""
    tolerance: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedSide:
    """
    A dataset at one stage.

    Attributes:
        stage: Which.
        dataset: A source's dataset, or a model from `curated` on.
        previous: The previous business day's rows in place of the day's; warehouse only.
    """

    stage: Stage
    dataset: str
    previous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSide:
    """The detail records of a report's file, read back through its layout."""

    report: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySide:
    """The rows of one SELECT on the warehouse, in DuckDB's dialect."""

    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSide:
    """
    The rows of one SELECT on a source database, in that database's own SQL.

    `database` is a declared source of kind database; `:reference_date` is the only parameter.
    """

    database: str
    sql: str


Side = StagedSide | ReportSide | QuerySide | DatabaseSide


@dataclass(frozen=True, slots=True, kw_only=True)
class Refers:
    """Keep only the rows whose columns stand in a row of another warehouse table of the day."""

    columns: tuple[str, ...]
    dataset: str
    to_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one term measures, and of which of its columns; for a digest the key, then others."""

    kind: MeasureKind
    columns: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name as it is shown: `sum balance`."""
        return " ".join([self.kind.value.replace("_", " "), ", ".join(self.columns)]).strip()


class KeyKind(StrEnum):
    """
    As what a text of a source database is read where rows are told apart by it.

    A text, a date, and what is not known are told apart as they are written.
    """

    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    CLOCK = "timestamp without a zone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """
    A part of a side; the measures of a side's terms are added up.

    Attributes:
        side: Where the rows stand.
        asked: For each of the control's measures, in order, what it is here: a count on one
            side may be the sum of a column on the other.
        by: The columns of the control's grain, as this side calls them, in its order.
        where: A condition on a row, in DuckDB's dialect; "" for all rows.
        rows: Only rows in which these columns have these texts; of a report's file.
        refers: Only rows that have their counterpart there.
        minus: The term is taken away.
        kinds: Of a source database, which answers in texts: columns by which its rows are told
            apart, and what they are on the other sides.
    """

    side: Side
    asked: tuple[Asked, ...]
    by: tuple[str, ...] = ()
    where: str = ""
    rows: Mapping[str, str] = field(default_factory=dict)
    refers: Refers | None = None
    minus: bool = False
    kinds: Mapping[str, KeyKind] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRule:
    """
    Two sides that must agree, but for what may explain their difference.

    Attributes:
        id: The project's id.
        kind: Which of the three.
        left: What the right side is measured against; its terms are added up.
        right: The other side.
        measures: What is compared, at least one.
        by: Names of the grain's columns, as they are shown; empty: the whole day.
        explained_by: What may explain a difference, sorted.
        form: How it was declared.
        may_be_empty: A side, a part of one or a yesterday without a row is agreed to; else it is
            a finding of its own.
        absent_is_zero: A group that stands on one side only counts as zero on the other (a
            balance that is gone), in place of a break.
        calendar: Whose business days say which day is the previous one; "" where none is asked.
        first_day: The first day that a roll-forward knows: it has no yesterday, and that holds
            nothing.
        severity: How bad.
        on_fail: What happens.
        basis: The regulation's article.
        description: One sentence.
    """

    id: str
    kind: ControlKind
    left: tuple[Term, ...]
    right: tuple[Term, ...]
    measures: tuple[ControlMeasure, ...]
    by: tuple[str, ...] = ()
    explained_by: tuple[Cause, ...] = ()
    form: Form = Form.SIDES
    may_be_empty: bool = False
    absent_is_zero: bool = False
    calendar: str = ""
    first_day: date | None = None
    severity: Severity = Severity.ERROR
    on_fail: OnFail = OnFail.HOLD
    basis: str = ""
    description: str = ""

    @property
    def reports(self) -> frozenset[str]:
        """The reports whose files it reads; empty: it is judged when the day is reconciled."""
        sides = [t.side for t in (*self.left, *self.right)]
        return frozenset(s.report for s in sides if isinstance(s, ReportSide))


class ControlState(StrEnum):
    """
    How a control stands; only `MATCHED` is a pass.

    `UNVERIFIED`: there is nothing to compare with (no control record, no yesterday). `UNKNOWN`:
    a side could not be read, or gave no answer. `EMPTY`: a side, a part of one or a yesterday has
    no row, and nobody said that it may have none. `NOT_DUE`: it reads a report that is not owed on
    this date, or that is still to be sent and is tied then.
    """

    MATCHED = "matched"
    MISMATCHED = "mismatched"
    UNVERIFIED = "unverified"
    UNKNOWN = "unknown"
    EMPTY = "empty"
    NOT_DUE = "not_due"

    @property
    def is_open(self) -> bool:
        """Whether something is left to be seen to: it was due, and is not matched."""
        return self not in (ControlState.MATCHED, ControlState.NOT_DUE)


class GroupState(StrEnum):
    """
    How one group stands.

    `MISSING` stands on the left only, `EXTRA` on the right only; `UNKNOWN` has a measure
    without an answer, such as the maximum of nulls or a sum with a null in it.
    """

    MATCHED = "matched"
    MISMATCHED = "mismatched"
    MISSING = "missing"
    EXTRA = "extra"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureResult:
    """
    One measure of one group on both sides.

    Attributes:
        name: The measure's.
        unit: What the numbers count.
        left: The left side's value as exact text (a decimal, date or text; a digest); None
            where the group is not there, or the value is null.
        right: The same of the right side.
        difference: left − right, exact and signed; None where that is no number.
        explained: What of it is explained, by cause; only causes that were measured.
        residual: difference − explained; None where that is no number.
        tolerance: Largest allowed |residual|.
        matched: Whether both agree within the tolerance.
        left_nulls: Rows with a null where a number is added up, which may be any number: sums
            that agree but for them have no answer on the left side.
        right_nulls: The same of the right side.
    """

    name: str
    unit: str = ""
    left: str | None
    right: str | None
    difference: Decimal | None = None
    explained: Mapping[str, Decimal] = field(default_factory=dict)
    residual: Decimal | None = None
    tolerance: Decimal = Decimal(0)
    matched: bool = False
    left_nulls: int = 0
    right_nulls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult:
    """One group of the grain; `key` is its columns' values as text, in the grain's order."""

    key: tuple[str | None, ...]
    state: GroupState
    measures: tuple[MeasureResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SideResult:
    """
    One side as it was measured.

    Attributes:
        name: For people: `warehouse ledger`, `raw loans`, `query`, or several with their signs.
        queries: The SQL of each term, as a person can run it; of a control record, where it
            stands.
        rows: How many rows it has; None where that is not known.
        reason: Why it could not be read; "" when it was.
    """

    name: str
    queries: tuple[str, ...] = ()
    rows: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """
    A control, measured and judged.

    Attributes:
        id: The control's.
        kind: Which of the three.
        form: How it was declared.
        state: How it stands.
        left: The left side.
        right: The right side.
        by: Names of the grain's columns; empty: the whole day is the only group.
        totals: Each measure over all groups, in the control's order; measures that do not add
            up are there only where the whole day is the only group.
        groups: The offending ones first, then others, by key; at most a hundred.
        counts: How many groups stand in each state, by `GroupState`; all of them.
        reason: Why it is not matched, in one sentence; "" when it is.
        severity: How bad.
        on_fail: What happens.
        basis: The regulation's article.
        description: One sentence.
        masked: Which of `by` are not public: pseudonyms stand for their values, everywhere.
    """

    id: str
    kind: ControlKind
    form: Form
    state: ControlState
    left: SideResult
    right: SideResult
    by: tuple[str, ...] = ()
    totals: tuple[MeasureResult, ...] = ()
    groups: tuple[GroupResult, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    severity: Severity = Severity.ERROR
    on_fail: OnFail = OnFail.HOLD
    basis: str = ""
    description: str = ""
    masked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Rows that left between two hops, by cause: `quarantined`, `duplicate`, `late`, …."""

    cause: str
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class HopPart:
    """
    A file or a shard within a hop from the source to raw.

    Attributes:
        name: As the source's record names it, or else as it was landed: `loans_20261120.csv`,
            `shardId-000000000001`.
        before: What the source says of it; None when it says nothing.
        after: What was landed of it; None when nothing was.
        residual_records: before − after; None when a side is missing.
        residual_sums: The same for each measure that both have.
    """

    name: str
    before: Totals | None
    after: Totals | None
    residual_records: int | None = None
    residual_sums: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undigested:
    """
    A column that should be in a hop's digests and is not.

    Attributes:
        column: Its name.
        why: In words: `text → integer`, `not in movements`.
        key: It is one of a key; else a measure.
    """

    column: str
    why: str
    key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """
    One step to the right in a dataset's waterfall.

    Attributes:
        dataset: Whose waterfall.
        left: Name of the left side: `source`, `raw`, `curated`, `warehouse`.
        right: Name of the right side: `raw`, `curated`, `warehouse`, `file`.
        before: Totals of the left side; None when the source sent no control record.
        after: Totals of the right side; None when not measured.
        explained: What left on the way, by cause.
        residual_records: before − explained − after; None when a side is missing, or its rows
            were not counted.
        residual_sums: The same for each measure both sides have.
        keys_agree: Whether the key digests agree; None when they cannot be compared because
            rows left on the way or a side has no digest, or when they agree and a column of a
            key, or every one, is not in them.
        digested: The columns of both digests: the key, then the measures, then any other; empty
            where none was made.
        whole: Every column is in them: that the keys agree means that the rows do.
        undigested: Columns of the key and measures that are not in the digests, with the reason.
        parts: From the source to raw: each file or shard for which the source gave totals.
        counted: The rows of both sides were counted. A tie of a column compares its sum alone:
            what `before` has for its records is then no count.
        lacks: In words, why a tie has no answer, or what leaves a sum that agrees without one:
            nulls, which may stand for any number.
    """

    dataset: str
    left: str
    right: str
    before: Totals | None
    after: Totals | None
    explained: tuple[Explanation, ...] = ()
    residual_records: int | None = None
    residual_sums: Mapping[str, Decimal] = field(default_factory=dict)
    keys_agree: bool | None = None
    digested: tuple[str, ...] = ()
    whole: bool = False
    undigested: tuple[Undigested, ...] = ()
    parts: tuple[HopPart, ...] = ()
    counted: bool = True
    lacks: str = ""
