"""`puntual replay`: delivered days come out of raw again, byte for byte, or it says why not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.small import MODEL, REPORT_SQL, Ran, digests, drop, puntual, run_day, vouch
from support.small import write_project as write

DAYS = ("2026-03-02", "2026-03-03", "2026-03-04")
AS_OF = {d: f"2026-03-0{int(d[-1]) + 1}T05:00:00-06:00" for d in DAYS}
LOOKING_BACK = """\
SELECT CAST(reference_date AS VARCHAR) AS kind, count(*) AS payments, sum(amount) AS total
FROM movements
WHERE reference_date <= :reference_date
GROUP BY 1
ORDER BY 1
"""


def _deliver(root: Path, *, sql: str = REPORT_SQL) -> Path:
    write(root, **{"reports/payments_daily/report.sql": sql, **_TIES[sql == LOOKING_BACK]})
    for number, day in enumerate(DAYS, 1):
        drop(root, (f"p1;c1;{number}.50;{day}", f"p2;c2;-0.25;{day}"), day=day)
        vouch(root, 2, f"{number}.25", day=day)
        ran = run_day(root, day=day, as_of=AS_OF[day])
        assert ran.code == 0, ran.out + ran.err
    return root


_TIES = {
    False: {},
    True: {
        "reports/payments_daily/report.yaml": (
            "title: Daily payments\n"
            "institution: Small Bank\n"
            "calendar: mx-test\n"
            'due: {business_days_after: 1, time: "07:00"}\n'
            "destinations: [{folder: out}]\n"
        )
    },
}


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _deliver(tmp_path_factory.mktemp("delivered"))


@pytest.fixture
def root(delivered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(delivered, tmp_path / "project"))


def _days(ran: Ran) -> list[dict[str, Any]]:
    days = ran.data["days"]
    assert isinstance(days, list)
    return days


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o640)
    path.write_bytes(bytes(data))


def test_every_delivered_day_comes_out_of_raw_again_byte_for_byte(root: Path) -> None:
    for gone in ("inbox", "control", ".puntual/lake/curated", ".puntual/lake/reports"):
        shutil.rmtree(root / gone)
    (root / ".puntual/warehouse.duckdb").unlink()
    before = digests(root)
    ran = puntual(root, "replay")
    assert ran.code == 0, ran.out + ran.err
    for day in DAYS:
        assert f"{day}  same" in ran.out
    assert "3 of 3 days are the same, 0 differ, 0 could not be replayed" in ran.out
    assert digests(root) == before


def test_one_day_or_some_of_them_can_be_named(root: Path) -> None:
    one = puntual(root, "replay", "-d", DAYS[1], "--json")
    assert [d["day"] for d in _days(one)] == [DAYS[1]]
    some = puntual(root, "replay", "-d", "2026-03-03..2026-12-31", "--jobs", "1", "--json")
    assert [(d["day"], d["verdict"]) for d in _days(some)] == [(d, "same") for d in DAYS[1:]]
    none = puntual(root, "replay", "-d", "2026-03-05")
    assert none.code == 2
    assert "C1005" in none.err


def test_what_differs_is_said_by_step_with_what_is_another(root: Path) -> None:
    model = MODEL.replace("client_id,", "upper(client_id) AS client_id,")
    (root / "models/movements.sql").write_text(model)
    ran = puntual(root, "replay", "-d", DAYS[0], "--json")
    assert ran.code == 1, ran.out + ran.err
    (day,) = _days(ran)
    first = day["differences"][0]
    assert (first["step"], first["about"]) == ("build:movements", "file data")
    assert "models/movements.sql" in first["because"]
    assert first["was"] != first["now"]
    told = puntual(root, "replay", "-d", DAYS[0])
    assert "build:movements: file data   because of model, models/movements.sql" in told.out
    assert (root / "out/payments_daily_20260302_v1.txt").exists()


def test_records_and_sums_are_shown_before_and_after(root: Path) -> None:
    (root / "models/movements.sql").write_text(MODEL.rstrip() + "\nWHERE amount > 0\n")
    (day,) = _days(puntual(root, "replay", "-d", DAYS[0], "--json"))
    of_model = [d for d in day["differences"] if d["step"] == "build:movements"]
    built = {d["about"]: (d["was"], d["now"]) for d in of_model}
    assert built["records"] == ("2", "1")
    assert built["sum amount"] == ("1.25", "1.50")
    assert any(d["now"].startswith("held: R") for d in day["differences"])


@pytest.mark.row("f7", "f77")
def test_raw_that_is_damaged_is_named_and_the_other_days_are_replayed(root: Path) -> None:
    folder = root / f".puntual/lake/raw/payments/reference_date={DAYS[0]}"
    (raw,) = folder.glob("*.csv")
    _flip(raw)
    ran = puntual(root, "replay")
    assert ran.code == 3
    assert "V1002" in ran.out
    assert raw.name in ran.out
    assert f"sha256 {raw.stem}" in ran.out
    assert f"{DAYS[1]}  same" in ran.out
    assert "2 of 3 days are the same, 0 differ, 1 could not be replayed" in ran.out


def test_a_report_that_looks_back_is_given_the_days_before_it(tmp_path: Path) -> None:
    root = _deliver(tmp_path, sql=LOOKING_BACK)
    ran = puntual(root, "replay", "-d", DAYS[2], "--json")
    assert ran.code == 0, ran.out + ran.err
    report = (root / "out/payments_daily_20260304_v1.txt").read_text()
    assert "2026-03-02" in report


def test_what_was_made_is_kept_when_asked_for(root: Path) -> None:
    ran = puntual(root, "replay", "-d", DAYS[0], "--keep")
    (kept,) = (root / ".puntual").glob("kept-*")
    assert str(kept) in ran.out
    assert list(kept.rglob("*.report"))
    puntual(root, "replay", "-d", DAYS[0])
    assert kept.is_dir()
    assert not list((root / ".puntual").glob("trial-*"))


def _begun(root: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "puntual.cli.main", "-C", str(root), "replay", "-j", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not list((root / ".puntual").glob("trial-*/0/*")):
        assert process.poll() is None
        time.sleep(0.02)
    return process


@pytest.mark.row("f1")
def test_a_replay_that_is_killed_leaves_nothing_for_long(root: Path) -> None:
    with _begun(root) as process:
        process.kill()
    assert list((root / ".puntual").glob("trial-*"))
    deadline = time.monotonic() + 60
    while list((root / ".puntual").glob("trial-*")) and time.monotonic() < deadline:
        assert puntual(root, "replay", "-d", DAYS[0]).code == 0
    assert not list((root / ".puntual").glob("trial-*"))


def test_an_interrupted_replay_ends_with_130_and_leaves_nothing(root: Path) -> None:
    with _begun(root) as process:
        os.kill(process.pid, signal.SIGINT)
        process.communicate()
    assert process.returncode == 130
    assert not list((root / ".puntual").glob("trial-*"))


def test_a_range_names_the_days_that_are_left_out_and_why(root: Path) -> None:
    drop(root, ("p1;c1;1.00;2026-03-05",), day="2026-03-05")
    vouch(root, 9, "1.00", day="2026-03-05")
    assert run_day(root, day="2026-03-05", as_of="2026-03-06T05:00:00-06:00").code == 1
    said = puntual(root, "replay", "-d", "2026-03-04..2026-03-09")
    assert said.code == 0, said.out + said.err
    assert " 1 of 1 days are the same" in said.out
    assert "left out: 3 that were not delivered" in said.out
    shown = [line.split() for line in said.out.splitlines() if line.startswith("     2026")]
    assert shown == [
        ["2026-03-05", "held"],
        ["2026-03-06", "never", "run"],
        ["2026-03-09", "never", "run"],  # the 7th and 8th are a weekend
    ]
    told = puntual(root, "replay", "-d", "2026-03-05..2026-03-06")
    assert (told.code, "2026-03-05 held, 2026-03-06 never run" in told.err) == (2, True), told.err


def test_a_range_that_ends_before_it_begins_is_refused(root: Path) -> None:
    said = puntual(root, "replay", "-d", "2026-03-04..2026-03-02")
    assert (said.code, "C1001" in said.err, "the earlier one first" in said.err) == (2, True, True)
