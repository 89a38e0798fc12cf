"""Any rows, harmed in any place and in every known way: what was done is named, and no more."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conformance.test_compare import ARROW, named
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.drawn import Harmed
from support.harms import HARMS, harmed, harmed_in_several_ways
from support.mutations import COLUMNS, Named, Row, Rows, mutations
from support.postgres import postgres_server

from puntual.engines.compare.rows import compare
from puntual.engines.duckdb.session import Limits, Session
from puntual.engines.duckdb.side import DuckDBSide, files
from puntual.engines.postgresql.side import PostgreSQLSide
from puntual.model.contract import ColumnType, Kind
from puntual.model.difference import (
    Changed,
    Comparison,
    Duplicated,
    Extra,
    Missing,
    Outcome,
    RowDifference,
    Shape,
    Tally,
    Value,
)
from puntual.ports.side import Side

__all__ = ["postgres_server"]

KINDS = tuple(HARMS)
AT_ONCE = 8
"""Tables of one comparison, told apart by `part`: it takes 40 ms, be they one or eight."""

GROUPS = [KINDS[n : n + AT_ONCE] for n in range(0, len(KINDS), AT_ONCE)]
TYPES = {"part": ColumnType(kind=Kind.INTEGER), **COLUMNS}
PARTS = Shape(key=("part", "id"), columns=TYPES)
ONE = Shape(key=("id",), columns=COLUMNS)
SCHEMA = pa.schema([(name, ARROW[kind.kind]) for name, kind in TYPES.items()])


def few(examples: int) -> settings:
    """Return settings of properties of which each example is many tables; CI's draw the same."""
    more = int(os.environ.get("EXAMPLES", "1"))
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples * more, deadline=None, suppress_health_check=checks)


class Places:
    """Where drawn rows are laid: Parquet files, and a temporary table on a real PostgreSQL."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self._folder, self._numbers = folder, count()
        self._sessions = [
            Session(
                duckdb.connect(config={"threads": 1}), limits=Limits(), code="Q1001", where="test"
            )
            for _ in "lr"
        ]
        self._server = psycopg.connect(dsn)
        self._server.execute(
            "CREATE TEMPORARY TABLE drawn (part bigint, id bigint, account text, name text,"
            " note varchar(80), amount numeric(18,2), fee numeric(18,2), paid date,"
            " seen timestamptz, active boolean, branch bigint)"
        )
        self._server.commit()

    @contextmanager
    def sides(self, left: Rows, right: Rows) -> Iterator[tuple[Side, Mapping[str, Side]]]:
        """Lend the left side, and the right one on each engine."""
        with self._server.cursor() as cursor, cursor.copy("COPY drawn FROM STDIN") as copy:
            for row in right:
                copy.write_row([row[name] for name in TYPES])
        one, two = (files((self._file(rows),)) for rows in (left, right))
        on_server = PostgreSQLSide(lambda: self._server, "SELECT * FROM drawn", name="right")
        try:
            yield (
                DuckDBSide(self._sessions[0], one, name="left"),
                {
                    "duckdb": DuckDBSide(self._sessions[1], two, name="right"),
                    "postgresql": on_server,
                },
            )
        finally:
            self._server.rollback()

    def _file(self, rows: Rows) -> str:
        path = str(self._folder / f"{next(self._numbers)}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
        return path

    def close(self) -> None:
        for session in self._sessions:
            session.connection.close()
        self._server.close()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Places]:
    made = Places(tmp_path_factory.mktemp("drawn"), postgres_server)
    yield made
    made.close()


Content = tuple[Value, ...]
Unmatched = tuple[Counter[Content], Counter[Content]]


def content(row: Mapping[str, Value], shape: Shape) -> Content:
    return tuple(row[name] for name in shape.columns)


def apart(left: Rows, right: Rows, shape: Shape) -> dict[Named, Unmatched]:
    """Tell two multisets of rows apart in memory, by key, with the equality of Python."""
    keys: dict[Content, tuple[list[Content], list[Content]]] = {}
    for number, rows in enumerate((left, right)):
        for row in rows:
            key = tuple(row[name] for name in shape.key)
            keys.setdefault(key, ([], []))[number].append(content(row, shape))
    found: dict[Named, Unmatched] = {}
    for key, (ones, twos) in keys.items():
        unmatched = Counter(ones) - Counter(twos), Counter(twos) - Counter(ones)
        if any(unmatched):
            found[_name(key, ones, twos, shape)] = unmatched
    return found


def _name(key: Content, ones: list[Content], twos: list[Content], shape: Shape) -> Named:
    if not (ones and twos):
        return "extra" if twos else "missing", key
    if len(ones) == len(twos) == 1:
        cells = zip(shape.columns, ones[0], twos[0], strict=True)
        return "changed", key, tuple(name for name, one, two in cells if one != two)
    return "duplicated", key, len(ones), len(twos)


def rows_of(difference: RowDifference, shape: Shape) -> Unmatched:
    """Return the rows that a difference shows of both sides."""
    shown: tuple[Sequence[Mapping[str, Value]], Sequence[Mapping[str, Value]]]
    match difference:
        case Missing(left=left):
            shown = [left], []
        case Extra(right=right):
            shown = [], [right]
        case Changed(left=left, right=right):
            shown = [left], [right]
        case Duplicated(left_only=lefts, right_only=rights):
            shown = lefts, rights
    left_shown, right_shown = (Counter(content(row, shape) for row in rows) for rows in shown)
    return left_shown, right_shown


def tallies(found: Mapping[Named, Unmatched]) -> dict[str, Tally]:
    told = dict.fromkeys(("missing", "extra", "changed", "duplicated"), Tally())
    for name, (left, right) in found.items():
        so_far = told[str(name[0])]
        told[str(name[0])] = Tally(
            keys=so_far.keys + 1,
            left_rows=so_far.left_rows + left.total(),
            right_rows=so_far.right_rows + right.total(),
        )
    return told


def agrees(found: Comparison, left: Rows, right: Rows, expected: dict[Named, Unmatched]) -> None:
    """Ask that a comparison named what is expected, with its rows, and nothing else."""
    assert found.reasons == ()
    assert {named(d) for d in found.differences} == expected.keys()
    assert (found.keys, found.more) == (len(expected), 0)
    assert found.outcome is (Outcome.DIFFERENT if expected else Outcome.EQUAL)
    assert (found.left.rows, found.right.rows) == (len(left), len(right))
    assert {
        "missing": found.missing,
        "extra": found.extra,
        "changed": found.changed,
        "duplicated": found.duplicated,
    } == tallies(expected)
    for difference in found.differences:
        unmatched = expected[named(difference)]
        for shown, of_side in zip(rows_of(difference, found.shape), unmatched, strict=True):
            assert shown <= of_side
            assert bool(shown) == bool(of_side)


def in_part(number: int, rows: Rows) -> Rows:
    return [{"part": number, **row} for row in rows]


def by_part(number: int, name: Named) -> Named:
    kind, key, *rest = name
    assert isinstance(key, tuple)
    return kind, (number, *key), *rest


def test_every_kind_of_harm_that_is_known_is_drawn() -> None:
    assert list(KINDS) == [m.kind for m in mutations()]
    assert len(KINDS) >= 60


@pytest.mark.row("f50", "f36")
@pytest.mark.parametrize("kinds", GROUPS, ids=lambda kinds: f"{kinds[0]} to {kinds[-1]}")
@few(3)
@given(data=st.data())
def test_what_was_done_to_any_rows_is_named_and_nothing_else(
    places: Places, kinds: tuple[str, ...], data: st.DataObject
) -> None:
    tables: tuple[Harmed, ...] = data.draw(st.tuples(*(harmed(kind) for kind in kinds)))
    left: list[Row] = [r for n, t in enumerate(tables) for r in in_part(n, t.left)]
    right: list[Row] = [r for n, t in enumerate(tables) for r in in_part(n, t.right)]
    expected = apart(left, right, PARTS)
    assert expected.keys() == {by_part(n, d) for n, t in enumerate(tables) for d in t.named}
    with places.sides(left, right) as (one, others):
        for other in others.values():
            agrees(compare(one, other, PARTS, limit=1000), left, right, expected)


@pytest.mark.row("f50", "f36")
@few(6)
@given(table=harmed_in_several_ways())
def test_harm_of_several_kinds_in_one_table_hides_none_of_them(
    places: Places, table: Harmed
) -> None:
    expected = apart(table.left, table.right, ONE)
    assert expected.keys() == table.named
    with places.sides(in_part(0, table.left), in_part(0, table.right)) as (one, others):
        for other in others.values():
            agrees(compare(one, other, ONE), table.left, table.right, expected)
