"""What a source sends is read whole and exactly, or refused by name; never a broken run."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.small import (
    CONTRACT,
    DAY,
    LAYOUT,
    REPORT,
    SETTINGS,
    Ran,
    drop,
    good_day,
    only_delivery,
    puntual,
    run_day,
    vouch,
    write_project,
)

PARQUET = {
    "puntual.yaml": SETTINGS.replace("*.csv", "*.parquet"),
    "contracts/payments.odcs.yaml": CONTRACT.replace('type: csv, delimiter: ";"', "type: parquet"),
}
DATABASE = {
    "puntual.yaml": SETTINGS.replace(
        """    kind: files
    path: "inbox/payments_{reference_date:%Y%m%d}*.csv"
    complete: {marker: .ok}
    control: {file: "control/payments_{reference_date:%Y%m%d}.json"}
""",
        """    kind: database
    connection: sqlite:core.db
    query: SELECT * FROM payments WHERE paid_on = :reference_date
    control: snapshot
""",
    ),
    "contracts/payments.odcs.yaml": PARQUET["contracts/payments.odcs.yaml"].replace(
        "DECIMAL(18,2)", "DECIMAL(38,19)"
    ),
    "reports/payments_daily/layout.yaml": LAYOUT.replace("scale: 2", "scale: 19"),
}

_ZERO = "coalesce(sum(amount), 0)"


def _reasons(done: Ran) -> str:
    return " | ".join(f"{r['code']} {r['sentence']}" for r in only_delivery(done)["reasons"])


def _held(done: Ran, code: str) -> None:
    assert done.code == 1, done.out + done.err
    assert code in _reasons(done)


def _raw(root: Path) -> list[bytes]:
    folder = root / ".puntual" / "lake" / "raw"
    return [p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()]


def _parquet(root: Path, rows: int = 4, *, name: str | None = None) -> Path:
    path = root / "inbox" / f"payments_{DAY.replace('-', '')}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {
            "payment_id": [name or f"p{i:06}" for i in range(rows)],
            "client_id": [f"c{i % 7}" for i in range(rows)],
            "amount": pa.array([Decimal("1.25")] * rows, pa.decimal128(18, 2)),
            "paid_on": pa.array([date.fromisoformat(DAY)] * rows, pa.date32()),
        }
    )
    pq.write_table(table, path, compression="snappy")
    path.with_name(path.name + ".ok").touch()
    return path


def _control(root: Path, **more: object) -> None:
    path = root / "control" / f"payments_{DAY.replace('-', '')}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


def test_a_digest_of_null_is_no_digest(tmp_path: Path) -> None:
    good_day(tmp_path)
    _control(tmp_path, digest=None)
    assert run_day(tmp_path).code == 0


@pytest.mark.parametrize("digest", [False, [], {}])
def test_a_digest_that_is_no_text_is_a_wrong_control_record(tmp_path: Path, digest: object) -> None:
    good_day(tmp_path)
    _control(tmp_path, digest=digest)
    _held(run_day(tmp_path, "--json"), "S2020")


def test_a_parquet_source_of_which_nothing_came_is_held(tmp_path: Path) -> None:
    write_project(tmp_path, **PARQUET)
    _held(run_day(tmp_path, "--json"), "S2017")


@pytest.mark.row("f18")
def test_a_parquet_source_that_says_it_has_nothing_has_an_empty_day(tmp_path: Path) -> None:
    report = {"reports/payments_daily/report.yaml": REPORT.replace("sum(amount)", _ZERO)}
    write_project(tmp_path, **PARQUET, **report)
    vouch(tmp_path, 0, "0")
    (tmp_path / "controls" / "controls.yaml").unlink()
    done = run_day(tmp_path)
    assert done.code == 0, done.out + done.err


def test_a_whole_parquet_file_is_landed(tmp_path: Path) -> None:
    write_project(tmp_path, **PARQUET)
    _parquet(tmp_path)
    vouch(tmp_path, 4, "5.00")
    done = run_day(tmp_path)
    assert done.code == 0, done.out + done.err


@pytest.mark.row("f7")
def test_a_parquet_file_cut_short_is_refused_and_kept(tmp_path: Path) -> None:
    write_project(tmp_path, **PARQUET)
    path = _parquet(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    vouch(tmp_path, 4, "5.00")
    _held(run_day(tmp_path, "--json"), "S2003")
    assert path.read_bytes() in _raw(tmp_path)


@pytest.mark.row("f7")
def test_a_parquet_file_damaged_in_the_middle_is_refused_and_kept(tmp_path: Path) -> None:
    write_project(tmp_path, **PARQUET)
    path = _parquet(tmp_path, 4000)
    data = bytearray(path.read_bytes())
    data[4:2000] = b"\xff" * 1996
    path.write_bytes(data)
    vouch(tmp_path, 4000, "5000.00")
    _held(run_day(tmp_path, "--json"), "S2003")
    assert path.read_bytes() in _raw(tmp_path)


@pytest.mark.row("f44")
def test_a_parquet_file_with_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    write_project(tmp_path, **PARQUET)
    path = _parquet(tmp_path, 1, name="QQQQQQQQ")
    path.write_bytes(path.read_bytes().replace(b"QQQQQQQQ", b"QQQ\xff\xfeQQQ"))
    vouch(tmp_path, 1, "1.25")
    _held(run_day(tmp_path, "--json"), "S2003")


def test_a_parquet_file_that_only_the_engine_cannot_read_is_refused(tmp_path: Path) -> None:
    write_project(tmp_path, **PARQUET)
    path = _parquet(tmp_path)
    scale = path.read_bytes().replace(b"\x15\x04\x15\x24", b"\x15\x7b\x15\x24", 1)
    assert scale != path.read_bytes()
    path.write_bytes(scale)
    vouch(tmp_path, 4, "5.00")
    _held(run_day(tmp_path, "--json"), "S2003")


@pytest.mark.row("f53")
def test_a_sum_of_29_digits_is_compared_exactly(tmp_path: Path) -> None:
    wide = CONTRACT.replace("DECIMAL(18,2)", "DECIMAL(38,19)")
    write_project(
        tmp_path,
        **{
            "contracts/payments.odcs.yaml": wide,
            "reports/payments_daily/layout.yaml": LAYOUT.replace("scale: 2", "scale: 19"),
        },
    )
    drop(tmp_path, (f"p1;c1;1234567890.1234567890123456789;{DAY}",))
    other = drop(tmp_path, (f"p2;c1;1.0000000000000000000;{DAY}",), suffix="_b")
    assert other.exists()
    vouch(tmp_path, 2, "1234567891.1234567890123456789")
    done = run_day(tmp_path)
    assert done.code == 0, done.out + done.err


WIDEST = "9999999999999999999999999999999999.9999"


def _of_38_digits(root: Path, rows: tuple[str, ...], total: str) -> Ran:
    wide = CONTRACT.replace("DECIMAL(18,2)", "DECIMAL(38,4)")
    layout = LAYOUT.replace("scale: 2", "scale: 4")
    write_project(
        root,
        **{
            "contracts/payments.odcs.yaml": wide,
            "reports/payments_daily/layout.yaml": layout,
            "controls/controls.yaml": "controls: []\n",
        },
    )
    drop(root, rows)
    vouch(root, len(rows), total)
    return run_day(root)


@pytest.mark.row("f53")
def test_a_control_records_sum_may_have_the_38_digits_that_a_decimal_has(tmp_path: Path) -> None:
    rows = (f"p1;c1;{WIDEST[:-1]}8;{DAY}", f"p2;c1;0.0001;{DAY}")
    done = _of_38_digits(tmp_path / "right", rows, WIDEST)
    assert done.code == 0, done.out + done.err
    assert _of_38_digits(tmp_path / "other", rows, f"{WIDEST[:-1]}8").code == 1


@pytest.mark.row("f53")
def test_a_sum_of_more_than_38_digits_stops_the_run_and_sends_nothing(tmp_path: Path) -> None:
    rows = (f"p1;c1;{WIDEST};{DAY}", f"p2;c1;{WIDEST};{DAY}")
    done = _of_38_digits(tmp_path, rows, "19999999999999999999999999999999999.9998")
    assert (done.code, "Q1002" in done.out + done.err) == (3, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("amount", [1e15, 2.5e17, 0.00001, 1e-7, 12.34])
def test_a_real_of_any_size_is_in_both_sums_of_sqlite(tmp_path: Path, amount: float) -> None:
    _real(tmp_path, amount)
    done = run_day(tmp_path)
    assert done.code == 0, done.out + done.err
    shown = puntual(tmp_path, "query", "SELECT amount FROM payments", "--json", "--unmask")
    assert shown.data["rows"] == [[f"{Decimal(repr(amount)):.19f}"]]


@pytest.mark.row("f41")
def test_a_real_of_more_than_15_digits_is_set_aside_and_never_invented(tmp_path: Path) -> None:
    _real(tmp_path, 1234567890123456.78)
    held = run_day(tmp_path, "--json")
    assert held.code == 1, held.out + held.err
    shown = puntual(tmp_path, "query", "SELECT count(*) FROM payments", "--json")
    assert shown.data["rows"] == [["0"]]
    exceptions = puntual(tmp_path, "exceptions", "-d", DAY, "--json").out
    assert "not_a_decimal" in exceptions


def _real(root: Path, amount: float) -> None:
    write_project(root, **DATABASE)
    with closing(sqlite3.connect(root / "core.db")) as db, db:
        db.execute("CREATE TABLE payments (payment_id, client_id, amount REAL, paid_on)")
        db.execute("INSERT INTO payments VALUES ('p1', 'c1', ?, ?)", (amount, DAY))


@pytest.mark.row("h9")
def test_a_link_and_a_folder_in_the_inbox_are_named_and_not_read(tmp_path: Path) -> None:
    good_day(tmp_path)
    day = DAY.replace("-", "")
    (tmp_path / "elsewhere").write_text("secret")
    os.symlink(tmp_path / "elsewhere", tmp_path / "inbox" / f"payments_{day}_link.csv")
    (tmp_path / "inbox" / f"payments_{day}_folder.csv").mkdir()
    done = run_day(tmp_path, "--json")
    assert done.code == 0, done.out + done.err
    shown = puntual(tmp_path, "exceptions", "-d", DAY).out
    assert f"inbox/payments_{day}_link.csv is a symbolic link" in shown
    assert f"inbox/payments_{day}_folder.csv is a folder" in shown
    assert b"secret" not in _raw(tmp_path)
