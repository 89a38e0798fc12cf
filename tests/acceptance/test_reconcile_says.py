"""What `puntual reconcile` says is what was measured, and of what was asked, in its own form."""

from __future__ import annotations

import csv
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.small import (
    CONTRACT,
    DAY,
    REPORT,
    Ran,
    drop,
    good_day,
    run_day,
    vouch,
    write_project,
)
from support.tamper import alter_warehouse

from puntual.cli.archive import open_archive
from puntual.cli.main import main
from puntual.evidence.facts import list_from_json
from puntual.model.control import ControlResult, ControlState
from puntual.model.finding import Finding

PUBLIC = CONTRACT.replace("      - {name:", "      - {classification: public, name:").replace(
    "      - {property: puntual.day,",
    '      - {property: puntual.quarantineLimit, value: {rows: 1, amount: "300.00"}}\n'
    "      - {property: puntual.day,",
)
ASIDE = """\
checks:
  - {id: small, dataset: movements, row: amount < 200, on_fail: quarantine, severity: warn}
"""
CONTROLS = """\
controls:
  - id: measured
    kind: end_to_end
    left: {curated: movements}
    right: {warehouse: movements}
    measures: [{digest: {key: [payment_id]}}, count, {sum: amount, unit: MXN}, {max: paid_on}]
    on_fail: flag
  - id: aside
    kind: end_to_end
    left: {curated: movements}
    right: {warehouse: movements}
    measures: [{digest: {key: [payment_id], columns: [amount]}}, count]
    explained_by: [quarantined]
  - id: by_client
    kind: end_to_end
    left: {raw: payments}
    right: {warehouse: movements}
    by: [client_id]
    measures: [count, {sum: amount, unit: MXN}]
    on_fail: flag
  - id: loose
    kind: end_to_end
    left: {curated: movements}
    right: {warehouse: movements}
    measures: [{sum: amount, unit: MXN, tolerance: "999999999999"}]
"""
WEIGHED = (
    "SELECT sum(CASE WHEN refund THEN 0.75 ELSE 1 END) FROM movements"
    " WHERE reference_date = :reference_date"
)
TIE = f"""\
ties:
  - column: "*"
    dataset: movements
    query: {WEIGHED}
"""


def within(root: Path, *arguments: str) -> Ran:
    """Run `puntual reconcile` of the day in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(root), "reconcile", "-d", DAY, *arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def committed(root: Path, step: str, what: str) -> object:
    return open_archive(root).day(date.fromisoformat(DAY))[step].facts[what]


def result(root: Path, control: str) -> ControlResult:
    found = list_from_json(ControlResult, committed(root, "reconcile", "controls"))
    return next(r for r in found if r.id == control)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A check sets p2 (250.50) aside; a tie counts 2.75 rows in a file of two lines."""
    root = tmp_path_factory.mktemp("says") / "bank"
    write_project(
        root,
        **{
            "contracts/payments.odcs.yaml": PUBLIC,
            "checks/checks.yaml": ASIDE,
            "controls/controls.yaml": CONTROLS,
            "reports/payments_daily/report.yaml": REPORT[: REPORT.index("ties:")] + TIE,
        },
    )
    drop(root)
    vouch(root, 4, "330.35")
    ran = run_day(root)
    assert ran.code in (0, 1), ran.out + ran.err
    return root, ran.code


@pytest.fixture(scope="module")
def unsummed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing is broken, and the source's record has no sum of the amount."""
    root = good_day(tmp_path_factory.mktemp("unsummed") / "bank")
    record = root / "control" / "payments_20260302.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"sums": {}}))
    assert run_day(root).code == 1
    return root


def test_a_tie_that_counts_no_whole_number_holds_the_file_and_is_named(
    bank: tuple[Path, int],
) -> None:
    root, code = bank
    assert (code, list((root / "out").glob("*.txt"))) == (1, [])
    findings = list_from_json(Finding, committed(root, "report:payments_daily", "findings"))
    (tie,) = [f for f in findings if f.rule == "movements:warehouse-file payments_daily"]
    assert tie.code == "R2001"
    assert "a count of 2.75, which is no whole number, against 2" in tie.observed
    assert "2.75 ≠ 2" in within(root).out


def test_what_stands_beside_a_digest_is_measured_and_compared(bank: tuple[Path, int]) -> None:
    digest, count, amount, latest = result(bank[0], "measured").totals
    assert (count.left, count.right, count.residual) == ("4", "3", Decimal(1))
    assert (amount.left, amount.right, amount.residual) == ("330.35", "79.85", Decimal("250.50"))
    assert (latest.left, latest.right, latest.matched) == ("2026-03-02", "2026-03-02", True)
    sides = [(digest.left or "").partition(":")[2], (digest.right or "").partition(":")[2]]
    assert (all(sides), sides[0] != sides[1], digest.matched) == (True, True, False)


def test_a_digest_agrees_without_what_a_check_set_aside(bank: tuple[Path, int]) -> None:
    found = result(bank[0], "aside")
    digest, count = found.totals
    assert (found.state, digest.matched) == (ControlState.MATCHED, True)
    assert (count.left, count.right, count.explained) == ("4", "3", {"quarantined": Decimal(1)})


def test_a_control_that_sees_no_planted_fault_is_named(bank: tuple[Path, int]) -> None:
    assert result(bank[0], "loose").state is ControlState.MATCHED
    findings = list_from_json(Finding, committed(bank[0], "reconcile", "findings"))
    assert [f.rule for f in findings if f.code == "R5002"] == ["loose_planted"]
    assert "R5002 loose sees nothing: it is blind to a lost row, a doubled row" in within(
        bank[0]
    ).out.replace("\n   ", "")


def test_groups_by_public_columns_and_their_measures_are_shown(bank: tuple[Path, int]) -> None:
    found = json.loads(within(bank[0], "--rows", "by_client", "--json").out)["data"]["rows"][0]
    (row,) = found["rows"]
    assert row["key"] == {"client_id": "c1"}
    assert row["changed"] == [
        {"column": "count", "left": "2", "right": "1"},
        {"column": "sum amount", "left": "350.50", "right": "100.00"},
    ]


@pytest.mark.parametrize("more", [(), ("--rows",), ("--profile",)])
def test_a_dataset_that_is_not_there_is_not_a_day_without_a_break(
    bank: tuple[Path, int], more: tuple[str, ...]
) -> None:
    ran = within(bank[0], "--dataset", "movement", *more)
    assert (ran.code, ran.out) == (2, "")
    assert "R5003" in ran.err
    assert "did you mean 'movements'?" in ran.err


def test_what_agrees_is_said_of_the_dataset_and_what_does_not_beside_it(
    bank: tuple[Path, int],
) -> None:
    ran = within(bank[0], "--dataset", "payments")
    said = "no hop of payments is broken; 2 controls do not agree; hops of movements do not agree"
    assert (ran.code, said in ran.out, "no break" in ran.out) == (1, True, False)


TIMED = CONTRACT + "      - {name: paid_at, logicalType: timestamp}\n"
TIMED_MODEL = "SELECT *, amount < 0 AS refund FROM payments\n"


def test_the_stages_of_a_row_have_one_mask_for_one_value(tmp_path: Path) -> None:
    """Curated data are read in the project's zone, -06:00, and the warehouse in UTC."""
    header = "payment_id;client_id;amount;paid_on;paid_at"
    files = {"contracts/payments.odcs.yaml": TIMED, "models/movements.sql": TIMED_MODEL}
    write_project(tmp_path, **files)
    drop(tmp_path, ("p1;c1;100.00;2026-03-02;2026-03-02T23:30:00-06:00",), header=header)
    vouch(tmp_path, 1, "100.00")
    assert run_day(tmp_path).code == 0
    (row,) = json.loads(within(tmp_path, "--row", "p1", "--json").out)["data"]["rows"]
    for column, length in (("paid_at", 25), ("amount", 3), ("paid_on", 10)):
        shown = [s["cells"][column] for s in row["stages"] if column in s["cells"]]
        assert len(shown) == 3, row["stages"]  # curated, the model, and the warehouse
        parsed = next(c for c in row["parsed"] if c["column"] == column)
        assert {parsed["value"], *shown} == {shown[0]}
        assert shown[0].startswith(f"‹{length} chars #")
        assert parsed["text"] == parsed["value"] or column == "paid_at"


@pytest.mark.parametrize("form", ["csv", "junit"])
@pytest.mark.parametrize("what", [("--row", "p1"), ("--profile",)])
def test_a_form_that_is_not_there_is_refused(
    bank: tuple[Path, int], what: tuple[str, ...], form: str
) -> None:
    ran = within(bank[0], *what, "--format", form)
    assert (ran.code, ran.out) == (2, "")
    assert f"{what[0]} is shown as text or json, not as {form}" in ran.err


EXTREMES = """\
controls:
  - id: extremes
    kind: end_to_end
    left: {raw: payments}
    right: {warehouse: movements, where: "amount < 200"}
    by: [client_id]
    measures: [{max: amount}, {distinct: [payment_id]}]
  - id: silent
    kind: business
    left: SELECT max(amount) FROM movements WHERE client_id = 'nobody'
    right: SELECT 0
"""


def test_a_csv_line_says_which_group_which_values_and_why(tmp_path: Path) -> None:
    """c1 has two payments, of 100.00 and 250.50; 250.50 is not on the right."""
    files = {"contracts/payments.odcs.yaml": PUBLIC, "controls/controls.yaml": EXTREMES}
    write_project(tmp_path, **files)
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    ran = run_day(tmp_path)
    assert ran.code == 1, ran.out + ran.err
    lines = list(csv.DictReader(io.StringIO(within(tmp_path, "--format", "csv").out)))
    assert not any(None in line or None in line.values() for line in lines)
    shown = ("name", "measure", "left_value", "right_value", "residual", "state", "group")
    told = [tuple(line[c] for c in shown) for line in lines if line["what"] == "control"]
    assert told == [
        ("extremes", "", "", "", "", "mismatched", ""),
        ("extremes", "max amount", "250.50", "100.00", "150.50", "mismatched", "client_id c1"),
        ("extremes", "distinct payment_id", "2", "1", "1", "mismatched", "client_id c1"),
        ("silent", "value", "", "0", "", "unknown", ""),
    ]
    why = {line["name"]: line["reason"] for line in lines if line["reason"]}
    assert why["extremes"].startswith("1 of 3 groups; the first, client_id c1: max amount 250.50")
    assert why["silent"] == "query: no answer: null"


NAMED = """\
controls:
  - id: named
    kind: end_to_end
    left: {raw: payments}
    right: {warehouse: movements, where: "amount < 0"}
    by: [client_id, paid_on]
    measures: [count]
"""
ALIKE = (
    "p1;;1.00;2026-03-02",
    "p2;null;1.00;2026-03-02",
    "p3;c2, paid_on 2026-03-02;1.00;2026-03-02",
    "p4;c1;1.00;2026-03-02",
    "p5;\\;1.00;2026-03-02",
)


def test_a_csv_line_says_its_group_so_that_no_two_read_the_same(tmp_path: Path) -> None:
    """No client, and those called `null`, `c2, paid_on 2026-03-02`, `c1` and a backslash."""
    files = {"contracts/payments.odcs.yaml": PUBLIC, "controls/controls.yaml": NAMED}
    write_project(tmp_path, **files)
    drop(tmp_path, ALIKE)
    vouch(tmp_path, 5, "5.00")
    assert run_day(tmp_path).code == 1
    lines = csv.DictReader(io.StringIO(within(tmp_path, "--format", "csv").out))
    assert sorted(line["group"] for line in lines if line["group"]) == [
        'client_id "c2, paid_on 2026-03-02", paid_on 2026-03-02',
        'client_id "null", paid_on 2026-03-02',
        "client_id \\, paid_on 2026-03-02",
        "client_id c1, paid_on 2026-03-02",
        "client_id null, paid_on 2026-03-02",
    ]


def test_no_rows_are_an_empty_list_and_a_table_without_lines(unsummed: Path) -> None:
    data = json.loads(within(unsummed, "--rows", "--json").out)["data"]
    assert (data["rows"], data["differ_since"]) == ([], [])
    (head,) = csv.reader(io.StringIO(within(unsummed, "--rows", "--format", "csv").out))
    assert head[:4] == ["about", "class", "reason", "key"]
    assert "not compared: payments source → raw" in within(unsummed, "--rows").out


def test_a_sum_that_is_missing_is_named_and_its_side_is_not_called_missing(
    unsummed: Path,
) -> None:
    why = "amount not compared: one side has no sum of it"
    root = ET.fromstring(within(unsummed, "--format", "junit").out)
    (error,) = root.iter("error")
    assert error.get("message") == f"{why}: unknown is not equal"
    assert f"residual   0 rows   keys not compared   {why}" in within(unsummed).out


def test_a_blank_at_the_end_is_seen(bank: tuple[Path, int]) -> None:
    alter_warehouse(bank[0], "UPDATE movements SET client_id = 'c1 ' WHERE payment_id = 'p1'")
    shown = within(bank[0], "--rows", "movements:warehouse").out
    assert r"client_id  'c1' → 'c1\x20'" in shown
