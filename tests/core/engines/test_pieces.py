"""A day is cut by the positions of its records, and by nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puntual.engines.dialect.rowwise import is_rowwise
from puntual.engines.duckdb.pieces import Staged, StagedFile, cut
from puntual.engines.duckdb.session import Limits
from puntual.engines.duckdb.workers import at_once
from puntual.ports.engine import RawPart


def parts(*lengths: int) -> list[Staged]:
    return [
        Staged(
            files=(StagedFile(path=f"{i}.parquet", after=0, until=last, begin=0),),
            part=RawPart(uri=f"{i}", short=f"{i:012x}"),
        )
        for i, last in enumerate(lengths)
    ]


def bounds(*lengths: int, size: int) -> list[list[tuple[int, int, int]]]:
    return [[(s.number, s.after, s.until) for s in piece] for piece in cut(parts(*lengths), size)]


def test_a_short_day_is_one_piece() -> None:
    assert bounds(3, 0, 2, size=10) == [[(0, 0, 3), (1, 0, 0), (2, 0, 2)]]


def test_a_day_without_parts_is_one_piece_without_records() -> None:
    assert cut([], 10) == [()]


def test_a_large_part_is_divided_evenly() -> None:
    assert bounds(25, size=10) == [[(0, 0, 12)], [(0, 12, 25)]]


def test_small_parts_share_a_piece() -> None:
    assert bounds(4, 4, 4, size=10) == [[(0, 0, 4), (1, 0, 4)], [(2, 0, 4)]]


@given(st.lists(st.integers(0, 100), max_size=8), st.integers(1, 20))
def test_every_position_is_in_one_piece_in_order(lengths: list[int], size: int) -> None:
    covered = [
        (s.number, position)
        for piece in cut(parts(*lengths), size)
        for s in piece
        for position in range(s.after + 1, s.until + 1)
    ]
    assert covered == [(n, p) for n, last in enumerate(lengths) for p in range(1, last + 1)]


@pytest.mark.parametrize(
    ("memory", "threads", "workers"),
    [
        ("1200MB", 2, 2),
        ("1200MB", 8, 2),
        ("4GB", 8, 8),
        ("4GB", 2, 2),
        ("600MB", 2, 1),
        ("80%", 4, 1),
    ],
)
def test_as_many_workers_as_memory_and_threads_allow(
    memory: str, threads: int, workers: int
) -> None:
    assert at_once(Limits(memory=memory, threads=threads)) == workers


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM e",
        "FROM e",
        "SELECT x.a, c.b FROM e AS x LEFT JOIN c ON c.k = x.k WHERE x.a > $reference_date",
        "SELECT e.a FROM e, c WHERE e.k = c.k",
        "WITH m AS (SELECT max(z) AS z FROM c) SELECT e.a, m.z FROM e CROSS JOIN m",
        "SELECT e.a, (SELECT max(z) FROM c WHERE c.k = e.k) AS z FROM e",
        "SELECT a FROM e WHERE EXISTS (SELECT 1 FROM c WHERE c.k = e.k)",
        "SELECT coalesce(a, 'x'), CAST(b AS DATE), timezone('UTC', t) FROM e",
    ],
)
def test_a_statement_that_makes_each_row_of_one_row_is_run_by_pieces(sql: str) -> None:
    assert is_rowwise(sql, "e")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(a) FROM e",
        "SELECT bool_and(a) FROM e",
        "SELECT list(a) FROM e",
        "SELECT a FROM e GROUP BY ALL",
        "SELECT DISTINCT a FROM e",
        "SELECT a FROM e ORDER BY a",
        "SELECT a FROM e LIMIT 1",
        "SELECT row_number() OVER () FROM e",
        "SELECT a FROM e QUALIFY row_number() OVER (PARTITION BY a) = 1",
        "SELECT e.a FROM e RIGHT JOIN c USING (k)",
        "SELECT e.a FROM e FULL JOIN c USING (k)",
        "SELECT e.a FROM e ASOF JOIN c ON e.t >= c.t",
        "SELECT e.a FROM e POSITIONAL JOIN c",
        "SELECT c.a FROM c LEFT JOIN e USING (k)",
        "SELECT e.a FROM e JOIN e AS f USING (k)",
        "WITH m AS (SELECT max(a) AS z FROM e) SELECT e.a, m.z FROM e CROSS JOIN m",
        "SELECT a FROM e WHERE a > (SELECT avg(a) FROM e)",
        "SELECT a FROM e UNION ALL SELECT a FROM e",
        "SELECT a FROM e TABLESAMPLE 10%",
        "SELECT a FROM (SELECT * FROM e)",
        "SELECT unnest([1, 2]) FROM e",
        "SELECT random() FROM e",
        "SELECT unheard_of(a) FROM e",
        "SELECT a FROM",
    ],
)
def test_a_statement_that_looks_across_rows_or_is_not_understood_is_not(sql: str) -> None:
    assert not is_rowwise(sql, "e")
