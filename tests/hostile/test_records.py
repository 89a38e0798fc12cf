"""h10, h11, h12, h13, h14, and h9's devices: hostile files of a source, on the real engine."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import zlib
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conformance.test_engine import (
    PAYMENTS,
    TEXT,
    aside,
    column,
    contract,
    out,
    raw,
    rows,
)
from support.shared import shared

from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.landing.forms import examine
from puntual.model.contract import Column, Contract, Csv, JsonLines, Parquet


def curated(folder: Path, made: Contract, data: bytes) -> tuple[list[object], list[object]]:
    """Return (first two values of each row, reason of each record that was set aside)."""
    done = DuckDBEngine(threads=1, temporary=str(folder)).curate(
        raw(folder, made, data), out(folder)
    )
    kept = [row[:2] for file in done.files for row in rows(file.path)]
    return list(kept), [row[3] for row in aside(done)]


def one(folder: Path, line: bytes) -> tuple[list[object], list[object]]:
    return curated(folder, contract(JsonLines(), *PAYMENTS), line + b"\n")


@pytest.mark.row("h11", "f21")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id":"A","id":"B"}', "not_json"),
        (b'{"id":"A","\\u0069d":"B"}', "not_json"),
        (b'{"id":"\\ud800"}', "not_json"),
        (b'{"id":"\\udc00\\ud800"}', "not_json"),
        (b'{"id":"A","amount":' + b"9" * 100_000 + b"}", "not_a_decimal"),
        (b'{"id":"A","amount":-' + b"9" * 5_000 + b".5}", "not_a_decimal"),
        (b"[" * 1_000_000, "not_json"),
        (b'{"id":' * 200_000, "not_json"),
        (b'{"id":"A"', "not_json"),
        (b'{"id":"A"}}', "not_json"),
        (b"{'id':'A'}", "not_json"),
        (b'{"id":"A\x01"}', "not_json"),
        (b'{"id":"\xed\xa0\x80"}', "bad_encoding"),
        (b'{"id":"\xc0\xaf"}', "bad_encoding"),
    ],
    ids=lambda v: repr(v)[:24] if isinstance(v, bytes) else str(v),
)
def test_a_hostile_json_line_is_quarantined(tmp_path: Path, line: bytes, reason: str) -> None:
    assert one(tmp_path, line) == ([], [reason])


@pytest.mark.row("h11")
@pytest.mark.parametrize("opened", [b"[", b'{"a":'])
def test_a_field_that_nobody_reads_may_be_as_deep_as_it_likes(
    tmp_path: Path, opened: bytes
) -> None:
    closed = b"]" if opened == b"[" else b"}"
    deep = opened * 100_000 + b"1" + closed * 100_000
    assert one(tmp_path, b'{"id":"A","x":' + deep + b"}") == ([("A", None)], [])


@pytest.mark.row("h11", "h14", "f41")
@pytest.mark.parametrize(
    "line",
    [
        rb'{"id":"A","x":{"amount":9.990000000000000000},"\u0061mount":1.50}',
        rb'{"id":"A","\u0061mount":1234567890123456.78}',
        rb'{"id":"A","x":[{"amount":1234567890123456.78}],"amoun\u0074":1234567890123456.75}',
    ],
)
def test_a_number_under_an_escaped_name_is_never_another_objects_number(
    tmp_path: Path, line: bytes
) -> None:
    assert one(tmp_path, line) == ([], ["not_a_decimal"])


def test_an_escape_in_a_text_does_not_stop_a_long_number_from_being_read(tmp_path: Path) -> None:
    line = rb'{"id":"A","note":"caf\u00e9 \"amount\": 2","amount":1234567890123456.78}'
    assert one(tmp_path, line) == ([("A", Decimal("1234567890123456.78"))], [])


@pytest.mark.row("h14", "f41")
@pytest.mark.parametrize(
    "number",
    [
        "1e999999999", "-1e999999999", "1e-999999999", "1E+400", "9e99", "1e-400", "-5E-324",
        "1" + "0" * 400 + "e-400", "99999999999999999999", "-99999999999999999999",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["json", "json text", "csv"])
def test_a_number_that_does_not_fit_is_quarantined_at_once(
    tmp_path: Path, number: str, form: str
) -> None:
    began = time.monotonic()
    if form == "csv":
        data = f"id,amount,note\nA,{number},x\n".encode()
        kept, why = curated(tmp_path, contract(Csv(), *PAYMENTS), data)
    else:
        value = number if form == "json" else f'"{number}"'
        kept, why = one(tmp_path, f'{{"id":"A","amount":{value}}}'.encode())
    assert (kept, why) == ([], ["not_a_decimal"])
    assert time.monotonic() - began < 60


SPECTRUM = ("comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json", "newlines",
            "quotes_and_newlines", "simple", "simple_crlf", "utf8")  # fmt: skip


@pytest.mark.row("h13")
@pytest.mark.parametrize("name", SPECTRUM)
def test_each_dialect_of_csv_spectrum_is_read_as_its_authors_say(tmp_path: Path, name: str) -> None:
    folder = shared("csv_spectrum")
    expected = json.loads((folder / f"json/{name}.json").read_text(encoding="utf-8"))
    data = (folder / f"csvs/{name}.csv").read_bytes()
    names = list(expected[0])
    columns: tuple[Column, ...] = tuple(
        column(f"c{i}", TEXT, source_name=n) for i, n in enumerate(names)
    )
    made = contract(Csv(multiline=True, null_values=()), *columns)
    done = DuckDBEngine(threads=1, temporary=str(tmp_path)).curate(
        raw(tmp_path, made, data), out(tmp_path)
    )
    found = [row[: len(names)] for file in done.files for row in rows(file.path)]
    assert found == [tuple(record[n] for n in names) for record in expected]


@pytest.mark.row("h13")
@pytest.mark.parametrize(
    ("data", "kept", "why"),
    [
        (b"\xef\xbb\xbfid,amount,note\nA,1,x\n", 1, []),
        (b"id;amount;note\nA;1;x\n", 0, ["wrong_columns"]),
        (b'id,amount,note\n"A,1,x\n', 0, ["bad_quotes"]),
        (b'id,amount,note\nA"B,1,x\n', 0, ["bad_quotes"]),
        (b"id,amount,note\rA,1,x\r", 0, []),
        (b"id,amount,note\nA,1,x\0y\n", 1, []),
        (b"id,amount,note\n\0\n", 0, ["wrong_columns"]),
        (b"id,amount,note\n" + b"," * 1_000_000 + b"\n", 0, ["wrong_columns"]),
        (b"sep=;\nid,amount,note\nA,1,x\n", 0, ["wrong_columns", "wrong_columns"]),
    ],
    ids=["bom", "other mark", "open quote", "quote inside", "cr only", "nul", "only nul", "wide",
         "excel's sep"],
)  # fmt: skip
def test_a_dialect_is_declared_and_never_guessed(
    tmp_path: Path, data: bytes, kept: int, why: list[str]
) -> None:
    found, reasons = curated(tmp_path, contract(Csv(), *PAYMENTS), data)
    assert (len(found), reasons) == (kept, why)


@pytest.mark.row("h12")
@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "([a-zA-Z]+)*$", "(a|aa)+$", "(.*a){20}", "^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_a_pattern_of_a_contract_takes_time_in_proportion_to_its_text(
    tmp_path: Path, pattern: str
) -> None:
    made = contract(JsonLines(), column("id", pattern=pattern))
    began = time.monotonic()
    _, why = curated(tmp_path, made, b'{"id":"' + b"a" * 50_000 + b'!"}\n')
    assert why == ["pattern"]
    assert time.monotonic() - began < 60


@pytest.mark.row("f45")
def test_very_many_small_records_of_which_half_have_one_key_are_curated_in_bounded_memory(
    tmp_path: Path,
) -> None:
    made = contract(JsonLines(), *PAYMENTS, key=("id",))
    count = 200_000
    data = b"".join(
        b'{"id":"%s","amount":"1.00"}\n' % (b"same" if n % 2 else b"k%d" % n) for n in range(count)
    )
    day = raw(tmp_path, made, data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = DuckDBEngine(threads=1, memory_limit="256MB", temporary=str(tmp_path)).curate(
        day, out(tmp_path)
    )
    assert done.totals.records == count // 2 + 1
    assert {k: t.records for k, t in done.set_aside.items()} == {
        ("duplicate", "duplicate_key"): count // 2 - 1
    }
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024 * 1024


def bomb(path: Path, rows_: int, text: str) -> None:
    """Write a Parquet file in which one long text stands once and is meant many times."""
    note = pa.DictionaryArray.from_arrays(pa.array([0] * rows_, pa.int32()), pa.array([text]))
    ids = pa.array([str(i) for i in range(rows_)])
    table = pa.table({"id": ids, "amount": pa.array(["1.00"] * rows_), "note": note})
    pq.write_table(table, path, compression="zstd", store_schema=False)


@pytest.mark.row("h10", "f45")
def test_a_parquet_file_that_unfolds_to_gigabytes_is_refused_without_unfolding_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bomb"
    bomb(path, 20_000, "x" * (1 << 20))
    assert path.stat().st_size < 200_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (trouble,) = examine(str(path), contract(Parquet(), *PAYMENTS))
    assert (trouble.code, trouble.refused) == ("S2003", True)
    assert "unfolds to 20,971," in trouble.message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 * 1024


@pytest.mark.row("h10")
def test_a_file_that_repeats_itself_as_real_ones_do_is_no_bomb(tmp_path: Path) -> None:
    bomb(tmp_path / "plain", 100_000, "MXN")
    assert examine(str(tmp_path / "plain"), contract(Parquet(), *PAYMENTS)) == ()


@pytest.mark.row("h10")
@pytest.mark.parametrize("name", ["gzip", "zip"])
def test_an_archive_is_refused_and_never_opened(tmp_path: Path, name: str) -> None:
    head = b"\x1f\x8b\x08\x00" if name == "gzip" else b"PK\x03\x04"
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = head + packed.compress(b"\0" * (64 << 20)) + packed.flush()
    (tmp_path / "x").write_bytes(data)
    (trouble,) = examine(str(tmp_path / "x"), contract(JsonLines(), *PAYMENTS))
    assert (trouble.code, trouble.refused) == ("S2003", True)


@pytest.mark.row("h10", "f7")
def test_a_parquet_file_with_any_damage_is_read_or_refused_in_bounded_memory(
    tmp_path: Path,
) -> None:
    whole = tmp_path / "whole"
    bomb(whole, 1_000, "MXN")
    script = f"""
import random, re, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path
from conformance.test_engine import PAYMENTS, contract
from puntual.landing.forms import examine
from puntual.model.contract import Parquet
data, rng = Path({str(whole)!r}).read_bytes(), random.Random(7)
place = Path({str(tmp_path / "damaged")!r})
for _ in range(300):
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    place.write_bytes(bytes(damaged))
    examine(str(place), contract(Parquet(), *PAYMENTS))
# Not ru_maxrss: through exec it keeps the peak of the process that started this one.
peak = re.search("VmHWM:[^0-9]+([0-9]+)", Path("/proc/self/status").read_text())
print(int(peak[1]) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 1024
