"""
Random contracts, records and statements come out the same on DuckDB and on Spark.

Spark's questions are dear, so many cases stand in one: a table holds values of every type at
their limits, and one SELECT asks many expressions of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.spark import QUIET_SOCKETS, spark, spark_engine

from puntual.checks.encoding import ALGORITHM, VECTORS
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
        ("at", pa.timestamp("us", tz="UTC")),
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
COLUMNS = [(f.name, KINDS.get(str(f.type), "decimal")) for f in SCHEMA]

TEXTS = st.sampled_from(
    [
        *("", " ", "a", "A", "a ", " a", "\u00a0a\u2003", "ñ", "n\u0303", "Z", "z", "Ä", "10", "9"),
        *("-1.50", "x\\y", "it's", '"', "%", "_", "a\nb", "a\n", "\U0001f600", "K0000001", "\t"),
        "a\u0000b",
    ]
)
DATES = st.sampled_from(
    [
        *(date(1, 1, 1), date(1582, 10, 10), date(1969, 12, 31), date(1970, 1, 1), DAY),
        *(date(2024, 2, 29), date(9999, 12, 31)),
    ]
)
INSTANTS = st.sampled_from(
    [
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC),
        datetime(2026, 3, 8, 7, tzinfo=UTC),
        datetime(2026, 3, 8, 9, 30, tzinfo=UTC),
        datetime(2026, 3, 9, 5, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 11, 1, 7, 30, tzinfo=UTC),
    ]
)


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    whole = st.one_of(st.sampled_from([0, 1, -1, 5, -5, 50, most, -most]), st.integers(-999, 999))
    return whole.map(lambda n: Decimal(n).scaleb(-scale, context=_WIDE))


ROW = st.tuples(
    st.none() | TEXTS,
    st.none() | TEXTS,
    st.none() | decimals(9, 2),
    st.none() | decimals(18, 2),
    st.none() | decimals(38, 6),
    st.none() | st.sampled_from([0, 1, -1, 29, 30, 90, 2**31 - 1, -(2**31)]),
    st.none() | st.sampled_from([0, 1, -7, 10**15]),
    st.none() | DATES,
    st.none() | DATES,
    st.none() | INSTANTS,
    st.none() | st.booleans(),
)
ROWS = st.lists(ROW, min_size=1, max_size=12)

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
    "name < other",
    "name = other",
    "name IS DISTINCT FROM other",
    "name LIKE 'a%'",
    "contains(name, 'a') OR starts_with(name, 'K') OR ends_with(name, ' ')",
    "regexp_matches(name, '^[a-zA-Z]$')",
    "regexp_matches(name, 'a.b')",
    "regexp_full_match(name, 'K\\d{7}')",
    "amount + small * 2 - days",
    "small * amount",
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
    "CAST(at AS DATE)",
    "CAST(at AS DATE) = :reference_date",
    "amount BETWEEN -1 AND 1.05",
    "name IN ('a', 'A', 'ñ')",
    "name NOT IN ('a', 'b')",
    "amount IN (SELECT small FROM t)",
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
    "min(at)",
    "max(opened_on)",
    "min(wide)",
    "bool_and(paid)",
    "bool_or(paid)",
    "count_if(days > 0)",
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


def few(examples: int) -> settings:
    """Return the settings of properties of which each example takes seconds."""
    return settings(
        max_examples=examples,
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
    assert portable(sql, "spark", COLUMNS) == ()
    for name in ("duck", "spark"):
        (folder / name).mkdir(exist_ok=True)
    mine = duck.build(model(sql), day, str(folder / "duck"))
    theirs = sparked.build(model(sql), day, str(folder / "spark"))
    assert theirs.columns == mine.columns
    one, two = (tuple(f.path for f in m.files) for m in (mine, theirs))
    assert rows_of(two) == rows_of(one)
    columns = tuple(name for name, _ in mine.columns)
    asked = {"algorithm": ALGORITHM}
    assert sparked.totals(two, columns, (), **asked) == duck.totals(one, columns, (), **asked)


@few(4)
@given(rows=ROWS)
def test_every_expression_of_a_row_has_the_same_value(
    engines: tuple[DuckDBEngine, SparkEngine, Path], rows: list[tuple[object, ...]]
) -> None:
    listed = ",\n".join(f"{e} AS e{i}" for i, e in enumerate((*EXPRESSIONS, *WINDOWS)))
    same_model(engines, f"SELECT {listed}, {PLACES} FROM t", laid(engines[2], rows))


@few(3)
@given(rows=ROWS)
def test_every_aggregate_has_the_same_value_with_nulls_and_duplicates(
    engines: tuple[DuckDBEngine, SparkEngine, Path], rows: list[tuple[object, ...]]
) -> None:
    listed = ",\n".join(f"{e} AS e{i}" for i, e in enumerate(AGGREGATES))
    day = laid(engines[2], [*rows, *rows])
    same_model(engines, f"SELECT other, {listed} FROM t GROUP BY other HAVING count(*) > 1", day)


JOINS = (
    "SELECT a.name, b.amount, {p} FROM t AS a LEFT JOIN t AS b ON a.name = b.other",
    "SELECT a.name, {p} FROM t AS a ANTI JOIN t AS b ON a.name = b.other",
    "SELECT a.name, {p} FROM t AS a SEMI JOIN t AS b USING (name, paid)",
    "SELECT name AS x FROM t UNION SELECT other FROM t",
    "SELECT DISTINCT small, paid FROM t",
    "WITH c AS (SELECT other, sum(small) AS s FROM t GROUP BY other) "
    "SELECT a.name, c.s, {p} FROM t AS a FULL JOIN c ON c.other = a.name",
    "SELECT name AS x FROM t EXCEPT SELECT other FROM t WHERE paid",
    "SELECT name, small, {q} FROM t QUALIFY rank() OVER (PARTITION BY paid ORDER BY small) = 1",
)


@few(1)
@given(rows=st.lists(ROW, min_size=12, max_size=20))
def test_joins_sets_and_order_are_the_same(
    engines: tuple[DuckDBEngine, SparkEngine, Path], rows: list[tuple[object, ...]]
) -> None:
    day = laid(engines[2], rows)
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
    engines: tuple[DuckDBEngine, SparkEngine, Path],
) -> None:
    _, sparked, folder = engines
    for number, vector in enumerate(VECTORS):
        if any(_finer(v, k) for v, k in vector.pairs):
            continue  # a column of this type cannot hold the value
        path = folder / f"vector{number}.parquet"
        with duckdb.connect() as connection:
            cells = ", ".join(
                f"CAST({_written(v)} AS {_word(k)}) AS c{i}"
                for i, (v, k) in enumerate(vector.pairs)
            )
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"COPY (SELECT {cells}) TO '{path}' (FORMAT parquet)")
        key = tuple(f"c{i}" for i in range(len(vector.types)))
        found = sparked.totals((str(path),), key, (), algorithm=ALGORITHM)
        assert found.key_digest == f"{vector.high}:{vector.low}", vector.encoding


def _finer(value: object, kind: ColumnType) -> bool:
    return isinstance(value, Decimal) and -int(value.as_tuple().exponent) > kind.scale


def _word(kind: ColumnType) -> str:
    words = {Kind.TEXT: "VARCHAR", Kind.INTEGER: "BIGINT", Kind.DATE: "DATE"}
    words |= {Kind.TIMESTAMP: "TIMESTAMPTZ", Kind.BOOLEAN: "BOOLEAN"}
    return words.get(kind.kind, f"DECIMAL({kind.precision},{kind.scale})")


def _written(value: object) -> str:
    return "NULL" if value is None else f"'{value}'"


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
RECORD = st.fixed_dictionaries({}, optional={n: st.sampled_from(c) for n, c in CELLS.items()})
RUBBISH = st.sampled_from([b"", b"{", b"\xff\xfe", b"[]", b'{"id":"A","id":"B"}', b"a;b", b"\r"])


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


@few(8)
@given(
    files=st.lists(
        st.lists(st.one_of(RECORD, RECORD, RECORD, RUBBISH), max_size=10), min_size=1, max_size=2
    ),
    form=st.sampled_from(FORMS),
    keyed=st.booleans(),
    dated=st.booleans(),
    last=st.booleans(),
    ranked=st.booleans(),
    ended=st.booleans(),
    bom=st.booleans(),
)
def test_every_record_of_a_random_day_is_read_alike(
    engines: tuple[DuckDBEngine, SparkEngine, Path],
    files: list[list[dict[str, str] | bytes]],
    form: Format,
    keyed: bool,
    dated: bool,
    last: bool,
    ranked: bool,
    ended: bool,
    bom: bool,
) -> None:
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
    for number, records in enumerate(files):
        lines = [r if isinstance(r, bytes) else line(r, form, bare=last) for r in records]
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
