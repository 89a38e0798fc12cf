"""The record root: every record as it was landed, page by page, whatever holds it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from puntual.evidence.merkle import EMPTY, Tree, leaf_hash
from puntual.evidence.records import PAGE, root_of, text_pages
from puntual.landing.records import record_root
from puntual.model.contract import JsonLines, Parquet

TEXT: Any = SimpleNamespace(format=JsonLines())
TYPED: Any = SimpleNamespace(format=Parquet())


def by_definition(data: bytes) -> str:
    """The specification, said otherwise: lines, 256 a page, a leaf for each page."""
    lines = data.splitlines(keepends=True) if b"\r" not in data else None
    assert lines is not None
    pages = [b"".join(lines[i : i + PAGE]) for i in range(0, len(lines), PAGE)]
    return Tree(map(leaf_hash, pages)).root().hex()


@given(
    sizes=st.lists(st.integers(0, 9), max_size=1200),
    cut=st.integers(1, 700),
    ended=st.booleans(),
)
def test_pages_do_not_depend_on_the_blocks_that_are_read(
    sizes: list[int], cut: int, *, ended: bool
) -> None:
    data = b"\n".join(b"x" * n for n in sizes) + (b"\n" if ended else b"")
    blocks = [data[i : i + cut] for i in range(0, len(data), cut)]
    assert root_of(text_pages(blocks)) == by_definition(data)


def test_a_record_that_is_lost_doubled_changed_or_moved_gives_another_root() -> None:
    lines = [b"%d\n" % n for n in range(1000)]
    others = (lines[:-1], [*lines, lines[0]], [b"x\n", *lines[1:]], lines[::-1])
    roots = {root_of(text_pages([b"".join(some)])) for some in (lines, *others)}
    assert len(roots) == 5


def test_nothing_has_the_root_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert record_root([str(tmp_path / "empty")], TEXT, stream=False) == EMPTY.hex()


def test_a_stream_has_one_root_however_its_parquet_was_written(tmp_path: Path) -> None:
    payloads = [b"%d" % n * (n % 7) for n in range(40_000)]
    table = pa.table({"payload": pa.array(payloads, pa.binary()), "shard": ["s"] * 40_000})
    pq.write_table(table, tmp_path / "one", row_group_size=1_000)
    pq.write_table(table, tmp_path / "two", row_group_size=30_001, compression="zstd")
    roots = {record_root([str(tmp_path / n)], TEXT, stream=True) for n in ("one", "two")}
    framed = [b"%d:%b" % (len(p), p) for p in payloads]
    pages = [b"".join(framed[i : i + PAGE]) for i in range(0, len(framed), PAGE)]
    assert roots == {Tree(map(leaf_hash, pages)).root().hex()}


def test_a_typed_row_is_its_cells_and_a_null_is_no_empty_text(tmp_path: Path) -> None:
    at = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)
    row = {"n": 7, "amount": Decimal("1.50"), "on": at.date(), "at": at, "ok": True, "text": "é"}
    kinds = pa.schema(
        [
            ("n", pa.int64()),
            ("amount", pa.decimal128(18, 2)),
            ("on", pa.date32()),
            ("at", pa.timestamp("us", "UTC")),
            ("ok", pa.bool_()),
            ("text", pa.string()),
        ]
    )
    rows = pa.Table.from_pylist([row, dict.fromkeys(row), row | {"text": ""}], kinds)
    pq.write_table(rows, tmp_path / "typed")
    cells = (b"7", b"1.50", b"20777", b"1795136523000000", b"true", "é".encode())
    framed = [b"%d:%b" % (len(c), c) for c in cells]
    written = [b"".join(framed), b"-" * 6, b"".join([*framed[:-1], b"0:"])]
    page = b"".join(b"%d:%b" % (len(r), r) for r in written)
    found = record_root([str(tmp_path / "typed")], TYPED, stream=False)
    assert found == hashlib.sha256(b"\0" + page).hexdigest()


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.struct([("a", pa.int64())])])
def test_a_type_without_exact_text_has_no_root(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"nested": pa.nulls(2, kind)}), tmp_path / "nested")
    assert record_root([str(tmp_path / "nested")], TYPED, stream=False) == ""
