"""A report: when it is owed, what it says, how its file looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum

from puntual.model.obligation import DEFAULT_RESERVE, Cadence, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """
    Business days by a pinned file that cites its legal source (design 4.11).

    `weekend` holds ISO weekdays (6 = Saturday); dates outside `valid_from`..`valid_until` are
    not answered. `notes` say for people what the file is and is not.
    """

    name: str
    source: str
    published: date
    valid_from: date
    valid_until: date
    weekend: tuple[int, ...]
    holidays: tuple[tuple[date, str], ...]
    notes: str = ""


class Align(StrEnum):
    """Where a fixed-width field's text stands."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """
    One field of a record in the regulator's file.

    Attributes:
        name: The report column it shows, or for header and trailer its own name.
        value: Literal or placeholder text in header and trailer (`{records}`,
            `{reference_date:%Y%m%d}`, `{sum:balance}`, `{report}`, `{version}`,
            `{institution}`, `{completeness}`, `{exceptions}`, `{flags}`); "" in detail
            records, where the column is meant.
        width: Characters, in fixed width; 0 in delimited files.
        align: Side on which the text stands, in fixed width.
        fill: One character that pads it.
        scale: Decimals written; None: as the column has them.
        implied_point: Decimals are written without their point (`1234` for 12.34).
        date_format: strftime pattern of dates.
    """

    name: str
    value: str = ""
    width: int = 0
    align: Align = Align.LEFT
    fill: str = " "
    scale: int | None = None
    implied_point: bool = False
    date_format: str = "%Y-%m-%d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    r"""
    The regulator's file.

    Attributes:
        kind: `delimited` or `fixed`.
        file_name: Template: `{report}_{reference_date:%Y%m%d}_v{version}.txt`.
        header: Fields of the first record; empty: none.
        detail: Fields of each row, in order.
        trailer: Fields of the last record, with the control totals; empty: none.
        delimiter: Between fields, in delimited files.
        quote: Quotes a text that contains the delimiter, the quote or a line end; None: such
            a text is refused (`L3002`).
        encoding: `utf-8`, `ascii`, `latin-1`, …; what it cannot write is refused (`L3003`).
        newline: `\\n` or `\\r\\n`.
        null: Text of a null.
        decimal_mark: `.` or `,`.
        column_names: Write the column names as a first line after the header (delimited only).
    """

    kind: str
    file_name: str
    detail: tuple[Field, ...]
    header: tuple[Field, ...] = ()
    trailer: tuple[Field, ...] = ()
    delimiter: str = "|"
    quote: str | None = None
    encoding: str = "utf-8"
    newline: str = "\n"
    null: str = ""
    decimal_mark: str = "."
    column_names: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """The sum of a report column (`*`: its row count) equals a scalar SELECT on the warehouse."""

    column: str
    query: str
    dataset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanB:
    """
    The emergency report: made from raw alone (design 4.14).

    Attributes:
        sql: The SELECT over raw, each source's records under its name with the types of its
            contract; it returns the columns of the full report.
        file: Where that stands.
        ties: Its own checks: a column's sum (`*`: its row count) equals a scalar SELECT on raw.
        digest: SHA-256 over the SQL's file and the ties.
    """

    sql: str
    file: str
    ties: tuple[Tie, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Deliver by placing the files in a folder, relative to the project or absolute."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    A declared product.

    Attributes:
        name: `^[a-z][a-z0-9_]*$`.
        title: For people.
        institution: Who owes it, as the file shows it.
        sql: The SELECT on the warehouse; its ORDER BY orders the file.
        file: Where that stands.
        layout: The regulator's file.
        calendar: Name of the business calendar.
        due_after: Business days after the reference date.
        due_at: Wall-clock time of the due instant in `time_zone`.
        time_zone: IANA zone of the deadline.
        ties: Control totals of the file against the warehouse.
        destinations: Where it goes.
        digest: SHA-256 over report.yaml, report.sql and layout.yaml.
        cadence: For which reference dates it is owed.
        reserve: Decision reserve in seconds.
        owed_from: First reference date for which it is owed; None: not declared.
        emergency: Plan B; None if there is none.
    """

    name: str
    title: str
    institution: str
    sql: str
    file: str
    layout: Layout
    calendar: str
    due_after: int
    due_at: time
    time_zone: str
    ties: tuple[Tie, ...] = ()
    destinations: tuple[Folder, ...] = ()
    digest: str = ""
    cadence: Cadence = Cadence.BUSINESS_DAY
    reserve: int = DEFAULT_RESERVE
    owed_from: date | None = None
    emergency: PlanB | None = None

    @property
    def terms(self) -> Terms:
        """When it is owed."""
        return Terms(
            report=self.name,
            calendar=self.calendar,
            cadence=self.cadence,
            due_after=self.due_after,
            due_at=self.due_at,
            time_zone=self.time_zone,
            reserve=self.reserve,
            owed_from=self.owed_from,
        )
