"""What the simulator puts in the product's place answers as the product does."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.errors import EvidenceError
from puntual.evidence import canonical
from puntual.local.stream import LocalStream
from puntual.model.contract import Contract
from puntual.ports.engine import Curated, Day, RawDay, RawPart
from puntual.runner.clock import FixedClock
from sim import memo
from sim.engine import TinyEngine, read
from sim.project import shape
from sim.sources import HEADER

DAY = date(2026, 3, 2)
LINES = (
    "p1;c1;100.00;2026-03-02",
    "p2;;-20.25;2026-03-02",
    "p1;c1;100.00;2026-03-02",
    "p3;c3;many;2026-03-02",
    "p4;c4",
    "p5;c5;1.00;2026-03-01",
    "p6;c6;1.00;2026-03-03",
    ";c7;0.01;2026-03-02",
)


def raw(folder: Path, contract: Contract, lines: tuple[str, ...]) -> RawDay:
    path = folder / "payments.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    part = RawPart(uri=str(path), short="0a1b2c3d4e5f")
    return RawDay(contract=contract, reference_date=DAY, parts=(part,))


@pytest.mark.parametrize("lines", [LINES, LINES[:2], (), LINES[2:5]])
def test_the_tiny_engine_counts_and_curates_as_duckdb_does(
    tmp_path: Path, lines: tuple[str, ...]
) -> None:
    files = shape("files")
    day = raw(tmp_path, files.project.contracts["payments"], lines)
    tiny, duck = TinyEngine(files.models), DuckDBEngine()
    assert tiny.count(day) == duck.count(day)
    mine = tiny.curate(day, str(_folder(tmp_path, "tiny")))
    theirs = duck.curate(day, str(_folder(tmp_path, "duck")))
    assert mine.totals == theirs.totals
    assert _classes(mine) == _classes(theirs)
    assert mine.conflicts == theirs.conflicts
    table = {"payments": tuple(f.path for f in theirs.files)}
    answer = duck.query(
        "SELECT * FROM payments", Day(reference_date=DAY, zone="UTC", tables=table), limit=None
    )
    rows = [dict(zip(answer.names, row, strict=True)) for row in zip(*answer.columns, strict=True)]
    assert read(f.path for f in mine.files) == rows


def _classes(curated: Curated) -> Counter[str]:
    """Reasons have finer names in DuckDB's engine where a line cannot be read at all."""
    found: Counter[str] = Counter()
    for (kind, _), totals in curated.set_aside.items():
        found[kind] += totals.records
    return found


def _folder(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir()
    return folder


def test_canonical_bytes_are_the_same_whoever_spells_them() -> None:
    values: tuple[object, ...] = (
        {"b": ["x", None, True, {"a": ""}], "a": 'é\u2028\x7f"\\/\n\x1f😀', "A": [[], {}]},
        {"amount": "1.00", "lines": ["a\tb"] * 3},
        [1, -5, 2**53 - 1],
    )
    for value in values:
        assert memo.encode(value) == canonical.encode(value)
    for wrong in ({"a": 1.5}, {"é": "x"}, {"a": Decimal(1)}, {"a": "\ud800"}):
        with pytest.raises(EvidenceError):
            memo.encode(wrong)


def test_a_bank_of_the_simulator_has_a_stream_that_can_be_read(tmp_path: Path) -> None:
    stream = LocalStream(tmp_path / "stream.db", FixedClock(datetime(2026, 3, 2, tzinfo=UTC)))
    stream.create("cards", shards=2)
    stream.put("cards", [("p1", b"{}")])
    assert sum(int(s["records"]) for s in stream.describe()) == 1
