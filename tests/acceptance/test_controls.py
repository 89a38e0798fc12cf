"""Every kind of control: it agrees, or a cent apart it is a finding and nothing is full."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.junit_rules import problems
from support.small import CONTRACT, ROWS, SETTINGS, drop, puntual, run_day, vouch, write_project

from puntual.cli.archive import open_archive
from puntual.evidence.facts import list_from_json
from puntual.model.control import ControlResult, ControlState
from puntual.model.finding import Finding

FIRST, SECOND = "2026-03-02", "2026-03-03"
NEXT = "2026-03-04T05:00:00-06:00"

MODELS = {
    "models/balances.sql": "SELECT client_id, sum(amount) AS balance FROM payments GROUP BY 1",
    "models/clients.sql": "SELECT DISTINCT client_id FROM payments",
}
MODEL_SETTINGS = """\
  balances:
    key: [client_id]
    measures: [{column: balance, unit: MXN}]
"""
PROJECT = SETTINGS.replace("warehouse:\n", MODEL_SETTINGS + "warehouse:\n").replace(
    "[movements]", "[balances, clients, movements]"
)
LIMITED = CONTRACT.replace(
    "      - {property: puntual.day,",
    "      - {property: puntual.quarantineLimit, value: {rows: 1}}\n"
    "      - {property: puntual.day,",
)
SECOND_REPORT = {
    f"reports/by_client/{name}": text
    for name, text in {
        "report.yaml": """\
title: Payments by client
institution: Small Bank
calendar: mx-test
due: {business_days_after: 1, time: "07:00"}
destinations: [{folder: out}]
ties: []
""",
        "report.sql": """\
SELECT client_id, sum(amount) AS total FROM movements
WHERE reference_date = :reference_date GROUP BY client_id ORDER BY client_id
""",
        "layout.yaml": """\
kind: delimited
file_name: "{report}_{reference_date:%Y%m%d}_v{version}.txt"
detail:
  - {name: client_id}
  - {name: total, scale: 2}
""",
    }.items()
}
MOVED = (
    "SELECT client_id, sum(CASE WHEN reference_date = :reference_date THEN balance ELSE -balance"
    " END) AS amount FROM balances WHERE reference_date IN (:reference_date, DATE '2026-03-02')"
    " GROUP BY client_id"
)
CONTROLS = f"""\
controls:
  - id: source_sums
    kind: source
    left: {{source: payments}}
    right: {{warehouse: movements}}
    measures: [count, {{sum: amount, unit: MXN}}]
    explained_by: [quarantined, duplicates, late]
    basis: Art. 1
  - id: raw_to_warehouse
    kind: end_to_end
    left: {{raw: payments}}
    right: {{warehouse: movements}}
    by: [client_id]
    measures: [count, {{sum: amount}}, {{sum_negative: amount}}, {{count_negative: amount}}]
    explained_by: [quarantined, duplicates, late]
  - id: stored_to_warehouse
    kind: end_to_end
    left: {{curated: movements}}
    right: {{warehouse: movements}}
    measures: [{{digest: {{key: [payment_id], columns: [client_id, amount]}}}}, {{max: paid_on}}]
  - id: by_client
    kind: business
    equal:
      left: {{warehouse: balances, sum: balance}}
      right: {{warehouse: movements, sum: amount}}
      by: [client_id]
  - id: clients_valid
    kind: business
    refers: {{dataset: movements, columns: [client_id], to: clients}}
  - id: rolls_forward
    kind: business
    roll_forward:
      dataset: balances
      balance: balance
      movements: [{{query: "{MOVED}", sum: amount}}]
      by: [client_id]
      first_day: "2026-03-02"
  - id: reports_tie
    kind: business
    tie:
      left: {{report: by_client, sum: total}}
      right: {{report: payments_daily, sum: total}}
"""
CENT = "SELECT 'c1' AS client_id, 0.01 AS amount"
OFF = f"""\
controls:
  - id: raw_to_warehouse
    kind: end_to_end
    left: {{raw: payments}}
    right: [{{warehouse: movements}}, {{query: "{CENT}"}}]
    measures: [{{sum: amount}}]
    basis: Art. 2
  - id: by_client
    kind: business
    equal:
      left: {{warehouse: balances, sum: balance}}
      right: [{{warehouse: movements, sum: amount}}, {{query: "{CENT}", sum: amount}}]
      by: [client_id]
  - id: clients_valid
    kind: business
    refers: {{dataset: movements, columns: [client_id], to: clients}}
  - id: rolls_forward
    kind: business
    roll_forward:
      dataset: balances
      balance: balance
      movements: [{{query: "{MOVED}", sum: amount}}, {{query: "{CENT}", sum: amount}}]
      by: [client_id]
  - id: source_sums
    kind: source
    left: {{source: payments}}
    right: [{{warehouse: movements}}, {{query: "{CENT}"}}]
    measures: [{{sum: amount, unit: MXN}}]
  - id: nothing
    kind: business
    equal:
      left: {{warehouse: movements, sum: amount, where: "amount > 1000000"}}
      right: {{warehouse: movements, sum: amount, where: "amount > 2000000"}}
  - id: core_ledger
    kind: business
    equal:
      left: {{warehouse: movements, sum: amount}}
      right: {{database: core, query: "SELECT sum FROM totals", sum: sum}}
  - id: unreadable
    kind: business
    left: SELECT max(CAST(client_id AS INTEGER)) FROM movements
    right: SELECT 1
"""
TIE_OFF = f"""\
controls:
  - id: reports_tie
    kind: business
    tie:
      left: {{report: by_client, sum: total}}
      right: [{{report: payments_daily, sum: total}}, {{query: "{CENT}", sum: amount}}]
"""


def results(root: Path, day: str) -> dict[str, ControlResult]:
    """Return what the day's controls committed, by id."""
    committed = open_archive(root).day(date.fromisoformat(day))
    found = [
        r
        for step in ("reconcile", "report:by_client", "report:payments_daily")
        if step in committed and "controls" in committed[step].facts
        for r in list_from_json(ControlResult, committed[step].facts["controls"])
    ]
    return {r.id: r for r in found}


def findings(root: Path, day: str) -> dict[str, Finding]:
    committed = open_archive(root).day(date.fromisoformat(day))
    steps = [s for s in ("reconcile", "report:payments_daily") if s in committed]
    read = [list_from_json(Finding, committed[s].facts["findings"]) for s in steps]
    return {f.rule: f for found in read for f in found}


def second_day(root: Path) -> None:
    """Put the second day in: a row twice, one that is not read, and a client with a cent."""
    rows = [r.replace(FIRST, SECOND).replace("p", "q") for r in ROWS]
    rows[3] = rows[3].replace("0.10", "0.01")
    drop(root, (*rows, rows[0], f"q9;c9;not money;{SECOND}"), day=SECOND)
    vouch(root, 6, "430.26", day=SECOND)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first day, delivered in full though its balances have no yesterday."""
    root = tmp_path_factory.mktemp("controls") / "bank"
    write_project(
        root,
        **{
            "puntual.yaml": PROJECT,
            "contracts/payments.odcs.yaml": LIMITED,
            "controls/controls.yaml": CONTROLS,
        },
        **MODELS,
        **SECOND_REPORT,
    )
    drop(root)
    vouch(root, 4, "330.35")
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    second_day(root)
    return root


@pytest.fixture(scope="module")
def agreed(first: Path) -> Path:
    """A second day on which every control agrees."""
    root = first.with_name("agreed")
    shutil.copytree(first, root)
    ran = run_day(root, day=SECOND, as_of=NEXT)
    assert ran.code == 0, ran.out + ran.err
    return root


@pytest.fixture(scope="module")
def apart(first: Path) -> tuple[Path, int]:
    """A second day on which the sides of each kind of control are a cent apart."""
    root = first.with_name("apart")
    shutil.copytree(first, root)
    (root / "controls/controls.yaml").write_text(OFF)
    (root / "models/clients.sql").write_text(f"{MODELS['models/clients.sql']} WHERE amount > 1")
    core = (
        "  core:\n    kind: database\n    connection: sqlite:core.db\n"
        "    query: SELECT 1 AS id\n    control: snapshot\n"
    )
    (root / "puntual.yaml").write_text(PROJECT.replace("models:\n", f"{core}models:\n", 1))
    (root / "contracts/core.odcs.yaml").write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: core\nname: core\nversion: 1.0.0\n"
        "status: active\nschema:\n  - name: core\n    properties:\n"
        "      - {name: id, logicalType: integer}\n"
    )
    with closing(sqlite3.connect(root / "core.db")) as database:
        database.execute("CREATE TABLE totals (sum TEXT)")
        database.execute("INSERT INTO totals VALUES ('330.25')")
        database.commit()
    return root, run_day(root, day=SECOND, as_of=NEXT).code


def test_every_kind_agrees_and_says_both_sides_and_what_explains(agreed: Path) -> None:
    found = results(agreed, SECOND)
    assert {r.id: r.state for r in found.values()} == dict.fromkeys(found, ControlState.MATCHED)
    assert len(found) == 7
    count, amount = found["source_sums"].totals
    assert (count.left, count.right, count.residual) == ("6", "4", Decimal(0))
    explained = {k: str(v) for k, v in count.explained.items()}
    assert explained == {"duplicates": "1", "late": "0", "quarantined": "1"}
    assert str(amount.explained["duplicates"]) == "100.00"
    assert found["raw_to_warehouse"].counts == {"matched": 4}
    assert 'FROM "movements" AS s WHERE s.reference_date' in found["by_client"].right.queries[0]


@pytest.mark.row("f34")
def test_the_first_day_of_a_roll_forward_is_unverified_and_never_matched(first: Path) -> None:
    found = results(first, FIRST)["rolls_forward"]
    assert found.state is ControlState.UNVERIFIED
    assert "holds no balances of the business day before, 2026-02-27" in found.reason
    assert findings(first, FIRST)["rolls_forward"].code == "R3003"


@pytest.mark.row("f36")
@pytest.mark.parametrize(
    ("control", "measure", "residual"),
    [
        ("raw_to_warehouse", "sum amount", "99.99"),
        ("by_client", "sum balance", "-0.01"),
        ("clients_valid", "sum amount", "-20.24"),
        ("rolls_forward", "sum balance", "0.01"),
        ("source_sums", "sum amount", "99.99"),
        ("core_ledger", "sum amount", "0.01"),
    ],
)
def test_a_cent_is_a_finding_of_each_kind(
    apart: tuple[Path, int], control: str, measure: str, residual: str
) -> None:
    found = findings(apart[0], SECOND)[control]
    assert (found.code, found.verdict.value) == ("R3001", "fail")
    assert found.amounts[measure] == Decimal(residual)


def test_what_is_not_explained_by_a_declared_cause_is_not_explained(
    apart: tuple[Path, int],
) -> None:
    (amount,) = results(apart[0], SECOND)["raw_to_warehouse"].totals
    assert (amount.explained, amount.residual) == ({}, Decimal("99.99"))


def test_the_offending_group_is_named_and_the_others_are_counted(apart: tuple[Path, int]) -> None:
    found = results(apart[0], SECOND)["by_client"]
    assert found.counts == {"matched": 2, "mismatched": 1}
    (shown,) = found.groups[0].key
    assert str(shown).startswith("‹2 chars #")
    assert str(shown) in found.reason
    asked = ("reconcile", "-d", SECOND, "--rows", "by_client")
    masked, clear = puntual(apart[0], *asked), puntual(apart[0], *asked, "--unmask")
    assert (f"client_id={shown}" in masked.out, "client_id=c1" in clear.out) == (True, True)


def test_orphans_are_rows_and_money(apart: tuple[Path, int]) -> None:
    count, amount = results(apart[0], SECOND)["clients_valid"].totals
    assert (count.difference, amount.difference) == (Decimal(2), Decimal("-20.24"))


def test_nothing_and_what_cannot_be_read_are_no_agreement(apart: tuple[Path, int]) -> None:
    found = findings(apart[0], SECOND)
    assert {n: found[n].code for n in ("nothing", "unreadable")} == {
        "nothing": "R3004",
        "unreadable": "R3002",
    }
    assert "Q1001" in found["unreadable"].observed


def test_junit_is_what_the_schema_of_ci_servers_allows(
    apart: tuple[Path, int], agreed: Path
) -> None:
    asked = ("reconcile", "-d", SECOND, "--format", "junit")
    broken, good = puntual(apart[0], *asked), puntual(agreed, *asked)
    rows = puntual(apart[0], *asked, "--rows", "by_client")
    assert [problems(ran.out) for ran in (broken, good, rows)] == [[], [], []]
    counts = {c.tag for c in ET.fromstring(broken.out).iter()}
    assert {"failure", "error", "system-out"} <= counts
    assert "failure" not in {c.tag for c in ET.fromstring(good.out).iter()}
    assert problems(good.out.replace('errors="0"', 'errors="1"', 1)) != []
    assert problems(
        good.out.replace("<system-out>", "<output>").replace("</system-out>", "</output>")
    )


def test_the_day_is_held_and_the_command_says_so(apart: tuple[Path, int]) -> None:
    root, code = apart
    assert code == 1
    assert not list((root / "out").glob("*20260303*"))
    shown = puntual(root, "reconcile", "-d", SECOND)
    assert (shown.code, "by_client" in shown.out + shown.err) == (1, True)


def test_a_database_that_does_not_answer_is_unknown_and_asked_again(
    apart: tuple[Path, int], tmp_path: Path
) -> None:
    root = tmp_path / "bank"
    shutil.copytree(apart[0], root)
    controls = OFF[OFF.index("  - id: core_ledger") : OFF.index("  - id: unreadable")]
    (root / "controls/controls.yaml").write_text(
        "controls:\n" + controls.replace("FROM totals", "FROM absent")
    )
    assert run_day(root, day=SECOND, as_of=NEXT).code == 1
    found = results(root, SECOND)["core_ledger"]
    assert (found.state, "S1202" in found.reason) == (ControlState.UNKNOWN, True)
    with closing(sqlite3.connect(root / "core.db")) as database:
        database.execute("CREATE VIEW absent AS SELECT '330.26' AS sum")
        database.commit()
    ran = run_day(root, day=SECOND, as_of=NEXT)
    assert ran.code == 0, ran.out + ran.err
    assert results(root, SECOND)["core_ledger"].state is ControlState.MATCHED


def test_two_reports_a_cent_apart_hold_the_one_that_is_made_last(
    first: Path, tmp_path: Path
) -> None:
    root = tmp_path / "bank"
    shutil.copytree(first, root)
    (root / "controls/controls.yaml").write_text(TIE_OFF)
    ran = run_day(root, day=SECOND, as_of=NEXT)
    assert ran.code == 1, ran.out + ran.err
    found = findings(root, SECOND)["reports_tie"]
    assert (found.code, found.amounts) == ("R3001", {"sum total": Decimal("-0.01")})
    delivered = sorted(p.name for p in (root / "out").glob("*20260303*.txt"))
    assert delivered == ["by_client_20260303_v1.txt"]
