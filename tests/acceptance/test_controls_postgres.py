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
from support.small import AS_OF, drop, puntual, vouch, write_project

from puntual.model.control import ControlState

IN_POSTGRESQL = PROJECT.replace(
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
