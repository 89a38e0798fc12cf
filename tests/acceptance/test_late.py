"""What comes for a day that is delivered: kept apart, counted, named; the delivery stays."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.small import (
    AS_OF,
    CONTRACT,
    CONTROLS,
    DAY,
    ROWS,
    SETTINGS,
    Ran,
    digests,
    drop,
    good_day,
    only_delivery,
    puntual,
    run_day,
    vouch,
    write_project,
)

FILES = """\
    kind: files
    path: "inbox/payments_{reference_date:%Y%m%d}*.csv"
    complete: {marker: .ok}
    control: {file: "control/payments_{reference_date:%Y%m%d}.json"}
"""
STREAM = """\
    kind: stream
    stream: payments
    control: {file: "control/payments_{reference_date:%Y%m%d}.json"}
"""
DATABASE = """\
    kind: database
    connection: sqlite:core.db
    query: SELECT * FROM payments WHERE paid_on = :reference_date ORDER BY payment_id
    control: snapshot
"""
LATE_ROW = "p9;c9;9.99;2026-03-02"


@dataclass(frozen=True)
class Kind:
    """A kind of source: how its day is sent, what comes late, and how that is said."""

    send: Callable[[Path], None]
    send_late: Callable[[Path], None]
    code: str
    says: str
    records: str


def _project(root: Path, source: str, form: str) -> None:
    settings = SETTINGS.replace(FILES, source)
    assert settings != SETTINGS
    contract = CONTRACT.replace('{type: csv, delimiter: ";"}', f"{{type: {form}}}")
    files = {"puntual.yaml": settings, "contracts/payments.odcs.yaml": contract}
    write_project(root, **files)


def _files(root: Path) -> None:
    good_day(root)


def _another_file(root: Path) -> None:
    drop(root, (LATE_ROW,), suffix="_2")


def _replaced_file(root: Path) -> None:
    drop(root, (*ROWS, LATE_ROW))


def _other_control(root: Path) -> None:
    vouch(root, 5, "340.34")


def _put(root: Path, rows: tuple[str, ...]) -> None:
    names = ("payment_id", "client_id", "amount", "paid_on")
    lines = "".join(json.dumps(dict(zip(names, r.split(";"), strict=True))) + "\n" for r in rows)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "puntual.cli.main", "-C", str(root), "stream", "put"),
            *("--stream", "payments", "--key", "client_id"),
            *("--as-of", "2026-03-02T22:00:00-06:00"),
        ],
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _stream(root: Path) -> None:
    _project(root, STREAM, "jsonl")
    made = puntual(root, "stream", "create", "--stream", "payments", "--shards", "2")
    assert made.code == 0, made.err
    _put(root, ROWS)
    vouch(root, 4, "330.35")


def _another_record(root: Path) -> None:
    _put(root, (LATE_ROW,))


def _database(root: Path) -> None:
    _project(root, DATABASE, "parquet")
    with closing(sqlite3.connect(root / "core.db")) as db, db:
        db.execute("CREATE TABLE payments (payment_id, client_id, amount TEXT, paid_on)")
    _insert(root, ROWS)


def _insert(root: Path, rows: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(root / "core.db")) as db, db:
        db.executemany("INSERT INTO payments VALUES (?, ?, ?, ?)", [r.split(";") for r in rows])


def _another_row(root: Path) -> None:
    _insert(root, (LATE_ROW,))


KINDS = {
    "a new file": Kind(_files, _another_file, "S2008", "_2.csv came after the day was", "1"),
    "a replaced file": Kind(_files, _replaced_file, "S2008", "came again with other bytes", "5"),
    "another control record": Kind(_files, _other_control, "S2022", "it says 5 records", "0"),
    "a record of a stream": Kind(_stream, _another_record, "S2011", "1 record of the stream", "1"),
    "a row of a database": Kind(_database, _another_row, "S2023", "the query gives 5 records", "5"),
}


def _state(root: Path) -> dict[str, str]:
    """Return the digests of all that was delivered: report, exceptions document, evidence."""
    return {
        f"{folder}/{name}": digest
        for folder in ("out", "evidence")
        for name, digest in digests(root / folder).items()
    }


def _late(ran: Ran) -> list[dict[str, Any]]:
    late = ran.data["late"]
    assert isinstance(late, list)
    return late


def _warehouse(root: Path) -> object:
    sql = "SELECT count(*), sum(amount) FROM movements"
    return puntual(root, "query", sql, "--json", "--unmask").data["rows"]


@pytest.mark.row("f31")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_what_comes_after_the_delivery_is_kept_once_said_and_changes_nothing_of_it(
    tmp_path: Path, kind: Kind
) -> None:
    kind.send(tmp_path)
    first = run_day(tmp_path)
    assert first.code == 0, first.out + first.err
    delivered, rows = _state(tmp_path), _warehouse(tmp_path)
    kind.send_late(tmp_path)
    found = run_day(tmp_path)
    assert found.code == 0, found.out + found.err
    (line,) = [said for said in found.out.splitlines() if kind.code in said]
    assert kind.says in line
    assert "kept for the next version" in found.out
    again = run_day(tmp_path, "--json")
    assert again.code == 0, again.out + again.err
    (entry,) = _late(again)
    assert (entry["source"], entry["code"]) == ("payments", kind.code)
    assert (entry["records"], entry["kept"]) == (kind.records, True)
    assert _state(tmp_path) == delivered
    assert _warehouse(tmp_path) == rows == [["4", "330.35"]]
    verified = puntual(tmp_path, "verify", "-d", DAY)
    assert verified.code == 0, verified.out + verified.err


@pytest.mark.row("f31", "f38")
def test_a_late_file_stays_kept_when_the_source_takes_it_away(tmp_path: Path) -> None:
    good_day(tmp_path)
    assert run_day(tmp_path).code == 0
    late = drop(tmp_path, (LATE_ROW,), suffix="_2")
    data = late.read_bytes()
    assert run_day(tmp_path).code == 0
    shutil.rmtree(tmp_path / "inbox")
    (entry,) = _late(run_day(tmp_path, "--json"))
    assert entry["records"] == "1"
    (kept,) = (tmp_path / ".puntual/lake/late/payments").rglob("*.csv")
    assert kept.read_bytes() == data


def test_status_and_exceptions_tell_of_late_data_and_exit_as_before(tmp_path: Path) -> None:
    good_day(tmp_path)
    assert run_day(tmp_path).code == 0
    before = puntual(tmp_path, "status")
    assert "late:" not in before.out
    _another_file(tmp_path)
    run_day(tmp_path)
    status = puntual(tmp_path, "status")
    assert status.code == before.code == 0
    assert "late: 1 kept for the next version (payments)" in status.out
    delivery = only_delivery(puntual(tmp_path, "status", "--json"))
    assert [entry["code"] for entry in delivery["late"]] == ["S2008"]
    exceptions = puntual(tmp_path, "exceptions", "-d", DAY)
    assert exceptions.code == 0
    assert "no exceptions" in exceptions.out
    assert "S2008" in exceptions.out
    assert [e["code"] for e in _late(puntual(tmp_path, "exceptions", "-d", DAY, "--json"))] == [
        "S2008"
    ]


@pytest.mark.row("f33")
def test_a_source_that_does_not_answer_undoes_no_delivery_and_is_said(tmp_path: Path) -> None:
    _database(tmp_path)
    assert run_day(tmp_path).code == 0
    delivered = _state(tmp_path)
    (tmp_path / "core.db").rename(tmp_path / "gone.db")
    found = run_day(tmp_path)
    assert found.code == 0, found.out + found.err
    assert "S2024" in found.out
    assert "not looked at: payments" in puntual(tmp_path, "status").out
    (tmp_path / "gone.db").rename(tmp_path / "core.db")
    assert _late(run_day(tmp_path, "--json")) == []
    assert _state(tmp_path) == delivered


@pytest.mark.row("f38")
def test_a_late_file_that_is_still_being_written_waits_until_it_is_whole(tmp_path: Path) -> None:
    good_day(tmp_path)
    assert run_day(tmp_path).code == 0
    half = drop(tmp_path, (LATE_ROW,), suffix="_2", marker=False)
    (entry,) = _late(run_day(tmp_path, "--json"))
    assert (entry["code"], entry["kept"], entry["records"]) == ("S2001", False, None)
    half.with_name(half.name + ".ok").touch()
    (entry,) = _late(run_day(tmp_path, "--json"))
    assert (entry["code"], entry["kept"]) == ("S2008", True)


@pytest.mark.row("f31")
def test_a_sealed_day_that_is_held_is_looked_at_too_and_late_data_does_not_enter_it(
    tmp_path: Path,
) -> None:
    good_day(tmp_path)
    controls = tmp_path / "controls/controls.yaml"
    controls.write_text(
        CONTROLS.replace("left: SELECT sum(amount)", "left: SELECT 1 + sum(amount)")
    )
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    _another_file(tmp_path)
    controls.write_text(CONTROLS)
    done = run_day(tmp_path, "--json")
    assert done.code == 0, done.out + done.err
    assert [e["code"] for e in _late(done)] == ["S2008"]
    assert _warehouse(tmp_path) == [["4", "330.35"]]


@pytest.mark.row("f31")
def test_a_run_killed_while_it_looks_keeps_what_came_late_once(tmp_path: Path) -> None:
    _stream(tmp_path)
    assert run_day(tmp_path).code == 0
    delivered = _state(tmp_path)
    _another_record(tmp_path)
    for point in ("landing.read", "landing.stored", "landing.published"):
        fault = {"PUNTUAL_FAILPOINTS": f"{point}=kill"}
        killed = puntual(tmp_path, "run", "-d", DAY, "--as-of", AS_OF, env=fault)
        assert killed.code != 0
    (entry,) = _late(run_day(tmp_path, "--json"))
    assert (entry["code"], entry["records"]) == ("S2011", "1")
    assert _state(tmp_path) == delivered
