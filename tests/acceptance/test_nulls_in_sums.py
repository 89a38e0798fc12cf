"""A null is no zero: a sum with one in it agrees with nothing, unless it came with the rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.test_controls import FIRST, MODEL_SETTINGS, MODELS, NEXT, SECOND, findings, results
from support.small import (
    CONTRACT,
    SETTINGS,
    drop,
    puntual,
    run_day,
    vouch,
    write_project,
)

from puntual.model.control import ControlState

PROJECT = SETTINGS.replace("warehouse:\n", MODEL_SETTINGS + "warehouse:\n").replace(
    "[movements]", "[balances, movements]"
)
CONTROLS = """\
controls:
  - id: tie
    kind: business
    equal:
      left: {warehouse: movements, sum: amount}
      right: {warehouse: balances, sum: balance}
      by: [client_id]
    unit: MXN
  - id: roll
    kind: business
    roll_forward:
      dataset: balances
      balance: balance
      movements: [{warehouse: movements, sum: amount}]
      by: [client_id]
      first_day: "2026-03-02"
"""
NULLABLE = CONTRACT.replace('"DECIMAL(18,2)", required: true', '"DECIMAL(18,2)", required: false')
REFERS = """\
controls:
  - id: clients_valid
    kind: business
    refers: {dataset: movements, columns: [client_id], to: clients}
  - id: debtors_valid
    kind: business
    refers: {dataset: balances, columns: [client_id], to: clients}
"""
STAGES = """\
controls:
  - id: from_source
    kind: source
    left: {source: payments}
    right: {warehouse: movements}
    measures: [count, {sum: amount}]
  - id: from_raw
    kind: end_to_end
    left: {raw: payments}
    right: {warehouse: movements}
    by: [client_id]
    measures: [count, {sum: amount}, {sum_negative: amount}, {count_negative: amount}]
    explained_by: [quarantined]
  - id: from_curated
    kind: end_to_end
    left: {curated: payments}
    right: {warehouse: movements}
    by: [client_id]
    measures: [count, {sum: amount}]
    explained_by: [quarantined]
"""


def balances(of_c3: str) -> str:
    """A model that gives the client c3 another balance than the sum of its movements."""
    return (
        f"SELECT client_id, CASE WHEN client_id = 'c3' THEN {of_c3} ELSE sum(amount) END "
        "AS balance FROM payments GROUP BY 1"
    )


def test_a_balance_that_is_null_is_not_the_zero_that_its_movements_add_up_to(
    tmp_path: Path,
) -> None:
    """A client with +250.50 and -250.50 whose balance a failed join left null."""
    model = balances("NULL")
    files = {"puntual.yaml": PROJECT, "controls/controls.yaml": CONTROLS}
    write_project(tmp_path, **files, **{"models/balances.sql": model})
    moved = (f"p1;c1;100.00;{FIRST}", f"p2;c3;250.50;{FIRST}", f"p3;c3;-250.50;{FIRST}")
    drop(tmp_path, moved)
    vouch(tmp_path, 3, "100.00")
    ran = run_day(tmp_path)
    assert ran.code == 1, ran.out + ran.err
    found = results(tmp_path, FIRST)["tie"]
    assert (found.state, found.counts) == (ControlState.UNKNOWN, {"matched": 1, "unknown": 1})
    said = "sum amount 0.00 MXN against no answer (nulls on the right: 1), difference no answer"
    assert findings(tmp_path, FIRST)["tie"].observed.endswith(said)
    rows = puntual(tmp_path, "reconcile", "-d", FIRST, "--rows", "tie")
    assert (rows.code, "nulls on the right: 1" in rows.out) == (1, True), rows.out


def test_a_roll_forward_into_a_balance_that_is_null_has_no_answer(tmp_path: Path) -> None:
    """Yesterday 250.50, a movement of -250.50, and no balance today."""
    model = balances(f"CASE WHEN min(paid_on) = DATE '{FIRST}' THEN sum(amount) END")
    files = {"puntual.yaml": PROJECT, "controls/controls.yaml": CONTROLS}
    write_project(tmp_path, **files, **{"models/balances.sql": model})
    drop(tmp_path, (f"p1;c3;250.50;{FIRST}",))
    vouch(tmp_path, 1, "250.50")
    assert run_day(tmp_path).code == 0
    drop(tmp_path, (f"p2;c3;-250.50;{SECOND}",), day=SECOND)
    vouch(tmp_path, 1, "-250.50", day=SECOND)
    ran = run_day(tmp_path, day=SECOND, as_of=NEXT)
    assert ran.code == 1, ran.out + ran.err
    found = results(tmp_path, SECOND)
    assert {name: r.state for name, r in found.items()} == {
        "tie": ControlState.MISMATCHED,
        "roll": ControlState.UNKNOWN,
    }
    assert "(nulls on the right: 1)" in found["roll"].reason
    assert found["tie"].reason.endswith(
        "-250.50 MXN against 0.00 MXN (nulls on the right: 1), difference -250.50 MXN"
    )


def test_a_null_that_travels_from_the_source_to_the_warehouse_breaks_no_control(
    tmp_path: Path,
) -> None:
    """Two amounts are null, as the contract allows."""
    files = {
        "puntual.yaml": SETTINGS,
        "contracts/payments.odcs.yaml": NULLABLE,
        "controls/controls.yaml": STAGES,
    }
    write_project(tmp_path, **files)
    rows = ("p1;c1;100.00", "p2;c1;", "p3;c3;-20.25", "p4;c3;")
    drop(tmp_path, tuple(f"{row};{FIRST}" for row in rows))
    vouch(tmp_path, 4, "79.75")
    ran = run_day(tmp_path)
    found = results(tmp_path, FIRST)
    assert {name: r.state for name, r in found.items()} == dict.fromkeys(
        ("from_source", "from_raw", "from_curated"), ControlState.MATCHED
    )
    assert ran.code == 0, ran.out + ran.err


@pytest.mark.parametrize(
    ("clients", "state", "said"),
    [
        ("", ControlState.MATCHED, ""),
        (" WHERE client_id <> 'c9'", ControlState.MISMATCHED, "count 4 rows against 3 rows"),
    ],
    ids=["every_client_is_there", "the_one_without_an_amount_is_not"],
)
def test_a_row_without_an_amount_refers_to_its_client_as_any_other(
    tmp_path: Path, clients: str, state: ControlState, said: str
) -> None:
    """The amount of c9 is null, and so is its balance, which no one source's rows make."""
    write_project(
        tmp_path,
        **{
            "puntual.yaml": PROJECT.replace(
                "[balances, movements]", "[balances, clients, movements]"
            ),
            "contracts/payments.odcs.yaml": NULLABLE,
            "controls/controls.yaml": REFERS,
            "models/balances.sql": MODELS["models/balances.sql"],
            "models/clients.sql": MODELS["models/clients.sql"] + clients,
        },
    )
    rows = ("p1;c1;100.00", "p2;c2;250.50", "p3;c3;-20.25", "p4;c9;")
    drop(tmp_path, tuple(f"{row};{FIRST}" for row in rows))
    vouch(tmp_path, 4, "330.25")
    ran = run_day(tmp_path)
    found = results(tmp_path, FIRST)
    assert {name: r.state for name, r in found.items()} == dict.fromkeys(found, state)
    assert len(found) == 2
    assert ran.code == (0 if state is ControlState.MATCHED else 1), ran.out + ran.err
    assert all(said in r.reason for r in found.values())
