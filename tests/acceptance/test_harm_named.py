"""Harm to the warehouse leads to the very rows; harm by a model is seen by the day's controls."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from acceptance.test_controls import findings, results
from acceptance.test_reconcile_says import PUBLIC
from acceptance.test_rows_behind import within
from support.small import DAY, REPORT, SETTINGS, drop, run_day, vouch, write_project
from support.tamper import alter_warehouse

from puntual.model.control import ControlState
from puntual.model.finding import Verdict

NEXT, NEXT_AT = "2026-03-03", "2026-03-04T05:00:00-06:00"
ROWS_BEHIND = ("reconcile", "-d", DAY, "--rows", "movements:warehouse", "--json")
ROWS = (
    "p1;c1;100.00;2026-03-02",
    "p2;c1;250.50;2026-03-02",
    "p3;c2;-20.25;2026-03-02",
    "p4;EMPTY;250000007.99;2026-03-02",
    "p5;;0.00;2026-03-02",
    "p6;Peña;100.00;2026-03-02",
)
SUM = "250000438.24"
HONEST = """\
SELECT payment_id, CASE client_id WHEN 'EMPTY' THEN '' ELSE client_id END AS client_id, amount,
  paid_on, amount < 0 AS refund
FROM payments
"""
"""No file can say that a text is empty and not null; the model does."""

KEPT = "  kept: {key: [payment_id]}\nwarehouse:\n"
PROJECT = SETTINGS.replace("    carries: payments\n", "").replace("warehouse:\n", KEPT)
CONTROLS = """\
controls:
  - id: money
    kind: end_to_end
    left: {curated: kept}
    right: {warehouse: movements}
    measures: [{sum: amount, unit: MXN}]
  - id: rows
    kind: end_to_end
    left: {curated: kept}
    right: {warehouse: movements}
    measures: [{digest: {key: [payment_id], columns: [client_id, amount, paid_on, refund]}}]
"""


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day that is right and was delivered; the next one's file has come."""
    root = tmp_path_factory.mktemp("harm") / "bank"
    write_project(
        root,
        **{
            "puntual.yaml": PROJECT,
            "contracts/payments.odcs.yaml": PUBLIC,
            "models/movements.sql": HONEST,
            "models/kept.sql": HONEST,
            "checks/checks.yaml": "checks: []\n",
            "controls/controls.yaml": CONTROLS,
            "reports/payments_daily/report.yaml": REPORT[: REPORT.index("ties:")] + "ties: []\n",
        },
    )
    for day in (DAY, NEXT):
        drop(root, tuple(row.replace(DAY, day) for row in ROWS), day=day)
        vouch(root, len(ROWS), SUM, day=day)
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    return root


def copied(project: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(project, tmp_path / "bank"))


Named = tuple[str, str | None, tuple[tuple[str, str | None, str | None], ...]]


def missing(key: str) -> Named:
    return "missing", key, ()


def extra(key: str | None) -> Named:
    return "extra", key, ()


def changed(key: str, column: str, left: str | None, right: str | None) -> Named:
    return "changed", key, ((column, left, right),)


def duplicated(key: str) -> Named:
    return "duplicated", key, ()


def put(key: str, value: str) -> str:
    return f"UPDATE movements SET {value} WHERE payment_id = '{key}'"


def copy(key: str, columns: str = "*") -> str:
    return f"INSERT INTO movements SELECT {columns} FROM movements WHERE payment_id = '{key}'"


LOST = "DELETE FROM movements WHERE payment_id = '{}'"
SWAPPED = (
    "UPDATE movements SET amount = CASE payment_id WHEN 'p1' THEN 250.50 ELSE 100.00 END"
    " WHERE payment_id IN ('p1', 'p2')"
)
IN_WAREHOUSE: dict[str, tuple[list[str], set[Named]]] = {
    "lost row": ([LOST.format("p2")], {missing("p2")}),
    "lost day": (["DELETE FROM movements"], {missing(f"p{n}") for n in range(1, 7)}),
    "doubled row": ([copy("p1")], {duplicated("p1")}),
    "lost row hidden by a doubled one": (
        [LOST.format("p6"), copy("p1")],
        {missing("p6"), duplicated("p1")},
    ),
    "changed cent": (
        [put("p1", "amount = 100.01")],
        {changed("p1", "amount", "100.00", "100.01")},
    ),
    "cents of a large amount": (
        [put("p4", "amount = 250000000.00")],
        {changed("p4", "amount", "250000007.99", "250000000.00")},
    ),
    "flipped sign": (
        [put("p3", "amount = 20.25")],
        {changed("p3", "amount", "-20.25", "20.25")},
    ),
    "swapped pair": (
        [SWAPPED],
        {
            changed("p1", "amount", "100.00", "250.50"),
            changed("p2", "amount", "250.50", "100.00"),
        },
    ),
    "errors that cancel out": (
        [put("p1", "amount = 100.01"), put("p2", "amount = 250.49")],
        {
            changed("p1", "amount", "100.00", "100.01"),
            changed("p2", "amount", "250.50", "250.49"),
        },
    ),
    "replaced row, count and sum equal": (
        [put("p6", "payment_id = 'p9'")],
        {missing("p6"), extra("p9")},
    ),
    "keys lost and taken": (
        [put("p6", "payment_id = NULL"), put("p2", "payment_id = 'p1'")],
        {missing("p6"), extra(None), missing("p2"), duplicated("p1")},
    ),
    "null for empty": ([put("p4", "client_id = NULL")], {changed("p4", "client_id", "", None)}),
    "texts that look alike": (
        [
            put("p1", "client_id = 'c1 '"),
            put("p5", "client_id = ''"),
            put("p6", "client_id = 'Pen\u0303a'"),
        ],
        {
            changed("p1", "client_id", "c1", "c1 "),
            changed("p5", "client_id", None, ""),
            changed("p6", "client_id", "Peña", "Pen\u0303a"),
        },
    ),
    "other values": (
        [
            put("p1", "paid_on = DATE '2026-03-01'"),
            put("p3", "refund = false"),
            put("p5", "amount = NULL"),
        ],
        {
            changed("p1", "paid_on", "2026-03-02", "2026-03-01"),
            changed("p3", "refund", "true", "false"),
            changed("p5", "amount", "0.00", None),
        },
    ),
    "row of another day": (
        [put("p2", "reference_date = DATE '2026-03-01'")],
        {missing("p2")},
    ),
}


@pytest.mark.row("f36", "f52")
@pytest.mark.parametrize("kind", IN_WAREHOUSE)
def test_harm_to_the_warehouse_is_named_by_row_and_class(
    delivered: Path, tmp_path: Path, kind: str
) -> None:
    root = copied(delivered, tmp_path)
    statements, wanted = IN_WAREHOUSE[kind]
    alter_warehouse(root, *statements)
    ran = within(root, *ROWS_BEHIND)
    assert ran.code == 1, ran.out + ran.err
    (listed,) = json.loads(ran.out)["data"]["rows"]
    found = [
        (
            row["class"],
            row["key"]["payment_id"],
            tuple((c["column"], c["left"], c["right"]) for c in row["changed"]),
        )
        for row in listed["rows"]
    ]
    assert (len(found), set(found)) == (len(wanted), wanted)


ALL = "SELECT payment_id, client_id, amount, paid_on, refund FROM kept"


def amount_of(cases: str) -> str:
    """Return the model with other amounts in some rows."""
    amount = f"CAST(CASE payment_id WHEN {cases} ELSE amount END AS DECIMAL(18,2)) AS amount"
    return ALL.replace("amount", amount, 1)


def test_a_warehouse_without_harm_has_no_rows_to_name(delivered: Path) -> None:
    ran = within(delivered, *ROWS_BEHIND)
    (listed,) = json.loads(ran.out)["data"]["rows"]
    assert (ran.code, listed["total"], listed["rows"], ran.data["differ_since"]) == (0, "0", [], [])
    assert listed["notes"] == [
        "6 rows on both sides agree in every column compared: "
        "payment_id, client_id, amount, paid_on, refund"
    ]


BY_MODEL: dict[str, tuple[str, Decimal]] = {
    "lost row": (f"{ALL} WHERE payment_id <> 'p2'", Decimal("250.50")),
    "doubled row": (f"{ALL} UNION ALL {ALL} WHERE payment_id = 'p2'", Decimal("-250.50")),
    "changed cent": (amount_of("'p4' THEN amount + 0.01"), Decimal("-0.01")),
    "flipped sign": (amount_of("'p3' THEN -amount"), Decimal("-40.50")),
    "swapped pair": (amount_of("'p1' THEN 250.50 WHEN 'p2' THEN 100.00"), Decimal(0)),
    "errors that cancel out": (
        amount_of("'p1' THEN amount + 0.01 WHEN 'p2' THEN amount - 0.01"),
        Decimal(0),
    ),
    "replaced by another row of the same amount": (
        ALL.replace(
            "payment_id,",
            "CASE payment_id WHEN 'p6' THEN 'p9' ELSE payment_id END AS payment_id,",
            1,
        ),
        Decimal(0),
    ),
    "null for empty": (
        ALL.replace("client_id,", "nullif(client_id, '') AS client_id,"),
        Decimal(0),
    ),
}


@pytest.fixture(scope="module")
def held(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The next day, held since its model does harm: what stands before the model is done."""
    root = copied(delivered, tmp_path_factory.mktemp("held"))
    (root / "models/movements.sql").write_text(f"{ALL} WHERE payment_id = 'p1'")
    assert run_day(root, day=NEXT, as_of=NEXT_AT).code == 1
    return root


def test_controls_agree_where_the_model_does_no_harm(held: Path, tmp_path: Path) -> None:
    root = copied(held, tmp_path)
    (root / "models/movements.sql").write_text(HONEST)
    ran = run_day(root, day=NEXT, as_of=NEXT_AT)
    assert ran.code == 0, ran.out + ran.err
    assert {r.state for r in results(root, NEXT).values()} == {ControlState.MATCHED}
    assert [p.name for p in (root / "out").glob("*20260303*.txt")]


@pytest.mark.row("f36")
@pytest.mark.parametrize("kind", BY_MODEL)
def test_harm_by_a_model_is_seen_by_the_controls_and_the_delivery_is_held(
    held: Path, tmp_path: Path, kind: str
) -> None:
    root = copied(held, tmp_path)
    sql, difference = BY_MODEL[kind]
    (root / "models/movements.sql").write_text(sql)
    ran = run_day(root, day=NEXT, as_of=NEXT_AT)
    assert ran.code == 1, ran.out + ran.err
    assert not [*(root / "out").glob("*20260303*")]
    found, told = results(root, NEXT), findings(root, NEXT)
    (total,) = found["money"].totals
    (digest,) = found["rows"].totals
    assert (total.residual, total.matched) == (difference, not difference)
    assert (digest.matched, found["rows"].state) == (False, ControlState.MISMATCHED)
    failed = {rule for rule, f in told.items() if f.verdict is not Verdict.PASS}
    # Counts and sums alone are compared of the source, and of `kept` with it nothing, always.
    failed -= {"payments_planted", "kept_uncompared"}
    assert failed == ({"rows", "money"} if difference else {"rows"})
    assert {told[rule].code for rule in failed} == {"R3001"}
