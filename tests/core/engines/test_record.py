"""One raw record by its place: its exact bytes, and how the contract reads them."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.engines.duckdb.record import text_record
from puntual.model.broken_row import RawRecord
from puntual.model.contract import Column, ColumnType, Contract, Csv, JsonLines, Kind
from puntual.ports.engine import RawDay, RawPart

TEXT = ColumnType(kind=Kind.TEXT)
COLUMNS = (
    Column(name="id", source_name="id", type=TEXT, required=True),
    Column(
        name="amount",
        source_name="amount",
        type=ColumnType(kind=Kind.DECIMAL, precision=18, scale=2),
    ),
)


def record(
    folder: Path, data: bytes, position: int, form: Csv | JsonLines | None = None
) -> RawRecord | None:
    (folder / "raw").write_bytes(data)
    (folder / "scratch").mkdir()
    contract = Contract(
        dataset="payments", version="1", file="c.yaml", columns=COLUMNS, format=form or Csv()
    )
    part = RawPart(uri=str(folder / "raw"), short="0123456789ab")
    day = RawDay(contract=contract, reference_date=date(2026, 3, 2), parts=(part,))
    with closing(DuckDBEngine()) as engine:
        return engine.record(day, position, str(folder / "scratch"))


def read(found: RawRecord | None) -> dict[str, tuple[str | None, object]]:
    assert found is not None
    return {c.column: (c.text, c.value) for c in found.parsed}


def test_a_line_is_found_with_its_offset_and_line_end(tmp_path: Path) -> None:
    found = record(tmp_path, b"id,amount\r\np1,1.00\r\np2,2.50\r\n", 3)
    assert found is not None
    assert (found.offset, found.data) == (20, b"p2,2.50\r\n")
    assert read(found) == {"id": ("p2", "p2"), "amount": ("2.50", Decimal("2.50"))}
    assert found.of_class == ""


def test_a_record_that_does_not_stay_says_why_and_keeps_its_text(tmp_path: Path) -> None:
    found = record(tmp_path, b"id,amount\np1,1.005\n", 2)
    assert found is not None
    assert (found.of_class, found.reason, found.column) == (
        "quarantined",
        "not_a_decimal",
        "amount",
    )
    assert read(found)["amount"] == ("1.005", None)


def test_a_record_over_several_lines_is_whole(tmp_path: Path) -> None:
    data = b'id,amount\n"p\n1",1.00\np2,2.00\n'
    found = record(tmp_path, data, 2, Csv(multiline=True))
    assert found is not None
    assert found.data == b'"p\n1",1.00\n'
    assert read(found)["id"] == ("p\n1", "p\n1")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-be", "utf-8-sig"])
def test_bytes_are_those_of_the_file_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    before, line = "id,amount\nñ1,1.00\n", "Ċ2,2.00\n" if encoding != "latin-1" else "é2,2.00\n"
    data = (before + line).encode(encoding)
    found = record(tmp_path, data, 3, Csv(encoding=encoding))
    assert found is not None
    assert data[found.offset :] == found.data
    assert read(found)["amount"] == ("2.00", Decimal("2.00"))
    assert read(found)["id"][0] == line.split(",")[0]


def test_a_json_line_is_parsed_alone(tmp_path: Path) -> None:
    found = record(tmp_path, b'{"id":"p1"}\n{"id":"p2","amount":"3.10"}\n', 2, JsonLines())
    assert read(found) == {"id": ("p2", "p2"), "amount": ("3.10", Decimal("3.10"))}


def test_there_is_no_record_past_the_end(tmp_path: Path) -> None:
    assert record(tmp_path, b"id,amount\np1,1.00\n", 9) is None


def test_a_last_line_without_an_end_is_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "raw"
    path.write_bytes(b"a\nb")
    assert text_record(str(path), 2) == (2, b"b")
