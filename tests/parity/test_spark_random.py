"""
Random contracts, records and statements come out the same on DuckDB and on Spark.

Spark's questions are dear, so many cases stand in one: a table holds values of every type at
their limits, and one SELECT asks many expressions of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.six import DIGEST, SIX, parquet
from support.spark import QUIET_SOCKETS, spark, spark_engine

from puntual.checks.control import Group, Measured, judge
from puntual.checks.encoding import ALGORITHM, VECTORS, Vector
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.errors import PermanentError, ProjectError
from puntual.model.contract import (
    Column,
    ColumnType,
    Contract,
    Csv,
    Format,
    JsonLines,
    Keep,
    Kind,
    Measure,
)
from puntual.model.control import (
    ControlKind,
    ControlMeasure,
    ControlRule,
    ControlState,
    MeasureKind,
    SideResult,
)
from puntual.model.manifest import Totals
from puntual.model.project import Model
from puntual.ports.engine import Day, RawDay, RawPart
from puntual.project.portable import portable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from puntual.engines.spark.engine import SparkEngine

__all__ = ["spark"]
pytestmark = QUIET_SOCKETS

_WIDE = Context(prec=60)
DAY = date(2026, 3, 8)
ZONE = "America/Ciudad_Juarez"
"""On this day its clocks go from 02:00 to 03:00."""

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("other", pa.string()),
        ("small", pa.decimal128(9, 2)),
        ("amount", pa.decimal128(18, 2)),
        ("wide", pa.decimal128(38, 6)),
        ("days", pa.int32()),
        ("count", pa.int64()),
        ("opened_on", pa.date32()),
        ("closed_on", pa.date32()),
        ("moment", pa.timestamp("us", tz="UTC")),
        ("paid", pa.bool_()),
        ("_object", pa.string()),
        ("_position", pa.int64()),
    ]
)
KINDS = {
    "string": "text",
    "int32": "integer",
    "int64": "integer",
    "date32[day]": "date",
    "bool": "boolean",
    "timestamp[us, tz=UTC]": "timestamp",
}
TABLES = {"t": {f.name: KINDS.get(str(f.type), "decimal") for f in SCHEMA}}

TEXTS: list[object] = [
    *("", " ", "a", "A", "a ", " a", "\u00a0a\u2003", "ñ", "n\u0303", "Z", "z", "Ä", "10", "9"),
    *("-1.50", "x\\y", "it's", '"', "%", "_", "a\nb", "a\n", "\U0001f600", "K0000001", "\t"),
    "a\u0000b",
]
DATES: list[object] = [
    *(date(1, 1, 1), date(1582, 10, 10), date(1969, 12, 31), date(1970, 1, 1), DAY),
    *(date(2024, 2, 29), date(9999, 12, 31)),
]
INSTANTS: list[object] = [
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 3, 8, 9, 30, tzinfo=UTC),
    datetime(2026, 3, 9, 5, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 11, 1, 7, 30, tzinfo=UTC),
]


def decimals(precision: int, scale: int) -> list[object]:
    most = 10**precision - 1
    whole = [0, 1, -1, 5, -5, 15, 25, -25, 50, 105, -995, most, -most]
    return [Decimal(n).scaleb(-scale, context=_WIDE) for n in whole]


POOLS: tuple[list[object], ...] = (
    TEXTS,
    TEXTS,
    decimals(9, 2),
    decimals(18, 2),
    decimals(38, 6),
    [0, 1, -1, 29, 30, 90, 2**31 - 1, -(2**31)],
    [0, 1, -7, 10**15],
    DATES,
    DATES,
    INSTANTS,
    [True, False],
)
SEEDS = st.integers(0, 2**32).map(Random)
"""A seed is one value, so that the first example is as rich as any."""


def table(chance: Random, rows: int = 40) -> list[tuple[object, ...]]:
    """Draw rows from the pools; one value in eight is null."""
    drawn = [tuple(chance.choice(pool) for pool in POOLS) for _ in range(rows)]
    return [tuple(None if chance.random() < 0.125 else v for v in row) for row in drawn]


EXPRESSIONS = (
    "name",
    "trim(name)",
    "ltrim(name)",
    "rtrim(name)",
    "nullif(trim(name), '')",
    "length(name)",
    "replace(name, 'a', '\\')",
    "substr(name, 2, 2)",
    "left(name, 1) || right(other, 1)",
    "concat(name, other)",
    "name || other",
    "upper(name)",
    "lower(other)",
    "upper(trim(name))",
    "trim(lower(trim(other)) || ' ')",
    "regexp_full_match(upper(trim(name)), '[A-Z]')",
    "CAST(CAST(days AS VARCHAR) AS BIGINT)",
    "name < other",
    "name = other",
    "name IS DISTINCT FROM other",
    "name LIKE 'a%'",
    "contains(name, 'a') OR starts_with(name, 'K') OR ends_with(name, ' ')",
    "regexp_matches(name, '^[a-zA-Z]$')",
    "regexp_matches(name, 'a.b')",
    "regexp_full_match(name, 'K\\d{7}')",
    "amount + small * 2 - days",
    "small * small",
    "-amount",
    "abs(amount)",
    "round(amount, 1)",
    "round(small)",
    "CAST(amount AS BIGINT)",
    "CAST(small AS DECIMAL(12, 1))",
    "CAST(amount AS VARCHAR)",
    "CAST(days AS DECIMAL(18, 2))",
    "CAST(opened_on AS VARCHAR)",
    "CAST(paid AS VARCHAR)",
    "days % 7",
    "count + days",
    "count = days OR amount > days",
    "greatest(small, amount)",
    "least(days, count)",
    "coalesce(amount, small, 0)",
    "CASE WHEN days < 30 THEN 'A' WHEN days < 90 THEN 'B' ELSE name END",
    "CASE days WHEN 0 THEN amount ELSE -1.5 END",
    "if(paid, amount, small)",
    "paid AND days > 0",
    "NOT paid",
    "opened_on <= :reference_date",
    "opened_on = '2026-03-08'",
    "opened_on + 1 > closed_on",
    "date_diff('day', opened_on, closed_on)",
    "year(opened_on) * 100 + month(opened_on)",
    "CAST(moment AS DATE)",
    "CAST(moment AS DATE) = :reference_date",
    "amount BETWEEN -1 AND 1.05",
    "name IN ('a', 'A', 'ñ')",
    "name NOT IN ('a', 'b')",
    "EXISTS (SELECT 1 FROM t AS o WHERE o.name = t.name AND o._position < t._position)",
)
AGGREGATES = (
    "count(*)",
    "count(name)",
    "count(DISTINCT name)",
    "count(DISTINCT small)",
    "sum(small)",
    "sum(amount) FILTER (WHERE paid)",
    "CAST(sum(days) AS BIGINT)",
    "CAST(coalesce(sum(amount), 0) AS DECIMAL(38, 2))",
    "min(name)",
    "max(other)",
    "min(moment)",
    "max(opened_on)",
    "min(wide)",
    "bool_and(paid)",
    "bool_or(paid)",
    "count(*) FILTER (WHERE days > 0)",
    "sum(CASE WHEN name = 'a' THEN small ELSE 0 END)",
)
WINDOWS = (
    "row_number() OVER (ORDER BY name DESC, _position)",
    "rank() OVER (PARTITION BY paid ORDER BY small)",
    "lag(amount) OVER (ORDER BY _position)",
    "sum(small) OVER (PARTITION BY name ORDER BY _position)",
    "count(*) OVER (PARTITION BY name)",
)
PLACES = "_object, _position"


@pytest.fixture(scope="module")
def engines(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DuckDBEngine, SparkEngine, Path]]:
    folder = tmp_path_factory.mktemp("random")
    duck, sparked = DuckDBEngine(threads=1, temporary=str(folder)), spark_engine(spark, str(folder))
    yield duck, sparked, folder
    duck.close()
    sparked.close()


whole = pytest.mark.skipif(
    "EXAMPLES" not in os.environ, reason="`make parity` runs it: Spark takes a minute for it"
)


def few(examples: int) -> settings:
    """Return the settings of properties of which each example takes seconds."""
    return settings(
        max_examples=examples * int(os.environ.get("EXAMPLES", "1")),
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


def laid(folder: Path, rows: Sequence[tuple[object, ...]]) -> Day:
    """Lay rows down as the table `t`."""
    placed = [(*row, "0" * 12, n) for n, row in enumerate(rows, 1)]
    columns = [
        pa.array(list(c), f.type) for c, f in zip(zip(*placed, strict=True), SCHEMA, strict=True)
    ]
    path = folder / "t.parquet"
    pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), path)
    return Day(reference_date=DAY, zone=ZONE, tables={"t": (str(path),)})


def model(sql: str) -> Model:
    return Model(name="m", file="models/m.sql", sql=sql, inputs=("t",))


def rows_of(paths: Sequence[str]) -> list[dict[str, object]]:
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def same_model(engines: tuple[DuckDBEngine, SparkEngine, Path], sql: str, day: Day) -> None:
    """Build a model on both and compare all that was made."""
    duck, sparked, folder = engines
    assert portable(sql, "spark", TABLES) == ()
    for name in ("duck", "spark"):
        (folder / name).mkdir(exist_ok=True)
    mine = duck.build(model(sql), day, str(folder / "duck"))
    theirs = sparked.build(model(sql), day, str(folder / "spark"))
    assert theirs.columns == mine.columns
    one, two = (tuple(f.path for f in m.files) for m in (mine, theirs))
    assert rows_of(two) == rows_of(one)
    columns = tuple(name for name, _ in mine.columns)
    theirs_digest = sparked.totals(two, columns, (), algorithm=ALGORITHM)
    assert theirs_digest == duck.totals(one, columns, (), algorithm=ALGORITHM)


@few(1)
@given(chance=SEEDS)
def test_every_expression_of_a_row_has_the_same_value(
    engines: tuple[DuckDBEngine, SparkEngine, Path], chance: Random
) -> None:
    listed = ",\n".join(f"{e} AS e{i}" for i, e in enumerate((*EXPRESSIONS, *WINDOWS)))
    same_model(engines, f"SELECT {listed}, {PLACES} FROM t", laid(engines[2], table(chance)))


@few(1)
@given(chance=SEEDS)
def test_every_aggregate_has_the_same_value_with_nulls_and_duplicates(
    engines: tuple[DuckDBEngine, SparkEngine, Path], chance: Random
) -> None:
    listed = ",\n".join(f"{e} AS e{i}" for i, e in enumerate(AGGREGATES))
    rows = table(chance)
    day = laid(engines[2], [*rows, *rows])
    same_model(engines, f"SELECT other, {listed} FROM t GROUP BY other HAVING count(*) > 1", day)


def test_a_statement_is_not_refused_because_of_a_view_that_it_does_not_read(
    spark: SparkSession,
) -> None:
    from puntual.engines.duckdb.reader import DuckDBReader
    from puntual.engines.spark.tables import Tables

    tables = Tables(
        spark=spark, reader=DuckDBReader(), day=Day(reference_date=DAY, zone=ZONE, tables={})
    )
    tables.add("t", spark.sql("SELECT '7' AS name"))
    tables.add("other", spark.sql("SELECT 1 AS x"))
    sql = "WITH c AS (SELECT name AS x FROM t) SELECT CAST(x AS BIGINT) AS y FROM c"
    assert tables.run(sql).collect() == [(7,)]


JOINS = (
    "SELECT a.name, b.amount, {p} FROM t AS a LEFT JOIN t AS b ON a.name = b.other",
    "SELECT a.name, {p} FROM t AS a ANTI JOIN t AS b ON a.name = b.other",
    "SELECT a.name, {p} FROM t AS a SEMI JOIN t AS b USING (name, paid)",
    "SELECT name AS x FROM t UNION SELECT other FROM t",
    "SELECT DISTINCT small, paid FROM t",
    "SELECT name, {q} FROM t WHERE small IN (SELECT small FROM t WHERE paid) OR paid",
    "SELECT name, {q} FROM t WHERE name NOT IN (SELECT other FROM t WHERE days > 0) AND paid",
    "WITH c AS (SELECT other, sum(small) AS s FROM t GROUP BY other) "
    "SELECT a.name, c.s, {p} FROM t AS a FULL JOIN c ON c.other = a.name",
    "SELECT CAST(days AS VARCHAR) AS days, CAST(days AS DECIMAL(12, 2)) AS d, {q} FROM t "
    "WHERE days > 0",
    "SELECT name AS x FROM t EXCEPT SELECT other FROM t WHERE paid",
    "SELECT name, small, {q} FROM t QUALIFY rank() OVER (PARTITION BY paid ORDER BY small) = 1",
)


@whole
@few(1)
@given(chance=SEEDS)
def test_joins_sets_and_order_are_the_same(
    engines: tuple[DuckDBEngine, SparkEngine, Path], chance: Random
) -> None:
    day = laid(engines[2], table(chance))
    for sql in JOINS:
        places = {"p": "a._object, a._position", "q": PLACES}
        same_model(engines, sql.format(**places), day)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT upper('straße' || name) AS x FROM t", "Q1001"),
        ("SELECT CAST(name AS DECIMAL(9, 2)) AS x FROM t", "Q1001"),
        ("SELECT wide * 1000000 AS x FROM t", "Q1002"),
        ("SELECT days + 1 AS x FROM t", "Q1002"),
    ],
)
def test_what_only_some_values_can_be_is_an_error_and_never_another_value(
    engines: tuple[DuckDBEngine, SparkEngine, Path], sql: str, code: str
) -> None:
    most = Decimal("9" * 32 + ".999999")
    day = laid(engines[2], [("1e3", None, None, None, most, 2**31 - 1, *[None] * 5)])
    with pytest.raises(PermanentError) as caught:
        engines[1].build(model(sql), day, str(engines[2]))
    assert caught.value.code == code
    assert "1e3" not in f"{caught.value} {caught.value.observed}"


def test_a_statement_that_is_not_the_same_there_is_refused_before_it_runs(
    engines: tuple[DuckDBEngine, SparkEngine, Path],
) -> None:
    day = laid(engines[2], [(None,) * 11])
    with pytest.raises(ProjectError, match="Q1003"):
        engines[1].build(model("SELECT small / 3 AS x FROM t"), day, str(engines[2]))
    with pytest.raises(ProjectError, match="HUGEINT"):
        engines[1].build(model("SELECT sum(days) AS x FROM t"), day, str(engines[2]))


def test_the_digests_of_the_reference_table_are_those_of_spark(
    spark: SparkSession, tmp_path: Path
) -> None:
    from puntual.engines.spark.digest import encoding_sql, halves
    from puntual.engines.spark.session import open_spark

    cells: list[str] = []
    named: list[tuple[Vector, dict[str, ColumnType]]] = []
    for number, vector in enumerate(VECTORS):
        # A column of its own type cannot hold a number with more decimals.
        wider = [_wider(v, k) for v, k in vector.pairs]
        names = {f"c{number}_{i}": k for i, (_, k) in enumerate(vector.pairs)}
        columns = zip(names, vector.values, wider, strict=True)
        cells += [f"CAST({_written(v)} AS {_word(k)}) AS {name}" for name, v, k in columns]
        named.append((vector, names))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        path = tmp_path / "vectors.parquet"
        connection.execute(f"COPY (SELECT {', '.join(cells)}) TO '{path}' (FORMAT parquet)")
    frame = open_spark(spark=spark).read.parquet(str(path))
    types = {f.name: f.dataType for f in frame.schema.fields}
    asked = [half for _, names in named for half in halves(encoding_sql([*names], types, names))]
    (found,) = frame.selectExpr(*asked).collect()
    expected = [half for vector, _ in named for half in (vector.high, vector.low)]
    assert [int(half) for half in found] == expected


def _wider(value: object, kind: ColumnType) -> ColumnType:
    scale = -int(value.as_tuple().exponent) if isinstance(value, Decimal) else 0
    return replace(kind, scale=scale) if scale > kind.scale else kind


def _word(kind: ColumnType) -> str:
    words = {Kind.TEXT: "VARCHAR", Kind.INTEGER: "BIGINT", Kind.DATE: "DATE"}
    words |= {Kind.TIMESTAMP: "TIMESTAMPTZ", Kind.BOOLEAN: "BOOLEAN"}
    return words.get(kind.kind, f"DECIMAL({kind.precision},{kind.scale})")


def _written(value: object) -> str:
    return "NULL" if value is None else f"'{value}'"


TOTALS = ControlRule(
    id="totals",
    kind=ControlKind.END_TO_END,
    left=(),
    right=(),
    measures=(
        ControlMeasure(name="count", kind=MeasureKind.COUNT),
        ControlMeasure(name="sum amount", kind=MeasureKind.SUM),
        ControlMeasure(name=DIGEST, kind=MeasureKind.DIGEST),
    ),
)


def measured(name: str, found: Totals) -> Measured:
    digest = f"{found.algorithm}:{found.key_digest}"
    values = (Decimal(found.records), found.sums["amount"], digest)
    return Measured(
        side=SideResult(name=name, rows=found.records),
        groups={(): Group(rows=found.records, values=values)},
    )


@pytest.mark.parametrize("name", SIX)
def test_a_false_success_of_the_best_known_tool_is_mismatched_on_spark(
    engines: tuple[DuckDBEngine, SparkEngine, Path], name: str
) -> None:
    duck, sparked, folder = engines
    case = SIX[name]
    files = [
        parquet(folder / f"{side}-{case.day}.parquet", rows)
        for side, rows in (("reference", case.reference), ("target", case.target))
    ]
    asked = ("id", "amount", "a", "b"), ("amount",)
    reference, target = (
        measured("spark", sparked.totals((file,), *asked, algorithm=ALGORITHM)) for file in files
    )
    same = measured("duckdb", duck.totals((files[0],), *asked, algorithm=ALGORITHM))
    found = judge(TOTALS, reference, target, {}, case.day)
    assert found.state is ControlState.MISMATCHED
    wrong = {m.name: m.residual for m in found.totals if not m.matched}
    assert case.differs.items() <= wrong.items()
    assert wrong.keys() <= {*case.differs, DIGEST, "sum amount"}
    assert judge(TOTALS, reference, same, {}, case.day).state is ControlState.MATCHED


# Contracts and records

CONTRACT_COLUMNS = (
    Column(name="id", source_name="id", type=ColumnType(kind=Kind.TEXT), pattern="[A-Z]{1,3}"),
    Column(
        name="amount",
        source_name="amount",
        type=ColumnType(kind=Kind.DECIMAL, precision=18, scale=2),
    ),
    Column(name="days", source_name="days", type=ColumnType(kind=Kind.INTEGER), required=True),
    Column(name="at", source_name="at", type=ColumnType(kind=Kind.TIMESTAMP)),
    Column(
        name="kind",
        source_name="kind",
        type=ColumnType(kind=Kind.TEXT),
        accepted=("PAYMENT", "CHARGE"),
    ),
)
CELLS = {
    "id": ["A", "B", "C", "AB", "a", "", "ABCD", "Ñ"],
    "amount": [
        "1.10",
        "-0.05",
        "1.005",
        "1e3",
        "9999999999999999.99",
        "10000000000000000",
        "x",
        "",
    ],
    "days": ["0", "-7", "1.0", "007", "9223372036854775807", "9223372036854775808", "1_0", ""],
    "at": [
        "2026-03-08T12:00:00-07:00",
        "2026-03-08 02:30:00",
        "2026-03-08T07:00:00Z",
        "2026-03-09 00:00:00",
        "2026-03-07",
        "2026-3-8",
        "2026-03-08 23:59:59.999999",
    ],
    "kind": ["PAYMENT", "CHARGE", "OTHER", "payment", " PAYMENT"],
}
RUBBISH = [b"", b"{", b"\xff\xfe", b"[]", b'{"id":"A","id":"B"}', b"a;b", b"\r", b'"A;1;1', b"A;1"]


def line(record: dict[str, str], form: Format, *, bare: bool) -> bytes:
    if isinstance(form, Csv):
        return form.delimiter.join(record.get(n, "") for n in CELLS).encode(form.encoding)
    shown = {n: v for n, v in record.items() if not (bare and n in ("amount", "days"))}
    text = json.dumps(shown, ensure_ascii=False)
    for name in ("amount", "days"):
        if bare and record.get(name, "").replace(".", "").replace("-", "").isdigit():
            text = text[:-1] + (", " if shown else "") + f'"{name}": {record[name]}' + "}"
            shown = {**shown, name: ""}
    return text.encode()


FORMS = (
    JsonLines(),
    Csv(delimiter=";", header=True),
    Csv(delimiter=";", header=False, encoding="latin-1", quote=None),
    Csv(delimiter=";", header=False, multiline=True),
)


def records(chance: Random) -> list[dict[str, str] | bytes]:
    """Draw records of which some lack a value and some are rubbish."""
    drawn: list[dict[str, str] | bytes] = []
    for _ in range(chance.randrange(40)):
        cells = {n: chance.choice(c) for n, c in CELLS.items() if chance.random() < 0.9}
        drawn.append(cells if chance.random() < 0.85 else chance.choice(RUBBISH))
    return drawn


@whole
@pytest.mark.parametrize("form", FORMS)
@few(1)
@given(chance=SEEDS)
def test_every_record_of_a_random_day_is_read_alike(
    engines: tuple[DuckDBEngine, SparkEngine, Path], form: Format, chance: Random
) -> None:
    chance.seed(f"{chance.random()} {FORMS.index(form)}")
    keyed, dated, last, ranked, ended, bom = (chance.random() < 0.7 for _ in range(6))
    duck, sparked, folder = engines
    contract = Contract(
        dataset="events",
        version="1",
        file="contracts/events.odcs.yaml",
        columns=CONTRACT_COLUMNS,
        format=form,
        key=("id",) if keyed else (),
        keep=Keep.LAST if last else Keep.FIRST,
        order_by="amount" if ranked else None,
        day_column="at" if dated else None,
        time_zone=ZONE,
        measures=(Measure(column="amount", unit="MXN"), Measure(column="days")),
    )
    parts = []
    for number in range(2):
        drawn = records(chance)
        lines = [r if isinstance(r, bytes) else line(r, form, bare=last) for r in drawn]
        if isinstance(form, Csv) and form.header:
            lines.insert(0, ";".join(CELLS).encode())
        data = (b"\xef\xbb\xbf" if bom else b"") + b"\n".join(lines) + (b"\n" if ended else b"")
        path = folder / f"part{number}"
        path.write_bytes(data)
        parts.append(RawPart(uri=str(path), short=f"{number:012x}"))
    raw = RawDay(contract=contract, reference_date=DAY, parts=tuple(parts))
    for name in ("duck", "spark"):
        (folder / name).mkdir(exist_ok=True)
    assert sparked.count(raw) == duck.count(raw)
    mine = duck.curate(raw, str(folder / "duck"))
    theirs = sparked.curate(raw, str(folder / "spark"))
    assert rows_of((theirs.set_aside_path,)) == rows_of((mine.set_aside_path,))
    assert rows_of([f.path for f in theirs.files]) == rows_of([f.path for f in mine.files])
    assert theirs.totals == mine.totals
    assert theirs.set_aside == mine.set_aside
    assert theirs.conflicts == mine.conflicts


def test_micro_batches_follow_each_other_and_end_by_number_or_by_the_first_fault(
    spark: SparkSession,
) -> None:
    from puntual.aws.jobs.stream import micro_batches

    numbers: list[int] = []
    micro_batches(numbers.append, every=1, batches=3)
    assert numbers == [0, 1, 2]

    def fail(number: int) -> None:
        if number == 1:
            raise PermanentError("T2001", "the lease was lost", where="batch 1")
        numbers.append(number)

    with pytest.raises(PermanentError, match="the lease was lost"):
        micro_batches(fail, every=1, batches=0)
    assert numbers == [0, 1, 2, 0]
