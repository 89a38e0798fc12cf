"""Where a dataset comes from, and how its source vouches for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlFile:
    """
    The source's own count and sums in a JSON file beside its data.

    `pattern` is a path with `{reference_date:%Y%m%d}`; the object is
    `{"source", "reference_date", "count": "123", "sums": {"amount": "1.00"}, "digest"?}` with
    numbers as strings.
    """

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSnapshot:
    """Count and sums are taken by the database itself, in the transaction of the extract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoControl:
    """A declared absence: the seal can be `unverified` at best, never `matched`."""

    reason: str


Control = ControlFile | ControlSnapshot | NoControl


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A file is whole when `<file><suffix>` lies beside it."""

    suffix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A file is whole when it has not changed for so many seconds."""

    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSource:
    """Records of a sharded stream; they belong to the day of the contract's day column."""

    name: str
    stream: str
    control: Control


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """
    Files that appear in a folder.

    `pattern` is a glob with `{reference_date:%Y%m%d}`, relative to the project.
    """

    name: str
    pattern: str
    complete: Marker | Settled
    control: Control


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSource:
    """
    The rows of one query, read in one snapshot.

    `connection` is `sqlite:PATH`, `postgresql://…` or `env:NAME` holding either; `query` is in
    the source's own SQL, with `:reference_date` as its only parameter. Where it may be empty, a
    day without rows is a day; else it holds the delivery.
    """

    name: str
    connection: str
    query: str
    control: Control
    may_be_empty: bool = False


Source = StreamSource | FileSource | DatabaseSource
