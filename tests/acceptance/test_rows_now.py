"""What `reconcile --rows` says of what is stored now, and of what it cannot compare."""

from __future__ import annotations

import csv
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.small import (
    CONTROLS,
    DAY,
    MODEL,
    SETTINGS,
    Ran,
    drop,
    good_day,
    run_day,
    vouch,
    write_project,
)
from support.tamper import alter_warehouse, copy_of

from puntual.cli.main import main

HOP = "movements: curated → warehouse"
NAMED = ("--rows", "movements:warehouse")
BARE = ("--rows",)

CENT = "UPDATE movements SET amount = amount + 0.01 WHERE payment_id = 'p1'"
DOUBLED = "INSERT INTO movements SELECT * FROM movements WHERE payment_id = 'p2'"
AS_FLOAT = "ALTER TABLE movements ALTER amount TYPE DOUBLE"
GONE = "ALTER TABLE movements RENAME TO elsewhere"

QUERIES = f"""{CONTROLS}
  - id: q_rows
    kind: business
    left: SELECT count(*) FROM movements WHERE reference_date = :reference_date
    right: SELECT 5
    unit: rows
    on_fail: flag
"""


def within(root: Path, *arguments: str) -> Ran:
    """Run `puntual reconcile` of the day in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(root), "reconcile", "-d", DAY, *arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def words(ran: Ran) -> str:
    """Return what was printed with no regard to where its lines end."""
    return " ".join(ran.out.split())


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = good_day(tmp_path_factory.mktemp("now") / "bank")
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    return root


@pytest.fixture(scope="module")
def as_float(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The delivered day, whose amounts are no decimals any more: they cannot be compared."""
    root = copy_of(delivered, tmp_path_factory.mktemp("float") / "bank")
    alter_warehouse(root, AS_FLOAT)
    return root


@pytest.fixture(scope="module")
def altered(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The delivered day; afterwards p1 has a cent more and p2 stands twice."""
    root = copy_of(delivered, tmp_path_factory.mktemp("altered") / "bank")
    alter_warehouse(root, CENT, DOUBLED)
    return root


@pytest.fixture(scope="module")
def queried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every hop agrees, and a control of two queries counts 4 rows against 5."""
    root = good_day(tmp_path_factory.mktemp("queried") / "bank")
    (root / "controls" / "controls.yaml").write_text(QUERIES)
    assert run_day(root).code in (0, 1)
    return root


@pytest.mark.parametrize("asked", [NAMED, BARE])
def test_rows_that_cannot_be_compared_are_unknown_and_not_equal(
    as_float: Path, asked: tuple[str, ...]
) -> None:
    told = within(as_float, *asked)
    assert (told.code, told.err) == (1, "")
    assert "rows behind curated → warehouse not compared" in words(told)
    assert "R6001" in told.out
    assert "unknown is not equal" in told.out


def test_json_says_which_hop_could_not_be_compared_and_why(as_float: Path) -> None:
    ran = within(as_float, *NAMED, "--json")
    answer = json.loads(ran.out)
    assert (ran.code, answer["ok"]) == (1, False)
    assert (answer["data"]["not_compared"], answer["data"]["differ_since"]) == ([HOP], [])
    (listed,) = answer["data"]["rows"]
    assert listed["unread"].startswith("R6001 ")


def test_csv_has_a_line_of_what_could_not_be_compared(as_float: Path) -> None:
    ran = within(as_float, *NAMED, "--format", "csv")
    (line,) = csv.DictReader(io.StringIO(ran.out))
    assert (ran.code, line["about"], line["class"]) == (1, HOP, "not compared")
    assert line["reason"].startswith("R6001 ")


def test_junit_has_an_error_for_what_could_not_be_compared(as_float: Path) -> None:
    ran = within(as_float, *NAMED, "--format", "junit")
    suites = ET.fromstring(ran.out)
    assert (ran.code, suites.get("errors"), suites.get("failures")) == (1, "1", "0")
    (case,) = [c for c in suites.iter("testcase") if c.find("error") is not None]
    assert (case.get("classname"), case.get("name")) == ("hop.movements", "curated → warehouse")
    (error,) = case.iter("error")
    assert "R6001" in (error.get("message") or "")
    assert "unknown is not equal" in (error.get("message") or "")


def test_a_table_that_is_gone_is_not_a_day_without_a_break(delivered: Path, tmp_path: Path) -> None:
    root = copy_of(delivered, tmp_path / "bank")
    alter_warehouse(root, GONE)
    for asked in (BARE, NAMED):
        ran = within(root, *asked)
        assert (ran.code, ran.err) == (1, "")
        assert "no break" not in ran.out
        assert "rows behind curated → warehouse not compared" in words(ran)
        assert "T4002" in words(ran)
        assert "Table with name movements does not exist" in words(ran)
        assert "unknown is not equal" in words(ran)


PAIR = f"""{CONTROLS}
  - id: amounts
    kind: end_to_end
    left: {{curated: movements}}
    right: {{warehouse: movements}}
    by: [client_id]
    measures: [count, {{sum: amount}}]
  - id: clients
    kind: business
    refers: {{dataset: movements, columns: [client_id], to: movements, to_columns: [payment_id]}}
"""


def test_a_control_on_a_table_that_is_gone_says_so_and_names_no_rows(tmp_path: Path) -> None:
    """The clients are no payments, so that `clients` finds orphans while the table is there."""
    root = good_day(tmp_path / "bank")
    (root / "controls" / "controls.yaml").write_text(PAIR)
    alter = {"PUNTUAL_FAILPOINTS": "report.laid_out=raise:PermanentError"}
    run_day(root, env=alter)
    alter_warehouse(root, GONE)
    run_day(root)
    for name in ("amounts", "clients"):
        told = within(root, "--rows", name)
        assert (told.code, told.err) == (1, "")
        assert f"rows behind {name} not compared" in words(told)
        assert "Table with name movements does not exist" in words(told)


def test_rows_without_a_name_are_those_that_differ_from_what_was_loaded(altered: Path) -> None:
    told = within(altered, *BARE)
    assert told.code == 1, told.out + told.err
    assert "rows behind curated → warehouse 1 changed, 1 duplicated" in words(told)
    assert "the run found no difference here" in words(told)
    assert "compared now: 0 of 1 hop agree" in words(told)
    answer = json.loads(within(altered, *BARE, "--json", "--unmask").out)
    assert (answer["ok"], answer["data"]["differ_since"]) == (False, [HOP])
    assert answer["data"]["compared_now"] == [HOP]
    (listed,) = answer["data"]["rows"]
    keys = {r["class"]: r["key"]["payment_id"] for r in listed["rows"]}
    assert keys == {"changed": "p1", "duplicated": "p2"}
    tests = within(altered, *BARE, "--format", "junit")
    assert (tests.code, tests.out.count("<failure")) == (1, 1)


def test_rows_without_a_name_say_how_many_hops_agree_now(delivered: Path) -> None:
    told = within(delivered, *BARE)
    assert told.code == 0, told.out + told.err
    assert "no break: every residual is zero" in words(told)
    assert "compared now: 1 hop agrees" in words(told)
    answer = json.loads(within(delivered, *BARE, "--json").out)
    assert (answer["ok"], answer["data"]["rows"]) == (True, [])
    assert answer["data"]["compared_now"] == [HOP]


def test_a_dataset_that_is_not_loaded_has_nothing_to_compare_now(delivered: Path) -> None:
    told = within(delivered, *BARE, "--dataset", "payments")
    assert told.code == 0, told.out + told.err
    assert "compared now: no hop into the warehouse" in words(told)


def test_of_a_query_no_rows_can_be_named_and_its_sql_is_shown(queried: Path) -> None:
    told = within(queried, "--rows", "q_rows")
    assert told.code == 1, told.out + told.err
    assert "rows behind q_rows none can be named" in words(told)
    assert "of a query no rows can be named: run its SQL" in words(told)
    assert "SELECT 5" in told.out


def test_beside_a_control_that_differs_the_warehouse_is_compared_too(
    queried: Path, tmp_path: Path
) -> None:
    assert "compared now: 1 hop agrees" in words(within(queried, *BARE))
    root = copy_of(queried, tmp_path / "bank")
    alter_warehouse(root, CENT)
    told = within(root, *BARE)
    assert "rows behind q_rows none can be named" in words(told)
    assert "rows behind curated → warehouse 1 changed" in words(told)


def test_rows_that_a_declared_filter_left_out_are_no_missing_rows(tmp_path: Path) -> None:
    """The model leaves refunds out, as it declares: of four rows p3 is one."""
    carried = "    carries: payments\n"
    filters = carried + '    filters: {refunds: "amount < 0"}\n'
    kept = MODEL.replace("FROM payments", "FROM payments WHERE NOT (amount < 0)")
    files = {"puntual.yaml": SETTINGS.replace(carried, filters), "models/movements.sql": kept}
    write_project(tmp_path, **files)
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    assert run_day(tmp_path).code == 0
    shown = within(tmp_path, "--rows", "movements:curated")
    assert shown.code == 0, shown.out
    assert "missing" not in shown.out
    assert "1 rows left by declared filters" in shown.out
    assert "1 left with a reason: --explained names them" in shown.out
    named = within(tmp_path, "--rows", "movements:curated", "--explained", "--unmask")
    assert named.code == 0, named.out
    assert "filtered payment_id=p3" in words(named)
    assert "a declared filter of movements" in named.out


def test_a_null_and_a_text_that_says_null_are_told_apart_in_every_form(tmp_path: Path) -> None:
    """A client is called NULL; somebody has taken the name away."""
    root = write_project(tmp_path / "bank", **{"checks/checks.yaml": "checks: []\n"})
    drop(root, ("p1;NULL;1.00;2026-03-02",))
    vouch(root, 1, "1.00")
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    alter_warehouse(root, "UPDATE movements SET client_id = NULL")
    shown = words(within(root, *NAMED, "--unmask"))
    assert 'client_id "NULL" → null' in shown
    found = csv.DictReader(io.StringIO(within(root, *NAMED, "--unmask", "--format", "csv").out))
    assert [(r["left"], r["right"]) for r in found] == [('"NULL"', "null")]


def test_a_place_that_was_altered_in_the_warehouse_is_what_a_row_differs_in(
    delivered: Path, tmp_path: Path
) -> None:
    root = copy_of(delivered, tmp_path / "bank")
    alter_warehouse(root, "UPDATE movements SET _position = 99 WHERE payment_id = 'p1'")
    assert "_position 2 → 99" in words(within(root, *NAMED))
