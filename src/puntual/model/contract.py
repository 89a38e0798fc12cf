"""What a source dataset is promised to look like: columns, form, key, limits (ODCS 3.1)."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Kind(StrEnum):
    """The types a column can have; money is DECIMAL, never a float (design 4.5)."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    TIMESTAMP = "timestamp"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """A kind, with precision and scale where the kind is DECIMAL (1 ≤ precision ≤ 38)."""

    kind: Kind
    precision: int = 0
    scale: int = 0

    def __post_init__(self) -> None:
        if self.kind is Kind.DECIMAL and not (
            1 <= self.precision <= 38 and 0 <= self.scale <= self.precision
        ):
            raise ValueError(f"no such decimal: ({self.precision}, {self.scale})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    One column of a contract.

    Attributes:
        name: The column's name in curated data, `^[a-z_][a-z0-9_]{0,62}$`.
        source_name: Its name in what the source sends (ODCS `physicalName`); a dotted path
            reaches into nested JSON.
        type: What its text is read as.
        required: A record without it is quarantined.
        accepted: The only values allowed; a record with another is quarantined. None: any.
        format: strptime pattern of a DATE or TIMESTAMP; None means ISO 8601.
        pattern: RE2 pattern the whole text must match; None: any.
        classification: ODCS classification; anything but `public` is masked in samples.
    """

    name: str
    source_name: str
    type: ColumnType
    required: bool = False
    accepted: tuple[str, ...] | None = None
    format: str | None = None
    pattern: str | None = None
    classification: str = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Csv:
    """
    Delimited text, by declaration only; nothing is sniffed (`failures.md` h13).

    A record is one physical line unless `multiline`; quotes inside quoted fields are doubled
    (RFC 4180 §2.7). `null_values` are compared with the unquoted text of a field.
    """

    delimiter: str = ","
    quote: str | None = '"'
    header: bool = True
    encoding: str = "utf-8"
    decimal_mark: str = "."
    group_mark: str | None = None
    null_values: tuple[str, ...] = ("",)
    multiline: bool = False

    @property
    def is_utf8(self) -> bool:
        """Whether the encoding is UTF-8, with or without a byte order mark."""
        return codecs.lookup(self.encoding).name in ("utf-8", "utf-8-sig")

    @property
    def is_cut_at_line_feeds(self) -> bool:
        """Whether each line feed's byte ends a line, and with it a record."""
        return self.is_utf8 and not self.multiline


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLines:
    """One JSON object a line, UTF-8; also the payload of a stream record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parquet:
    """Parquet with the contract's source names; also the form of a database extract."""


Format = Csv | JsonLines | Parquet


class Keep(StrEnum):
    """Which of several records with one key stays: by position, or by `order_by`."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A column that is summed exactly at every hop, and the unit of its sums (`MXN`)."""

    column: str
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much may be quarantined in a day and the delivery still be full; default nothing."""

    rows: int = 0
    amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """
    A source dataset's contract.

    Attributes:
        dataset: The dataset's name; also the name of its source and of its curated table.
        version: The contract's own version.
        file: Path of the contract, relative to the project.
        columns: In the order of curated data.
        format: How records are written.
        key: Columns of the declared key; empty: identity is (object, position) alone
            (design 4.4).
        keep: Which record of one key stays.
        order_by: Column that decides "last" or "first" before position does; None: position.
        day_column: DATE or TIMESTAMP column that says which reference date a record belongs
            to; None: the source decides, by its file or query.
        time_zone: IANA zone in which days are cut and zoneless timestamps are read.
        measures: Columns with exact sums; the first one values the quarantine limit.
        quarantine_limit: What may be set aside and still be full.
        arrival_parts: Public TEXT or INTEGER columns by whose values arrivals are watched
            beside shards and files: a branch, a type.
        digest: SHA-256 of the contract file's bytes, hex.
    """

    dataset: str
    version: str
    file: str
    columns: tuple[Column, ...]
    format: Format
    key: tuple[str, ...] = ()
    keep: Keep = Keep.FIRST
    order_by: str | None = None
    day_column: str | None = None
    time_zone: str = "UTC"
    measures: tuple[Measure, ...] = ()
    quarantine_limit: Limit = Limit()
    arrival_parts: tuple[str, ...] = ()
    digest: str = ""
