"""A statement that fails names the project's file it stands in, and no value of the data."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import partial, small
from support.small import good_day, run_day

REPORTS = "reports/payments_daily"
WRONG = "CAST(client_id AS BIGINT)"
"""Of the clients c1 to c3: known to be wrong only when it runs."""

CHECK = """\
checks:
  - {id: big, dataset: movements, sql: checks/big.sql, on_fail: hold}
"""


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        (
            f"{REPORTS}/report.sql",
            small.REPORT_SQL.replace("count(*)", f"CAST(sum({WRONG}) AS BIGINT)"),
            f"{REPORTS}/report.sql",
        ),
        (
            f"{REPORTS}/report.yaml",
            small.REPORT.replace("sum(amount)", f"sum({WRONG})"),
            f"{REPORTS}/report.yaml, tie total",
        ),
        (
            "models/movements.sql",
            small.MODEL.replace("client_id,", f"{WRONG} AS client_id,"),
            "models/movements.sql",
        ),
        (
            "checks/big.sql",
            f"SELECT _object, _position FROM movements WHERE {WRONG} > 5\n",
            "checks/big.sql",
        ),
    ],
    ids=["report", "tie", "model", "check"],
)
def test_sql_that_fails_is_told_with_its_file(
    tmp_path: Path, file: str, text: str, named: str
) -> None:
    root = good_day(tmp_path)
    (root / file).write_text(text)
    if file == "checks/big.sql":
        (root / "checks/checks.yaml").write_text(CHECK)
    ran = run_day(root)
    said = ran.out + ran.err
    assert ran.code in (1, 3), said
    assert named in said, said
    assert ("on the warehouse" in said, "c1" in said) == (False, False), said


def test_plan_b_that_fails_is_told_with_its_file(tmp_path: Path) -> None:
    root = partial.partial_project(tmp_path)
    sql = root / f"{REPORTS}/emergency.sql"
    sql.write_text(sql.read_text().replace("count(*)", f"sum({WRONG})"))
    partial.approve(root)
    partial.send_payments(root)
    partial.send_cards(root)
    warehouse = root / ".puntual/warehouse.duckdb"
    warehouse.parent.mkdir(exist_ok=True)
    warehouse.write_bytes(b"no database" * 1000)
    ran = run_day(root, as_of=f"2026-03-03{partial.AT_SIX_FIFTY}")
    assert f"{REPORTS}/emergency.sql" in ran.out + ran.err, ran.out + ran.err
