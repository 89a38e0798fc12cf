"""The same controls hold where the warehouse is PostgreSQL, and lead to the rows there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from acceptance.test_controls import (
    CONTROLS,
    FIRST,
    LIMITED,
    MODELS,
    NEXT,
    PROJECT,
    SECOND,
    SECOND_REPORT,
    results,
    second_day,
)
from support.postgres import postgres_server as postgres_server
from support.postgres import postgres_url as postgres_url
from support.small import AS_OF, CORE_CONTRACT, MODEL, SETTINGS, drop, puntual, vouch, write_project

from puntual.model.control import ControlState

IN_POSTGRESQL = PROJECT.replace(
    "  kind: duckdb\n  location: .puntual/warehouse.duckdb\n",
    "  kind: postgresql\n  location: env:TEST_WAREHOUSE\n",
)

ONE_IN_POSTGRESQL = SETTINGS.replace(
    "  kind: duckdb\n  location: .puntual/warehouse.duckdb\n",
    "  kind: postgresql\n  location: env:TEST_WAREHOUSE\n",
)


@pytest.mark.row("f36", "f52")
def test_every_kind_agrees_on_postgresql_and_a_row_that_was_altered_there_is_named(
    tmp_path: Path, postgres_url: str
) -> None:
    env = {"TEST_WAREHOUSE": postgres_url}
    contract, controls = "contracts/payments.odcs.yaml", "controls/controls.yaml"
    files = {"puntual.yaml": IN_POSTGRESQL, contract: LIMITED, controls: CONTROLS}
    write_project(tmp_path, **files, **MODELS, **SECOND_REPORT)
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    second_day(tmp_path)
    for day, at in ((FIRST, AS_OF), (SECOND, NEXT)):
        ran = puntual(tmp_path, "run", "-d", day, "--as-of", at, env=env)
        assert ran.code == 0, ran.out + ran.err
    found = results(tmp_path, SECOND)
    assert {n: r.state for n, r in found.items()} == dict.fromkeys(found, ControlState.MATCHED)
    assert len(found) == 7

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        changed = connection.execute(
            "UPDATE movements SET amount = amount + 0.01 WHERE payment_id = 'q1'"
            f" AND reference_date = '{SECOND}'"
        )
        assert changed.rowcount == 1
    asked = ("reconcile", "-d", SECOND, "--rows", "movements:warehouse")
    shown = puntual(tmp_path, *asked, "--json", "--unmask", env=env)
    assert shown.code == 1, shown.out + shown.err
    listed: Any = shown.data["rows"]
    (behind,) = listed
    assert behind["counts"] == {"changed": "1"}
    (row,) = behind["rows"]
    assert row["key"] == {"payment_id": "q1"}
    assert row["changed"] == [{"column": "amount", "left": "100.00", "right": "100.01"}]
    assert shown.data["differ_since"] == ["movements: curated → warehouse"]
    assert puntual(tmp_path, "reconcile", "-d", SECOND, env=env).code == 0, "as it was committed"
    told = puntual(tmp_path, *asked, env=env)
    assert (told.code, "the run found no difference here" in told.out) == (1, True)
    tests = puntual(tmp_path, *asked, "--format", "junit", env=env)
    assert (tests.code, tests.out.count("<failure")) == (1, 1)


def one_in_postgresql(root: Path, url: str) -> dict[str, str]:
    """Write a project of one warehouse table and its day's file; return its environment."""
    write_project(root, **{"puntual.yaml": ONE_IN_POSTGRESQL})
    drop(root)
    vouch(root, 4, "330.35")
    return {"TEST_WAREHOUSE": url}


def test_an_amount_that_is_no_number_makes_no_sum_of_its_row(
    tmp_path: Path, postgres_url: str
) -> None:
    """PostgreSQL's numeric holds NaN: a residual of NaN is not the 250.50 that stood before."""
    env = one_in_postgresql(tmp_path, postgres_url)
    at = ("run", "-d", FIRST, "--as-of", AS_OF)
    stopped = env | {"PUNTUAL_FAILPOINTS": "report.laid_out=raise:PermanentError"}
    assert puntual(tmp_path, *at, env=stopped).code == 3
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE movements SET amount = 'NaN' WHERE payment_id = 'p2'")
    held = puntual(tmp_path, *at, env=env)
    assert (held.code, "R2001" in held.out) == (1, True), held.out + held.err
    asked = ("reconcile", "-d", FIRST, "--rows", "movements:warehouse")
    told = puntual(tmp_path, *asked, env=env)
    assert (told.code, "250.50" in told.out) == (1, False), told.out
    assert "amount is no number (NaN)" in " ".join(told.out.split())
    answer: Any = puntual(tmp_path, *asked, "--json", env=env).data["rows"]
    assert answer[0]["rows"][0]["amounts"] == {"amount": "NaN"}


def test_a_table_that_was_dropped_in_postgresql_is_named_and_nothing_is_listed(
    tmp_path: Path, postgres_url: str
) -> None:
    env = one_in_postgresql(tmp_path, postgres_url)
    assert puntual(tmp_path, "run", "-d", FIRST, "--as-of", AS_OF, env=env).code == 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP TABLE movements")
    told = puntual(tmp_path, "reconcile", "-d", FIRST, "--rows", env=env)
    assert (told.code, told.err) == (1, ""), told.out + told.err
    said = " ".join(told.out.split())
    assert "rows behind curated → warehouse not compared" in said
    assert 'relation "movements" does not exist' in said


CORE = """\
  core:
    kind: database
    connection: env:TEST_CORE
    query: SELECT 1 AS id
    control: snapshot
"""
LEDGER = """\
controls:
  - id: core_sum
    kind: business
    equal:
      left: {warehouse: movements, sum: amount}
      right: {database: core, query: SELECT sum(amount) AS amount FROM ledger, sum: amount}
  - id: core_rows
    kind: business
    equal:
      left: {warehouse: movements, sum: amount}
      right: {database: core, query: SELECT amount FROM ledger, sum: amount}
"""


@pytest.mark.row("f41")
@pytest.mark.parametrize(("kind", "code"), [("real", 1), ("numeric(18,2)", 0)])
def test_a_ledger_of_floats_agrees_with_nothing_and_one_of_decimals_does(
    tmp_path: Path, postgres_url: str, kind: str, code: int
) -> None:
    """The real of 250000007.99 is written 2.5e+08, which is what the warehouse holds."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE ledger (amount {kind})".encode())
        held = "250000007.99" if kind == "real" else "250000000.00"
        connection.execute("INSERT INTO ledger VALUES (CAST(%s AS numeric))", (held,))
    write_project(
        tmp_path,
        **{
            "puntual.yaml": SETTINGS.replace("models:\n", CORE + "models:\n", 1),
            "contracts/core.odcs.yaml": CORE_CONTRACT,
            "controls/controls.yaml": LEDGER,
        },
    )
    drop(tmp_path, (f"p1;c1;250000000.00;{FIRST}",))
    vouch(tmp_path, 1, "250000000.00")
    ran = puntual(tmp_path, "run", "-d", FIRST, "--as-of", AS_OF, env={"TEST_CORE": postgres_url})
    assert ran.code == code, ran.out + ran.err
    found = results(tmp_path, FIRST)
    state = ControlState.UNKNOWN if code else ControlState.MATCHED
    assert {n: r.state for n, r in found.items()} == {"core_sum": state, "core_rows": state}
    if code:
        for result in found.values():
            assert "S1207" in result.reason
            assert "amount is real" in result.reason


TYPED_MODEL = MODEL.replace(
    "amount < 0 AS refund",
    "amount < 0 AS refund, CAST(1.5 AS DECIMAL(5,2)) AS rate, CAST(_position AS BIGINT) AS n,"
    " TIMESTAMP '2026-03-02 10:00:00' AS at",
)
KEYS = ("rate", "n", "at", "refund", "paid_on", "payment_id")


@pytest.mark.row("f36")
def test_groups_of_a_source_database_are_told_apart_by_the_type_that_the_warehouse_has(
    tmp_path: Path, postgres_url: str
) -> None:
    """A rate of 1.50 is 1.5, and 10:00 with a blank before it is 10:00 with a T."""
    rows = (("p1", "100.00"), ("p2", "250.50"), ("p3", "-20.25"), ("p4", "0.10"))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE ledger (payment_id text, amount numeric(18,2), rate numeric(5,2),"
            " n bigint, at timestamp, refund bool, paid_on date)"
        )
        for position, (name, amount) in enumerate(rows):
            connection.execute(
                "INSERT INTO ledger VALUES (%s, %s, 1.50, %s, '2026-03-02 10:00', %s, %s)",
                (name, amount, position + 2, amount.startswith("-"), FIRST),
            )
    declared = "controls:\n" + "".join(
        f"  - id: by_{key}\n    kind: business\n    equal:\n"
        "      left: {warehouse: movements, sum: amount}\n"
        f'      right: {{database: core, query: "SELECT {key}, amount FROM ledger", sum: amount}}\n'
        f"      by: [{key}]\n"
        for key in KEYS
    )
    write_project(
        tmp_path,
        **{
            "puntual.yaml": SETTINGS.replace("models:\n", CORE + "models:\n", 1),
            "contracts/core.odcs.yaml": CORE_CONTRACT,
            "controls/controls.yaml": declared,
            "models/movements.sql": TYPED_MODEL,
        },
    )
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    ran = puntual(tmp_path, "run", "-d", FIRST, "--as-of", AS_OF, env={"TEST_CORE": postgres_url})
    found = results(tmp_path, FIRST)
    assert {r.id: r.reason for r in found.values()} == {f"by_{key}": "" for key in KEYS}
    assert ran.code == 0, ran.out + ran.err
