"""A declared digest compares values, of whatever exact types the two sides hold them in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb
import psycopg
import pytest
from support.postgres import postgres_server as postgres_server
from support.postgres import postgres_url as postgres_url
from support.small import AS_OF, DAY, MODEL, SETTINGS, drop, puntual, vouch, write_project

from puntual.cli.archive import open_archive
from puntual.evidence.facts import list_from_json
from puntual.model.control import ControlResult, ControlState

WIDER = MODEL.replace(" amount,", " CAST(amount AS DECIMAL(20,4)) AS amount,")
EXCHANGED = MODEL.replace(
    " amount,",
    " CAST(CASE payment_id WHEN 'p1' THEN 100.01 WHEN 'p2' THEN 250.49 ELSE amount END"
    " AS DECIMAL(20,4)) AS amount,",
)
CONTROL = """\
controls:
  - id: same_rows
    kind: end_to_end
    left: {curated: payments}
    right: {warehouse: movements}
    measures: [{digest: {key: [payment_id], columns: [client_id, amount, paid_on]}}]
"""
IN_POSTGRESQL = SETTINGS.replace(
    "  kind: duckdb\n  location: .puntual/warehouse.duckdb\n",
    "  kind: postgresql\n  location: env:TEST_WAREHOUSE\n",
)
FLOATS = """\
  floats:
    key: [payment_id]
  others:
    key: [payment_id]
"""


def ran(root: Path, files: Mapping[str, str], env: dict[str, str] | None = None) -> ControlResult:
    """What the control came to, on the day of four payments of DECIMAL(18,2)."""
    write_project(root, **({"controls/controls.yaml": CONTROL} | dict(files)))
    drop(root)
    vouch(root, 4, "330.35")
    done = puntual(root, "run", "-d", DAY, "--as-of", AS_OF, env=env)
    assert done.code in (0, 1), done.out + done.err
    facts = open_archive(root).day(date.fromisoformat(DAY))["reconcile"].facts
    (found,) = list_from_json(ControlResult, facts["controls"])
    return found


@pytest.mark.parametrize(
    ("model", "state"),
    [
        (MODEL, ControlState.MATCHED),
        (WIDER, ControlState.MATCHED),
        (EXCHANGED, ControlState.MISMATCHED),
    ],
    ids=["as_it_is", "wider", "exchanged"],
)
def test_a_digest_of_two_scales_compares_by_value_and_its_statements_can_be_run(
    tmp_path: Path, model: str, state: ControlState
) -> None:
    found = ran(tmp_path, {"models/movements.sql": model})
    assert found.state is state, found.reason
    (measure,) = found.totals
    (left,), (right,) = found.left.queries, found.right.queries
    asked = puntual(tmp_path, "query", left, "--format", "json", "--unmask")
    assert asked.code == 0, asked.out + asked.err
    ((_, *sums),) = json.loads(asked.out)["data"]["rows"]
    assert measure.left is not None
    assert measure.left.partition(":")[2] == ":".join(map(str, sums))
    with duckdb.connect(str(tmp_path / ".puntual/warehouse.duckdb"), read_only=True) as warehouse:
        ((rows, *sums),) = warehouse.execute(right).fetchall()
    assert measure.right is not None
    assert (rows, measure.right.partition(":")[2]) == (4, ":".join(map(str, sums)))


@pytest.mark.parametrize(
    ("model", "state"),
    [(WIDER, ControlState.MATCHED), (EXCHANGED, ControlState.MISMATCHED)],
    ids=["wider", "exchanged"],
)
def test_a_digest_of_two_scales_compares_by_value_where_the_warehouse_is_postgresql(
    tmp_path: Path, postgres_url: str, model: str, state: ControlState
) -> None:
    env = {"TEST_WAREHOUSE": postgres_url}
    files = {"models/movements.sql": model, "puntual.yaml": IN_POSTGRESQL}
    found = ran(tmp_path, files, env)
    assert found.state is state, found.reason
    with psycopg.connect(postgres_url) as warehouse:
        ((rows, *sums),) = warehouse.execute(found.right.queries[0].encode()).fetchall()
    assert rows == 4
    assert found.totals[0].right == f"md5-60x2:{':'.join(map(str, sums))}"


def test_a_digest_of_a_float_has_no_answer_even_where_both_sides_are_one(tmp_path: Path) -> None:
    """An amount as DOUBLE in two models that are not loaded."""
    found = ran(
        tmp_path,
        {
            "puntual.yaml": SETTINGS.replace("warehouse:\n", f"{FLOATS}warehouse:\n"),
            "models/floats.sql": "SELECT payment_id, amount::DOUBLE AS amount FROM payments",
            "models/others.sql": "SELECT payment_id, amount::DOUBLE AS amount FROM movements",
            "controls/controls.yaml": CONTROL.replace("curated: payments", "curated: floats")
            .replace("warehouse: movements", "curated: others")
            .replace("[client_id, amount, paid_on]", "[amount]"),
        },
    )
    assert found.state is ControlState.UNKNOWN
    assert "R6001 column amount has no exact type on both sides: a type that is not" in found.reason
