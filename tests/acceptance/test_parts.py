"""A day whose control record says what each file holds: the break names the file, and how short."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.small import DAY, Ran, drop, run_day, vouch, write_project

from puntual.cli.main import main

FILES = {
    "a": ("p1;c1;100.00;2026-03-02", "p2;c2;250.50;2026-03-02"),
    "b": ("p3;c1;-20.15;2026-03-02", "p4;c3;0.00;2026-03-02"),
    "d": ("p6;c3;9.00;2026-03-02",),
}
SAID = {"a": ("2", "350.50"), "b": ("3", "29.85"), "c": ("1", "7.00")}
"""Of `b` a line did not come, `c` never came, and nobody says anything of `d`."""


def name(branch: str) -> str:
    return f"payments_20260302_{branch}.csv"


def within(root: Path, *arguments: str) -> Ran:
    """Run `puntual reconcile` of the day in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(root), "reconcile", "-d", DAY, *arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def dropped(root: Path, said: dict[str, tuple[str, str]], count: str, amount: str) -> Path:
    write_project(root)
    for branch, rows in FILES.items():
        drop(root, rows, suffix=f"_{branch}")
    parts = {name(b): {"count": n, "sums": {"amount": a}} for b, (n, a) in said.items()}
    record = {
        "source": "payments",
        "reference_date": DAY,
        "count": count,
        "sums": {"amount": amount},
        "parts": parts,
    }
    path = root / "control" / "payments_20260302.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = dropped(tmp_path_factory.mktemp("short") / "bank", SAID, "6", "387.35")
    assert run_day(root).code == 1
    return root


def test_the_waterfall_says_of_each_file_that_differs_what_was_said_and_what_was_landed(
    short: Path,
) -> None:
    said = within(short).out
    assert (
        "   ✕ source → raw\n"
        "     residual   1 rows  amount 48.00   keys not compared\n"
        "     inbox/payments_20260302_d.csv  is not in the control record\n"
        "       source says  nothing\n"
        "       landed       1 rows  amount 9.00\n"
        "     payments_20260302_b.csv  lacks 1 row\n"
        "       source says  3 rows  amount 29.85\n"
        "       landed       2 rows  amount -20.15\n"
        "       residual     1 rows  amount 50.00\n"
        "     payments_20260302_c.csv  was not landed\n"
        "       source says  1 rows  amount 7.00\n"
        "       landed       nothing\n"
        "     1 other part agrees\n"
    ) in said
    first = " ".join(said[said.index("First break") :].split())
    assert "keys not compared 3 of 4 parts differ: inbox/payments_20260302_d.csv, " in first
    assert max(map(len, said.splitlines())) <= 100


def test_rows_say_file_by_file_what_is_there_under_which_object_and_what_lacks(
    short: Path,
) -> None:
    ran = within(short, "--rows")
    manifest = within(short, "--rows", "--json").out
    notes = json.loads(manifest)["data"]["rows"][0]["notes"]
    assert ran.code == 1
    assert " rows behind source → raw   none can be named\n" in ran.out
    (agreed,) = [n for n in notes if n.startswith("● payments_20260302_a.csv")]
    assert re.fullmatch(r"● \S+  agrees  2 rows  amount 350.50  [0-9a-f]{12}", agreed)
    assert notes.index("✕ payments_20260302_b.csv  lacks 1 row") < notes.index(agreed)
    where = notes.index("✕ payments_20260302_b.csv  lacks 1 row")
    assert notes[where + 1] == "    source says  3 rows  amount 29.85"
    assert notes[where + 2].startswith("    landed       2 rows  amount -20.15  ")
    assert notes[where + 2].endswith("  inbox/payments_20260302_b.csv")
    assert notes[where + 3] == "    residual     1 rows  amount 50.00"
    assert "✕ payments_20260302_c.csv  was not landed" in notes


def test_so_many_parts_as_were_asked_for_are_named_and_the_others_counted(short: Path) -> None:
    notes = json.loads(within(short, "--rows", "--limit", "1", "--json").out)
    (listed,) = notes["data"]["rows"]
    assert [n for n in listed["notes"] if n.startswith(("✕", "●"))] == [
        "✕ inbox/payments_20260302_d.csv  is not in the control record"
    ]
    assert listed["notes"][-1] == "and 3 more parts, 2 of which differ: --limit N names more"


def test_programs_read_of_each_file_what_was_said_landed_and_lacks(short: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(within(short, "--format", "csv").out)))
    found = {
        (r["name"], r["measure"]): (r["left_value"], r["right_value"], r["residual"], r["state"])
        for r in lines
        if r["what"] == "part"
    }
    assert found["payments: payments_20260302_a.csv", "count"] == ("2", "2", "0", "agrees")
    b, c = "payments: payments_20260302_b.csv", "payments: payments_20260302_c.csv"
    assert found[b, "sum amount"] == ("29.85", "-20.15", "50.00", "broken")
    assert found[c, "count"] == ("1", "", "", "broken")
    tree = ET.fromstring(within(short, "--format", "junit").out)
    (failed,) = [
        c for c in tree.iter("testcase") if c.get("classname") == "hop.payments" and len(c)
        and c.get("name") == "source → raw"
    ]  # fmt: skip
    said = "".join(failed.itertext())
    assert "payments_20260302_b.csv  lacks 1 row" in said
    assert "payments_20260302_c.csv  was not landed" in said


def test_a_source_without_a_record_is_not_said_to_have_given_totals(tmp_path: Path) -> None:
    root = write_project(tmp_path / "bank")
    assert run_day(root).code == 1
    said = within(root, "--rows", "payments:raw").out
    assert "the source sent no control record: nothing says what should have come\n" in said
    assert "   nothing was landed\n" in said
    assert "the source gave totals" not in said


def test_a_record_whose_files_do_not_add_up_to_its_day_is_said_to_contradict_itself(
    tmp_path: Path,
) -> None:
    said = {"a": ("2", "350.50"), "b": ("2", "-20.15"), "d": ("1", "9.00")}
    root = dropped(tmp_path / "bank", said, "7", "339.35")
    assert run_day(root).code == 1
    sentence = "the control record contradicts itself: its parts add up to 5 rows, its day to 7"
    assert sentence in within(root).out
    assert sentence in within(root, "--rows").out


@pytest.mark.parametrize(
    ("sums", "unknown"),
    [("Amount", "Amount, amount"), ("", "amount")],
)
def test_files_that_exchanged_money_are_not_matched_by_sums_that_nobody_compares(
    tmp_path: Path, sums: str, unknown: str
) -> None:
    root = write_project(tmp_path / "bank")
    drop(root, ("p1;c1;-20.25;2026-03-02", "p2;c1;250.50;2026-03-02"), suffix="_a")
    drop(root, ("p3;c2;100.00;2026-03-02", "p4;c3;0.10;2026-03-02"), suffix="_b")
    vouch(root, 4, "330.35")
    path = root / "control" / "payments_20260302.json"
    said = {
        name(b): {"count": "2", "sums": {sums: a} if sums else {}}
        for b, a in (("a", "350.50"), ("b", "-20.15"))
    }
    path.write_text(json.dumps(json.loads(path.read_text()) | {"parts": said}))
    ran = run_day(root)
    assert (ran.code, list((root / "out").glob("*.txt"))) == (1, [])
    assert "unverified" in ran.out
    assert "R1002" in ran.out
    whole = within(root).out
    assert f"payments_20260302_a.csv  not compared: {unknown}\n" in whole
    of_both = f"{unknown} not compared in 2 of 2 parts: payments_20260302_a.csv"
    assert of_both in " ".join(whole.split())
    assert max(map(len, whole.splitlines())) <= 100
    rows = within(root, "--rows", "payments:raw").out
    assert f"? payments_20260302_b.csv  not compared: {unknown}\n" in rows
    assert max(map(len, rows.splitlines())) <= 100
    lines = list(csv.DictReader(io.StringIO(within(root, "--format", "csv").out)))
    assert {r["state"] for r in lines if r["what"] == "part"} == {"not compared"}
    (error,) = ET.fromstring(within(root, "--format", "junit").out).iter("error")
    assert f"payments_20260302_b.csv  not compared: {unknown}" in "".join(error.itertext())
    assert not [text for text in (whole, rows) if "part agrees" in text or ".csv  agrees" in text]
