"""
The six false successes of the best-known tool (`traps.md` 1), each seen by a declared control.

A case is a day of three warehouse tables: what should be (`reference`), what the tool called
equal to it (`target`), and what is equal to it (`same`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from puntual.cli.wiring import open_world
from puntual.model.control import ControlResult, ControlState
from puntual.model.manifest import Totals
from puntual.planner.plan import plan
from puntual.ports.warehouse import LoadOrder, Warehouse
from puntual.project.read import read_project
from puntual.runner.clock import SystemClock
from puntual.runner.reconcile import measure
from puntual.runner.world import DayRun
from support.small import SETTINGS, write_project

Cells = tuple[int, str | None, str | None, str | None]
"""`id`, `amount`, `a` and `b` of a row."""

COLUMNS = "id BIGINT, amount DECIMAL(14,2), a VARCHAR, b VARCHAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """
    Rows that the tool called equal.

    Attributes:
        day: The day they are loaded for.
        control: Which control sees them.
        reference: What should be.
        target: What is.
        differs: Each measure of the control that sees it, with reference less target; None for a
            digest, which has no difference.
    """

    day: date
    control: str
    reference: Sequence[Cells]
    target: Sequence[Cells]
    differs: dict[str, Decimal | None]


DIGEST = "digest id, amount, a, b"
SIX = {
    "1 a sum that a float rounds": Case(
        day=date(2026, 3, 2),
        control="sums",
        reference=[(1, "1000000.00", None, None)],
        target=[(1, "1000000.03", None, None)],
        differs={"sum amount": Decimal("-0.03")},
    ),
    "2 a large sum that a float rounds by 7.99": Case(
        day=date(2026, 3, 3),
        control="sums",
        reference=[(1, "250000000.00", None, None)],
        target=[(1, "250000007.99", None, None)],
        differs={"sum amount": Decimal("-7.99")},
    ),
    "3 a field of a row that a float rounds": Case(
        day=date(2026, 3, 4),
        control="rows",
        reference=[(1, "600000.00", None, None)],
        target=[(1, "600000.03", None, None)],
        differs={DIGEST: None},
    ),
    "4 a border between two columns": Case(
        day=date(2026, 3, 5),
        control="rows",
        reference=[(1, None, "ab", "c")],
        target=[(1, None, "a", "bc")],
        differs={DIGEST: None},
    ),
    "5 a text in the place of null": Case(
        day=date(2026, 3, 6),
        control="rows",
        reference=[(1, None, None, None)],
        target=[(1, None, "DEFAULT_REPLACEMENT_STRING", None)],
        differs={DIGEST: None},
    ),
    "6 a doubled row": Case(
        day=date(2026, 3, 9),
        control="keys",
        reference=[(1, "5.00", None, None), (2, "7.00", None, None)],
        target=[(1, "5.00", None, None), (2, "7.00", None, None), (2, "7.00", None, None)],
        differs={"count": Decimal(-1), DIGEST: None},
    ),
}

TABLES = ("reference", "target", "same")
MODEL = "SELECT CAST(1 AS BIGINT) AS id, amount, client_id AS a, payment_id AS b FROM payments"
MEASURES = {
    "sums": "[{sum: amount, unit: MXN}]",
    "rows": "[{digest: {key: [id], columns: [amount, a, b]}}]",
    "keys": "[count, {distinct: id}, {digest: {key: [id], columns: [amount, a, b]}}]",
}
CONTROLS = "controls:\n" + "".join(
    f"  - id: {name}_of_{table}\n    kind: end_to_end\n    left: {{warehouse: reference}}\n"
    f"    right: {{warehouse: {table}}}\n    measures: {measures}\n"
    for name, measures in MEASURES.items()
    for table in ("target", "same")
)


def parquet(path: Path, rows: Sequence[Cells]) -> str:
    """Write rows as a file that is loaded."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE rows ({COLUMNS})")
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", rows)
        connection.execute(f"COPY rows TO '{path}' (FORMAT parquet)")
    return str(path)


def loaded(warehouse: Warehouse, folder: Path) -> Warehouse:
    """Load every case's rows into a warehouse."""
    for case in SIX.values():
        given = (case.reference, case.target, case.reference)
        for number, (table, rows) in enumerate(zip(TABLES, given, strict=True)):
            order = LoadOrder(
                table=table,
                reference_date=case.day,
                files=(parquet(folder / f"{table}-{case.day}.parquet", rows),),
                without=(),
                measures=(),
                expected=Totals(records=len(rows)),
                manifest=f"{case.day.day:02}{number}".ljust(64, "0"),
                epoch=1,
            )
            assert warehouse.load(order)
    return warehouse


def judged(warehouse: Warehouse, folder: Path) -> dict[date, dict[str, ControlResult]]:
    """Measure and judge every control of every day as a run does, on this warehouse."""
    write_project(
        folder,
        **{
            "puntual.yaml": SETTINGS.replace(
                "warehouse:\n", "".join(f"  {t}: {{key: [id]}}\n" for t in TABLES) + "warehouse:\n"
            ).replace("[movements]", f"[movements, {', '.join(TABLES)}]"),
            "controls/controls.yaml": CONTROLS,
        },
        **{f"models/{table}.sql": MODEL for table in TABLES},
    )
    project = read_project(folder)
    with open_world(project, folder, SystemClock()) as world:
        there = replace(world, warehouse=warehouse)
        found = {}
        for case in SIX.values():
            run = DayRun(
                project=project,
                plan=plan(project, case.day, ("payments_daily",)),
                world=there,
                epoch=0,
                published={},
            )
            results, _ = measure(run, project.controls.values(), step="reconcile")
            found[case.day] = {r.id: r for r in results}
        return found


def seen(results: Mapping[date, Mapping[str, ControlResult]], name: str) -> None:
    """Ask that a case is mismatched by its exact difference, and that what is equal is matched."""
    case = SIX[name]
    found, same = (results[case.day][f"{case.control}_of_{table}"] for table in TABLES[1:])
    assert found.state is ControlState.MISMATCHED
    assert {m.name: m.residual for m in found.totals if not m.matched} == case.differs
    assert all(None not in (m.left, m.right) for m in found.totals)
    assert {m.tolerance for m in found.totals} == {Decimal(0)}
    assert (same.state, same.reason) == (ControlState.MATCHED, "")
    assert [m.left for m in same.totals] == [m.right for m in same.totals]
    assert {m.residual for m in same.totals} <= {Decimal(0), None}
