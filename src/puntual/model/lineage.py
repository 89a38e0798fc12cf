"""Where columns and numbers come from: the values that lineage is told in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ColumnKind(StrEnum):
    """What a node of column lineage is."""

    SOURCE = "source"
    EXPRESSION = "expression"
    CONSTANT = "constant"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnNode:
    """
    A column and the columns that it is made of.

    Attributes:
        dataset: The report, model or source it is a column of; of a subquery the name that the
            SQL gives it.
        level: `file`, `report`, `subquery`, `model` or `source`.
        column: Its name.
        kind: `unresolved`: what it is made of cannot be told from the SQL.
        expression: How it is made, as SQL; "" for a column of a source.
        where: `file:line:column` of the expression; "" for a source.
        conditions: WHERE, JOIN, GROUP BY and HAVING of the SELECT that makes it, as SQL: which
            rows it is made of.
        inputs: What it is made of, in the order in which the expression names it.
    """

    dataset: str
    level: str
    column: str
    kind: ColumnKind
    expression: str = ""
    where: str = ""
    conditions: tuple[str, ...] = ()
    inputs: tuple[ColumnNode, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """
    The line of the delivered file in which a number stands.

    Attributes:
        file_name: The regulator's file.
        sha256: Digest of the file.
        number: Physical line, from 1.
        text: The line as it stands, without its end; classified fields are masked.
        column: The field.
        value: What stands in it; masked where it is one row's value of a classified column.
    """

    file_name: str
    sha256: str
    number: int
    text: str
    column: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageHop:
    """
    One question that was asked on the way, and of which manifests.

    Attributes:
        about: What it finds.
        sql: In DuckDB's dialect, with named parameters for what belongs to the row.
        manifests: Step → digest of the manifests whose files were read.
    """

    about: str
    sql: str
    manifests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRow:
    """
    One row of a dataset by its place.

    Attributes:
        dataset: A source or a model.
        object: 12 hex digits of the raw object's digest.
        position: In the object; see `Curated.files`.
        role: `contributes`, `carried` (the same record one hop further back) or `joined`.
        value: What it adds, as text; masked where its column is classified; None for another.
        raw: The record in the raw object; None for a row of a model.
        origins: The rows that it was made of, one hop further back.
    """

    dataset: str
    object: str
    position: int
    role: str
    value: str | None = None
    raw: RawBytes | None = None
    origins: tuple[PlacedRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBytes:
    """
    A record in a raw object.

    Attributes:
        object: Name of the object in the store.
        sha256: Digest of the object, which was checked.
        original: The name under which the source sent it; "" where it has none.
        position: Physical line or row, from 1.
        bytes: Size of the payload; None for a row of a typed object, which has no bytes of its
            own.
        payload: The payload with what is not printable as escapes, or the row's texts; masked
            unless every column of the contract is public.
        payload_sha256: Digest of the payload; "" where it is masked: the digest of a guessable
            value tells it (`evidence.md` section 1).
    """

    object: str
    sha256: str
    original: str
    position: int
    bytes: int | None
    payload: str
    payload_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """
    Records that are not in a number, and why.

    Attributes:
        dataset: Of which dataset's rows.
        stage: Where they left, such as `raw → curated` or the name of a SELECT.
        reason: In words or as the SQL of the condition.
        rows: How many; of conditions of one stage a row may fail several.
        exclusive: These rows are counted under no other reason of their stage.
        places: The first of them, sorted.
    """

    dataset: str
    stage: str
    reason: str
    rows: int
    exclusive: bool = True
    places: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """
    Every record of a source that a number rests on, accounted for.

    Attributes:
        dataset: The source, or a model that keeps no source's places.
        records: That were landed, or that the model has.
        contributing: That are in the number.
        left_out: That are not, each stage with its reasons.
        unexplained: Records minus all of those; 0 when every record is accounted for, None when
            it cannot be told.
    """

    dataset: str
    records: int
    contributing: int
    left_out: tuple[LeftOut, ...]
    unexplained: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Atom:
    """
    One aggregate or column that a number is made of, and the rows behind it.

    Attributes:
        expression: As SQL, such as `SUM(movements.amount)`.
        kind: `sum`, `count`, `count_distinct`, `min`, `max`, `key`, `value` or `constant`.
        rows: How many rows contribute.
        total: What they give, exact; masked where it is one row's value of a classified column.
        adds_up: `total` is the value that the query of the delivery has here; None where it has
            none of its own.
        shown: The contributors of the page.
        first: Number of the first one that is shown, from 1.
        balances: What is not in it, by source.
        inner: Where a contributor is itself an aggregate: what that one is made of.
    """

    expression: str
    kind: str
    rows: int
    total: str
    adds_up: bool | None
    shown: tuple[PlacedRow, ...] = ()
    first: int = 1
    balances: tuple[Balance, ...] = ()
    inner: tuple[Atom, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberLineage:
    """
    A number of a delivered report, followed to raw bytes.

    Attributes:
        delivery: `credit_daily/2026-11-20/v1`.
        delivered: False where the report was made and not sent.
        manifest: Digest of the report's manifest, from which everything was read.
        line: Where it stands in the file.
        expression: Of the column, as SQL.
        atoms: What it is made of.
        hops: The SQL of each hop, in order.
        warehouse: What the warehouse holds now of the rows that are shown, in words.
        revealed: The classified columns that were shown, sorted.
    """

    delivery: str
    delivered: bool
    manifest: str
    line: ReportLine
    expression: str
    atoms: tuple[Atom, ...]
    hops: tuple[LineageHop, ...]
    warehouse: tuple[str, ...] = ()
    revealed: tuple[str, ...] = ()
