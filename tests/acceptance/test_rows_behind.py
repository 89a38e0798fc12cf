"""The example bank with a row altered at each hop: the command names that very row and place."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support.small import Ran, puntual
from support.tamper import alter_warehouse, copy_of, publish_altered, rows_of

from puntual.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "credit-report"
DAY = "2026-11-19"
AS_OF = "2026-11-20T05:00:00-06:00"
CREDITS = "credit_positions:warehouse"

Row = dict[str, Any]


def within(root: Path, *arguments: str) -> Ran:
    """Run the command in this process: for what the same command in another showed already."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(root), *arguments])
    return Ran(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Altered:
    """The held day with other rows at three hops, and the rows as they were."""

    root: Path
    event: Row
    posting: Row
    lost: Row
    doubled: Row
    other: Row


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's held day: a branch file came two lines short."""
    root = copy_of(EXAMPLE, tmp_path_factory.mktemp("bank") / "project")
    command = [sys.executable, str(root / "generate.py"), "--into", str(root), "--seed", "42"]
    subprocess.run(command, check=True, capture_output=True)
    within(root, "stream", "create", "--stream", "card-events", "--shards", "2")
    evening = ("--as-of", f"{DAY}T21:00:00-06:00")
    put = ("stream", "put", "--stream", "card-events", "--key", "client_id", *evening)
    assert within(root, *put, str(root / f"data/card_events/{DAY}.jsonl")).code == 0
    assert puntual(root, "run", "-d", DAY, "--as-of", AS_OF).code == 1
    return root


@pytest.fixture(scope="module")
def altered(held: Path, tmp_path_factory: pytest.TempPathFactory) -> Altered:
    """
    The same day with altered rows, each in another dataset's way.

    A curated card event has a cent more; a branch posting is lost by its model; in the warehouse
    one credit is gone, another doubled, and a third owes a cent less.
    """
    root = copy_of(held, tmp_path_factory.mktemp("altered") / "project")

    def cent_more(rows: list[Row]) -> list[Row]:
        rows[7]["amount"] += Decimal("0.01")
        return rows

    events = publish_altered(root, "curate:card_events", DAY, cent_more)
    postings = publish_altered(root, "build:branch_postings", DAY, lambda rows: rows[:3] + rows[4:])
    again = puntual(root, "run", "-d", DAY, "--as-of", AS_OF)
    assert again.code == 1, again.out + again.err
    lost, doubled, other, *_ = rows_of(root, "build:credit_positions", DAY)
    table = f"credit_positions WHERE reference_date = '{DAY}' AND credit_id ="
    alter_warehouse(
        root,
        f"DELETE FROM {table} '{lost['credit_id']}'",
        f"INSERT INTO credit_positions SELECT * FROM {table} '{doubled['credit_id']}'",
        "UPDATE credit_positions SET balance = balance - 0.01 "
        f"WHERE reference_date = '{DAY}' AND credit_id = '{other['credit_id']}'",
    )
    assert puntual(root, "run", "-d", DAY, "--as-of", AS_OF, "--from", "reconcile").code == 1
    return Altered(root, events[7], postings[3], lost, doubled, other)


def behind(ran: Ran) -> Row:
    """Return the rows behind the one hop or control that was asked for."""
    assert ran.code == 1, ran.out + ran.err
    (listed,) = json.loads(ran.out)["data"]["rows"]
    assert isinstance(listed, dict)
    return listed


def rows(root: Path, name: str, *more: str) -> Row:
    """Return the rows behind a hop or control, as the command's JSON has them."""
    return behind(puntual(root, "reconcile", "-d", DAY, "--rows", name, "--json", *more))


def place(row: Row) -> tuple[str, str]:
    return row["_object"], str(row["_position"])


def test_the_held_day_of_the_demo_names_its_first_break_and_what_was_landed(held: Path) -> None:
    shown = puntual(held, "reconcile", "-d", DAY)
    assert shown.code == 1
    assert "First break: branch_movements  SOURCE → RAW   residual 2 rows" in shown.out
    assert "✕ business   movements_tie" in shown.out
    assert "Example rule 5.6" in shown.out
    assert "6 planted faults in 6 datasets: all seen" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100
    assert "1 of 3 parts differ: branch_20261119_014.csv" in " ".join(shown.out.split())
    assert (
        "     branch_20261119_014.csv  lacks 2 rows\n"
        "       source says  52 rows  amount -127,139.21\n"
        "       landed       50 rows  amount -99,720.03\n"
        "       residual      2 rows  amount -27,419.18\n"
        "     2 other parts agree\n"
    ) in shown.out
    landed = within(held, "reconcile", "-d", DAY, "--rows").out
    assert "   ✕ branch_20261119_014.csv  lacks 2 rows\n" in landed
    assert "-99,720.03  50c0cf64a8dc  inbox/branch_20261119_014.csv\n" in landed
    assert "   ● branch_20261119_001.csv  agrees  44 rows  amount -101,779.90  " in landed


def test_a_stream_without_parts_is_counted_by_object(held: Path) -> None:
    landed = within(held, "reconcile", "-d", DAY, "--rows", "card_events:raw").out
    assert "only be named by its object\n" in landed
    assert re.search(r"^   landed  [0-9a-f]{12}  1,047 rows  amount 235,706.49$", landed, re.M)


def test_a_changed_cent_between_raw_and_curated_is_named_with_both_values(
    altered: Altered,
) -> None:
    found = rows(altered.root, "card_events:curated", "--unmask")
    assert found["counts"] == {"changed": "1", "duplicate": "5"}
    (row,) = found["rows"]
    amount = altered.event["amount"]
    assert (row["class"], row["key"]) == ("changed", {"event_id": altered.event["event_id"]})
    assert row["changed"] == [
        {"column": "amount", "left": str(amount), "right": str(amount + Decimal("0.01"))}
    ]
    assert row["amounts"] == {"amount": "-0.01"}
    assert (row["object"], row["position"]) == place(altered.event)


def test_a_row_that_its_model_lost_is_named_by_place_and_key(altered: Altered) -> None:
    found = rows(altered.root, "branch_postings:curated", "--unmask")
    posting = altered.posting
    (row,) = found["rows"]
    assert (row["class"], row["key"]) == ("missing", {"folio": posting["folio"]})
    assert row["amounts"] == {"amount": str(posting["amount"])}
    assert (row["object"], row["position"]) == place(posting)


def test_rows_lost_doubled_and_changed_in_the_warehouse_are_named(altered: Altered) -> None:
    found = rows(altered.root, CREDITS, "--unmask")
    assert found["counts"] == {"missing": "1", "changed": "1", "duplicated": "1"}
    by_class = {r["class"]: r for r in found["rows"]}
    planted = {"missing": altered.lost, "duplicated": altered.doubled, "changed": altered.other}
    for of_class, credit in planted.items():
        row = by_class[of_class]
        assert row["key"] == {"credit_id": credit["credit_id"]}
        assert (row["object"], row["position"]) == place(credit)
    assert by_class["changed"]["amounts"]["balance"] == "0.01"
    assert by_class["missing"]["amounts"]["balance"] == str(altered.lost["balance"])
    assert "1 times on the left, 2 on the right" in by_class["duplicated"]["reason"]


def test_more_rows_than_the_limit_are_counted_and_classified_values_masked(
    altered: Altered,
) -> None:
    asked = ("reconcile", "-d", DAY, "--rows", CREDITS)
    text = within(altered.root, *asked, "--limit", "1").out
    assert "and 2 more: --limit N names more, all are counted" in text
    whole = within(altered.root, *asked, "--json")
    found = behind(whole)
    assert (found["shown"], found["total"]) == ("3", "3")
    for shown in (text, whole.out):
        assert "‹8 chars #" in shown
        assert altered.lost["credit_id"] not in shown
        assert altered.lost["client_id"] not in shown
    assert altered.lost["_object"] in whole.out
    assert altered.lost["product"] in whole.out


def test_csv_of_rows_is_a_table_of_masks(altered: Altered) -> None:
    shown = within(altered.root, "reconcile", "-d", DAY, "--rows", CREDITS, "--format", "csv").out
    table = list(csv.DictReader(io.StringIO(shown)))
    assert {r["class"] for r in table} == {"missing", "changed", "duplicated"}
    assert [r["column"] for r in table if r["class"] == "changed"] == ["balance"]
    assert all(r["left"].startswith("‹") for r in table if r["class"] == "changed")
    assert altered.other["credit_id"] not in shown


def test_junit_counts_its_failures_and_masks_the_rows_in_them(altered: Altered) -> None:
    asked = ("reconcile", "-d", DAY, "--rows", CREDITS, "--format", "junit")
    shown = within(altered.root, *asked).out
    root = ET.fromstring(shown)
    (suite,) = root.findall("testsuite")
    cases = suite.findall("testcase")
    failed = [c for c in cases if c.find("failure") is not None]
    assert suite.get("tests") == root.get("tests") == str(len(cases))
    assert suite.get("failures") == root.get("failures") == str(len(failed))
    names = [(c.get("classname"), c.get("name")) for c in failed]
    assert ("hop.credit_positions", "curated → warehouse") in names
    assert ("control.business", "movements_tie") in names
    assert "‹8 chars #" in shown
    assert altered.other["credit_id"] not in shown


def test_one_row_is_shown_at_its_stages_with_its_exact_bytes(altered: Altered) -> None:
    posting = altered.posting
    at = f"{posting['_object']}:{posting['_position']}"
    ran = puntual(altered.root, "reconcile", "-d", DAY, "--row", at, "--unmask", "--json")
    assert ran.code == 0, ran.err
    (row,) = json.loads(ran.out)["data"]["rows"]
    file, line = next(
        (path, line)
        for path in altered.root.glob("inbox/branch_20261119_*.csv")
        for line in path.read_bytes().splitlines(keepends=True)
        if line.startswith(posting["folio"].encode())
    )
    assert row["name"] == f"inbox/{file.name}"
    assert row["raw"]["offset"] == str(file.read_bytes().index(line))
    assert row["raw"]["bytes"] == str(len(line))
    assert row["raw"]["text"] == line.decode("latin-1").replace("\r\n", "\\r\\n")
    stages = {s["stage"]: s for s in row["stages"]}
    assert stages["curated branch_movements"]["cells"]["folio"] == posting["folio"]
    assert stages["curated branch_postings"]["note"] == "it is not there"
    assert stages["warehouse branch_postings"]["note"] == "it is not there"


def test_one_row_is_found_by_its_key_and_masked(altered: Altered) -> None:
    shown = within(altered.root, "reconcile", "-d", DAY, "--row", altered.lost["credit_id"]).out
    assert "--unmask shows them" in shown
    assert "WAREHOUSE CREDIT_POSITIONS   it is not there" in shown
    assert altered.lost["client_id"] not in shown
    assert altered.lost["product"] in shown


def test_what_is_not_there_is_told_with_the_nearest_name(held: Path) -> None:
    wrong = within(held, "reconcile", "-d", DAY, "--rows", "movement_tie")
    assert wrong.code == 2
    assert "R5003" in wrong.err
    assert "did you mean 'movements_tie'?" in wrong.err
    assert within(held, "reconcile", "-d", DAY, "--row", "K9999999").code == 2


def test_columns_are_described_and_a_classified_one_keeps_no_range(held: Path) -> None:
    shown = within(held, "reconcile", "-d", DAY, "--profile", "--json")
    assert shown.code == 0, shown.err
    profiles = {p["dataset"]: p for p in json.loads(shown.out)["data"]["columns"]}
    columns = {c["name"]: c for c in profiles["credits"]["columns"]}
    assert columns["snapshot_date"]["minimum"] == columns["snapshot_date"]["maximum"] == DAY
    assert columns["product"]["distinct"] == "5"
    assert columns["closed_on"]["nulls"] == "1285"
    assert columns["balance"]["classified"] is True
    assert columns["balance"]["maximum"] is None
