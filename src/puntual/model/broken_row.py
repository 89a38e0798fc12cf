"""One row behind a break, and one row on its way: what a person looks at when totals differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from puntual.model.finding import Place

Cells = tuple[tuple[str, object], ...]
"""(column, value) in the order of the columns; values are exact: no float."""


class RowClass(StrEnum):
    """
    Why a row is listed.

    `MISSING` stands on the left only, `EXTRA` on the right only, `CHANGED` on both with other
    values, `DUPLICATED` on both and not equally often. The others left on the way with a reason.
    """

    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"
    DUPLICATED = "duplicated"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    LATE = "late"
    FILTERED = "filtered"

    @property
    def explained(self) -> bool:
        """Whether the row left with a reason, so that no residual comes of it."""
        return self in (
            RowClass.QUARANTINED,
            RowClass.DUPLICATE,
            RowClass.LATE,
            RowClass.FILTERED,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCell:
    """A column that has another value on the right than on the left."""

    column: str
    left: object
    right: object


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRow:
    """
    A row that does not agree, or that left with a reason.

    Attributes:
        of_class: Why it is listed.
        reason: In words: the contract's reason, the check's id, how often it stands.
        key: Columns that identify it, and their values.
        cells: Its other columns where it stands on one side only; empty otherwise.
        changed: Columns that differ, with both values.
        amounts: What it adds to the residual, by measure: left − right; NaN where a value is no
            number.
        place: Its raw object and position; None where it has none (a row of an aggregate, a
            row that somebody added to the warehouse).
        line: The report file's line, from 1; 0 where it is no line of a file.
    """

    of_class: RowClass
    reason: str = ""
    key: Cells = ()
    cells: Cells = ()
    changed: tuple[ChangedCell, ...] = ()
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    place: Place | None = None
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRows:
    """
    The rows behind one hop or control.

    Attributes:
        dataset: Whose rows: its columns' classification says what is masked.
        about: The hop (`curated → warehouse`) or the control's id.
        rows: The first ones: those that do not agree before those that left with a reason.
        counts: How many there are of each class, all of them.
        notes: What the rows cannot say, one sentence each.
        shown: Columns that need no mask here whatever the dataset says: measures of groups, which
            hold pseudonyms where they must, and public columns of a grain.
        unread: Why the two sides could not be compared as they are stored now, code first; ""
            where they were. No rows then is not agreement.
        nameless: No row can be named here at all: a source says totals, a query numbers.
    """

    dataset: str
    about: str
    rows: tuple[BrokenRow, ...] = ()
    counts: Mapping[RowClass, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    shown: frozenset[str] = frozenset()
    unread: str = ""
    nameless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCell:
    """A column's text in the record and the value it is read as; None where there is none."""

    column: str
    source_name: str
    text: str | None
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """
    A record as it was landed, and as its contract reads it.

    Attributes:
        data: Its exact bytes, line end included; of an extract's row its texts, one
            `name=value` a line.
        offset: Of its first byte in the object; 0 where the object is no text.
        facts: What landing wrote beside it: a stream's shard, sequence and arrival.
        parsed: Each column's text and value.
        of_class: Why it does not stay; "" when it does. A duplicate is found among the others
            of its day, so not here.
        reason: The contract's reason.
        column: The column that it is about.
    """

    data: bytes
    offset: int
    facts: Mapping[str, str] = field(default_factory=dict)
    parsed: tuple[ParsedCell, ...] = ()
    of_class: str = ""
    reason: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRow:
    """A row as it stands in a stage (`curated credits`, `warehouse credits`), or why it is not."""

    stage: str
    dataset: str
    cells: Cells = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedRow:
    """
    One row at its four stages.

    Attributes:
        dataset: The source's dataset.
        object: Digest of its raw object.
        name: What the source called the object; "" where it has no name.
        position: Of the record in the object.
        raw: As it was landed and parsed.
        verdict: Why it did not stay (`quarantined: required amount`); "" when it did.
        stages: Curated, models, warehouse, report lines, in this order.
    """

    dataset: str
    object: str
    name: str
    position: int
    raw: RawRecord
    verdict: str
    stages: tuple[StagedRow, ...]
