"""An empty reference never passes: a yesterday or a part of a side without a row is told."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from acceptance.test_controls import FIRST, MODELS, NEXT, PROJECT, SECOND, findings, results
from support.small import ROWS, drop, run_day, vouch, write_project

from puntual.model.control import ControlState

ROLL = """\
controls:
  - id: rolls
    kind: business
    roll_forward:
      dataset: balances
      balance: balance
      movements: [{warehouse: movements, sum: amount}]
      by: [client_id]
      first_day: "2026-03-02"
"""
PARTS = """\
controls:
  - id: two_parts
    kind: business
    equal:
      left:
        - {warehouse: movements, sum: amount}
        - {warehouse: balances, sum: balance, where: "client_id = 'zz'"}
      right: {warehouse: movements, sum: amount, where: "client_id IS NOT NULL"}
"""
ALLOWED = "    may_be_empty: true\n"
OF_YESTERDAY = "no row in warehouse balances of the business day before: nothing of it was compared"


def second(root: Path, rows: tuple[str, ...] = ROWS, total: str = "330.35") -> int:
    """Put a second day in, whose balances hold that day's movements alone; run it."""
    drop(root, tuple(r.replace(FIRST, SECOND) for r in rows), day=SECOND)
    vouch(root, len(rows), total, day=SECOND)
    return run_day(root, day=SECOND, as_of=NEXT).code


@pytest.fixture(scope="module")
def emptied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first day that was sent with balances of 330.35, which somebody then deleted."""
    root = tmp_path_factory.mktemp("emptied") / "bank"
    write_project(root, **{"puntual.yaml": PROJECT, "controls/controls.yaml": ROLL}, **MODELS)
    drop(root)
    vouch(root, 4, "330.35")
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    with closing(duckdb.connect(str(root / ".puntual/warehouse.duckdb"))) as warehouse:
        warehouse.execute("DELETE FROM balances")
    return root


@pytest.mark.row("f34")
def test_a_yesterday_that_was_emptied_rolls_into_nothing_and_holds(
    emptied: Path, tmp_path: Path
) -> None:
    """The day's balances are its own movements: equal to 0 + movements, and wrong by 330.35."""
    root = tmp_path / "bank"
    shutil.copytree(emptied, root)
    assert second(root) == 1
    found = findings(root, SECOND)["rolls"]
    assert (found.code, found.observed) == ("R3004", OF_YESTERDAY)
    assert not list((root / "out").glob("*20260303*"))


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("allowed", ROLL.replace("    roll_forward", ALLOWED + "    roll_forward")),
        ("begun", ROLL.replace(FIRST, SECOND)),
    ],
)
def test_an_empty_yesterday_holds_nothing_where_it_may_be_or_the_roll_begins(
    emptied: Path, tmp_path: Path, name: str, declared: str
) -> None:
    root = tmp_path / name
    shutil.copytree(emptied, root)
    (root / "controls/controls.yaml").write_text(declared)
    assert second(root) == 0
    state = results(root, SECOND)["rolls"].state
    assert state is (ControlState.MATCHED if name == "allowed" else ControlState.EMPTY)


def test_a_quiet_day_without_movements_rolls_yesterday_forward(tmp_path: Path) -> None:
    """A client who owes the same on both days, and of whose movements none is counted."""
    kept = "SELECT client_id, CAST(250.50 AS DECIMAL(38, 2)) AS balance FROM payments"
    moves = "[{warehouse: movements, sum: amount}]"
    declared = ROLL.replace(moves, moves[:-2] + ", where: \"client_id <> 'c9'\"}]")
    write_project(
        tmp_path,
        **{
            "puntual.yaml": PROJECT,
            "controls/controls.yaml": declared,
            **MODELS,
            "models/balances.sql": kept,
        },
    )
    only = (f"p1;c9;250.50;{FIRST}",)
    drop(tmp_path, only)
    vouch(tmp_path, 1, "250.50")
    assert run_day(tmp_path).code == 0
    assert second(tmp_path, only, "250.50") == 0
    found = results(tmp_path, SECOND)["rolls"]
    assert (found.state, found.reason) == (ControlState.MATCHED, "")


def test_a_part_of_a_side_without_a_row_holds_unless_it_may_be_empty(tmp_path: Path) -> None:
    """No client is called zz: what was meant to be added is not there."""
    files = {"puntual.yaml": PROJECT, "controls/controls.yaml": PARTS}
    write_project(tmp_path / "held", **files, **MODELS)
    files["controls/controls.yaml"] = PARTS.replace("    equal", ALLOWED + "    equal")
    write_project(tmp_path / "allowed", **files, **MODELS)
    for name, code, state in (
        ("held", 1, ControlState.EMPTY),
        ("allowed", 0, ControlState.MATCHED),
    ):
        drop(tmp_path / name)
        vouch(tmp_path / name, 4, "330.35")
        assert run_day(tmp_path / name).code == code
        assert results(tmp_path / name, FIRST)["two_parts"].state is state
    said = findings(tmp_path / "held", FIRST)["two_parts"].observed
    assert said.startswith("no row in warehouse balances where client_id = 'zz'")
