"""
What Spark makes in several tasks and files comes out as DuckDB makes it in one.

Splits and files are a few bytes and rows large here, so that small data is many of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.spark import QUIET_SOCKETS, spark, spark_engine

from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.errors import PermanentError
from puntual.model.contract import (
    Column,
    ColumnType,
    Contract,
    Csv,
    Format,
    JsonLines,
    Kind,
    Measure,
)
from puntual.model.project import Model
from puntual.ports.engine import Built, Day, Engine, RawDay, RawPart

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["spark"]
pytestmark = QUIET_SOCKETS

DAY = date(2026, 3, 8)
PLACED = pa.schema(
    [
        ("id", pa.string()),
        ("amount", pa.decimal128(38, 4)),
        ("_object", pa.string()),
        ("_position", pa.int64()),
    ]
)
Engines = tuple[Engine, Engine]

whole = pytest.mark.skipif(
    "EXAMPLES" not in os.environ, reason="`make parity` runs it: Spark takes a minute for it"
)


@pytest.fixture
def engines(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engines]:
    """Give both engines; Spark's files are about 20 rows, its splits 64 bytes."""
    from puntual.engines.spark import build, curate, engine, session

    settings = {**session.SETTINGS, "spark.sql.files.maxPartitionBytes": "64"}
    monkeypatch.setattr(session, "SETTINGS", settings)
    monkeypatch.setattr(engine, "SPLIT", 64)
    monkeypatch.setattr(build, "SPLIT", 64)
    monkeypatch.setattr(build, "PIECE", 20)
    monkeypatch.setattr(curate, "PIECE", 20)
    duck, sparked = (
        DuckDBEngine(threads=1, temporary=str(tmp_path)),
        spark_engine(spark, str(tmp_path)),
    )
    yield duck, sparked
    duck.close()
    sparked.close()


def laid(folder: Path, files: Sequence[tuple[str, Sequence[int]]]) -> tuple[str, ...]:
    """Lay files of a source down, each by the object and the positions of its rows."""
    paths = []
    for number, (short, positions) in enumerate(files):
        rows = {
            "id": [f"K{position % 7}" for position in positions],
            "amount": [Decimal(position) for position in positions],
            "_object": [short] * len(positions),
            "_position": list(positions),
        }
        path = folder / f"e{number}.parquet"
        pq.write_table(pa.table(rows, schema=PLACED), path)
        paths.append(str(path))
    return tuple(paths)


def day(tables: Mapping[str, tuple[str, ...]]) -> Day:
    return Day(reference_date=DAY, zone="UTC", tables=tables)


def model(sql: str, *, carries: str | None = "e", key: tuple[str, ...] = ()) -> Model:
    measures = (Measure(column="amount"),) if "amount" in sql else ()
    return Model(
        name="m",
        file="m.sql",
        sql=sql,
        inputs=("e", "n"),
        carries=carries,
        key=key,
        measures=measures,
    )


def names(folder: Path, *ids: str) -> tuple[str, ...]:
    """Lay a table of names down."""
    path = folder / "n.parquet"
    pq.write_table(pa.table({"id": ids, "name": [i.lower() for i in ids]}), path)
    return (str(path),)


def rows_of(paths: Sequence[str]) -> list[dict[str, object]]:
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def both(engines: Engines, asked: Model, seen: Day, folder: Path) -> tuple[Built, Built]:
    """Build a model on both, and see that DuckDB's rows are those of Spark's files."""
    made = []
    for name, engine in zip(("duck", "spark"), engines, strict=True):
        (folder / name).mkdir()
        made.append(engine.build(asked, seen, str(folder / name)))
    mine, theirs = made
    one, two = (rows_of([f.path for f in built.files]) for built in made)
    order = [n for n in ("_object", "_position") if one and n in one[0]]
    assert two == (sorted(one, key=lambda r: [r[n] for n in order]) if order else one)
    assert (theirs.columns, theirs.totals) == (mine.columns, mine.totals)
    assert [f.records for f in theirs.files] == [
        pq.read_metadata(f.path).num_rows for f in theirs.files
    ]
    return mine, theirs


def test_a_model_that_carries_a_source_lies_as_its_files_do_in_the_order_of_places(
    engines: Engines, tmp_path: Path
) -> None:
    source = laid(tmp_path, [("b" * 12, range(1, 40)), ("b" * 12, range(40, 50)), ("a" * 12, [1])])
    seen = day({"e": source, "n": names(tmp_path, "K1", "K2", "K5")})
    sql = "SELECT e.*, n.name FROM e LEFT JOIN n ON n.id = e.id"
    _, built = both(engines, model(sql), seen, tmp_path)
    assert [f.records for f in built.files] == [1, 39, 10]


def test_a_carried_model_that_leaves_rows_out_lies_as_the_others_do(
    engines: Engines, tmp_path: Path
) -> None:
    source = laid(tmp_path, [("a" * 12, [1, 2, 3]), ("a" * 12, [4, 5]), ("a" * 12, [8])])
    seen = day({"e": source, "n": names(tmp_path, "K2", "K5")})
    sql = "SELECT e.*, n.name FROM e JOIN n ON n.id = e.id"
    _, built = both(engines, model(sql), seen, tmp_path)
    assert [f.records for f in built.files] == [1, 1]


def test_a_carried_model_that_makes_several_rows_of_one_is_sorted(
    engines: Engines, tmp_path: Path
) -> None:
    source = laid(tmp_path, [("a" * 12, [1, 2, 3]), ("a" * 12, [4, 5])])
    seen = day({"e": source, "n": names(tmp_path, "K5", "K1", "K2")})
    sql = "SELECT n.name, e.* FROM e LEFT JOIN n ON n.id <= e.id"
    _, built = both(engines, model(sql), seen, tmp_path)
    names_of_one = [r["name"] for r in rows_of([f.path for f in built.files])][-3:]
    assert names_of_one == sorted(str(name) for name in names_of_one)
    assert len(list((tmp_path / "spark").iterdir())) == len(built.files)


def test_files_that_hold_places_of_each_other_are_sorted(engines: Engines, tmp_path: Path) -> None:
    source = laid(tmp_path, [("a" * 12, [1, 4]), ("a" * 12, [2, 9])])
    _, built = both(engines, model("SELECT * FROM e"), day({"e": source}), tmp_path)
    assert [f.records for f in built.files] == [4]


def test_a_large_model_is_several_files_that_follow_one_another(
    engines: Engines, tmp_path: Path
) -> None:
    source = laid(tmp_path, [("a" * 12, range(1, 90))])
    _, built = both(engines, model("SELECT * FROM e", carries=None), day({"e": source}), tmp_path)
    assert len(built.files) > 1
    edges = [pq.read_table(f.path)["_position"].to_pylist() for f in built.files]
    assert all(one[-1] < two[0] for one, two in pairwise(edges))


def test_a_large_model_of_few_rows_is_one_file_in_the_order_of_its_key(
    engines: Engines, tmp_path: Path
) -> None:
    source = laid(tmp_path, [("a" * 12, range(1, 90))])
    sql = "SELECT id, count(*) AS n FROM e GROUP BY id"
    asked = model(sql, carries=None, key=("id",))
    _, built = both(engines, asked, day({"e": source}), tmp_path)
    assert [f.records for f in built.files] == [7]


JSON = [b'{"id":"K%d","amount":"1.50"}' % n for n in range(9)]
CSV = [b"id;amount", *(b"K%d;1.50" % n for n in range(20))]
BLANK, BOM = [b""] * 70, b"\xef\xbb\xbf"
HEADED, PLAIN = (Csv(delimiter=";", header=header) for header in (True, False))


SPLIT_FILES: dict[str, tuple[Format, bytes]] = {
    "blank lines between": (JsonLines(), b"\n".join([*BLANK, *JSON, *BLANK, *JSON[:2], b""])),
    "a mark and a cut line": (HEADED, BOM + b"\n".join([*CSV, *BLANK, *CSV[1:], b"K1;2"])),
    "blank to the end": (JsonLines(), BOM + b"\n".join([*JSON, *BLANK, b'{"id":"K'])),
    "only blank lines": (JsonLines(), b"\n" * 200),
    "one line over all splits": (JsonLines(), b"x" * 200),
    "a long line, and a last one of one byte": (
        JsonLines(),
        b"\n".join([b" " * 200, *JSON, b"\r"]),
    ),
    "as long as its splits": (JsonLines(), b"\n".join(JSON).ljust(64 * 9 + 1, b"\n")),
    "blank lines after the header": (HEADED, b"\n".join([CSV[0], *BLANK, *CSV[1:3], b""])),
    "without a header": (PLAIN, b"\n".join([*BLANK, *CSV[1:], b"\xff;1", b"K"])),
    "an empty file": (JsonLines(), b""),
}
FIRST = ("blank lines between", "a mark and a cut line")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FIRST else whole) for name in SPLIT_FILES]
)
def test_a_record_has_the_place_of_its_line_wherever_the_file_is_split(
    engines: Engines, tmp_path: Path, name: str
) -> None:
    form, data = SPLIT_FILES[name]
    raw = day_of(tmp_path, form, [data, data])
    duck, sparked = engines
    assert sparked.count(raw) == duck.count(raw)
    curate_alike(engines, raw, tmp_path)


def test_sums_over_many_files_are_exact_up_to_38_digits_and_an_error_beyond(
    engines: Engines, tmp_path: Path
) -> None:
    most = "9" * 33 + ".9999"
    lines = [b'{"id":"%d","amount":"%s"}' % (n, most.encode()) for n in range(2)]
    far = [lines[0], *BLANK, lines[1], b""]
    raw = day_of(tmp_path, JsonLines(), [b"\n".join(far)])
    curate_alike(engines, raw, tmp_path)
    largest = "9" * 34 + ".9999"
    too_large = b"\n".join(far).replace(most.encode(), largest.encode())
    raw = day_of(tmp_path, JsonLines(), [too_large])
    for engine in engines:
        with pytest.raises(PermanentError, match="Q1002"):
            engine.count(raw)


def day_of(folder: Path, form: Format, contents: Sequence[bytes]) -> RawDay:
    """Lay a raw day's objects down."""
    parts = []
    for number, data in enumerate(contents):
        path = folder / f"part{number}"
        path.write_bytes(data)
        parts.append(RawPart(uri=str(path), short=f"{number:012x}"))
    return RawDay(contract=replace(CONTRACT, format=form), reference_date=DAY, parts=tuple(parts))


CONTRACT = Contract(
    dataset="events",
    version="1",
    file="contracts/events.odcs.yaml",
    columns=(
        Column(name="id", source_name="id", type=ColumnType(kind=Kind.TEXT)),
        Column(
            name="amount",
            source_name="amount",
            type=ColumnType(kind=Kind.DECIMAL, precision=38, scale=4),
        ),
    ),
    format=JsonLines(),
    key=("id",),
    time_zone="UTC",
    measures=(Measure(column="amount"),),
)


def curate_alike(engines: Engines, raw: RawDay, folder: Path) -> None:
    """Curate on both, and compare all that was made."""
    made = []
    for name, engine in zip(("duck", "spark"), engines, strict=True):
        (folder / name).mkdir(exist_ok=True)
        made.append(engine.curate(raw, str(folder / name)))
    mine, theirs = made
    assert rows_of([theirs.set_aside_path]) == rows_of([mine.set_aside_path])
    one, two = (rows_of([f.path for f in curated.files]) for curated in made)
    assert two == one
    assert theirs.totals == mine.totals
    assert theirs.set_aside == mine.set_aside
    assert theirs.conflicts == mine.conflicts
