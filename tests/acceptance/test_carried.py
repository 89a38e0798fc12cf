"""A model that carries a source's rows is compared with it: places, counts, every measure."""

from __future__ import annotations

from pathlib import Path

from support.small import (
    CONTRACT,
    DAY,
    MODEL,
    ROWS,
    SETTINGS,
    drop,
    good_day,
    puntual,
    run_day,
    vouch,
    write_project,
)

MADE_UP = """\
SELECT payment_id, client_id, amount, paid_on, amount < 0 AS refund, _object, _position
FROM payments WHERE payment_id <> 'p2'
UNION ALL
SELECT 'p9', 'c1', CAST(250.50 AS DECIMAL(18,2)), paid_on, false, _object, _position
FROM payments WHERE payment_id = 'p1'
"""
DOUBLED = """\
SELECT payment_id, client_id, CAST(amount * 2 AS DECIMAL(18,2)) AS amount, paid_on,
       amount < 0 AS refund, _object, _position
FROM payments
"""

SWAP = (
    "CASE payment_id WHEN 'p1' THEN CAST(250.50 AS DECIMAL(18,2))"
    " WHEN 'p2' THEN CAST(100.00 AS DECIMAL(18,2)) ELSE amount END"
)
EXCHANGED = f"""\
SELECT payment_id, client_id, {SWAP} AS amount,
       paid_on, amount < 0 AS refund, _object, _position
FROM payments
"""
ZERO_FOR_NULL = """\
SELECT payment_id, client_id, coalesce(amount, CAST(0 AS DECIMAL(18,2))) AS amount, paid_on,
       amount < 0 AS refund, _object, _position
FROM payments
"""
WIDER = """\
SELECT payment_id, client_id, CAST(amount AS DECIMAL(20,4)) AS amount, paid_on,
       amount < 0 AS refund, _object, _position
FROM payments
"""


def test_amounts_that_a_model_exchanges_are_seen_and_both_rows_named(tmp_path: Path) -> None:
    """Every row has its place, and the sum is 330.35 before and after."""
    good_day(tmp_path)
    (tmp_path / "models/movements.sql").write_text(EXCHANGED)
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    assert "R2002" in held.out
    rows = ("--rows", "movements:curated", "--unmask")
    shown = puntual(tmp_path, "reconcile", "-d", DAY, *rows).out
    assert "2 changed" in shown
    assert "100.00 → 250.50" in shown
    assert "250.50 → 100.00" in shown


def test_a_zero_that_a_model_puts_for_a_null_is_seen_though_sums_agree(tmp_path: Path) -> None:
    optional = CONTRACT.replace('"DECIMAL(18,2)", required: true', '"DECIMAL(18,2)"')
    for name, model, code in (("kept", MODEL, 0), ("zero", ZERO_FOR_NULL, 1)):
        root = tmp_path / name
        files = {"contracts/payments.odcs.yaml": optional, "models/movements.sql": model}
        write_project(root, **files)
        drop(root, (*ROWS, "p5;c3;;2026-03-02"))
        vouch(root, 5, "330.35")
        ran = run_day(root)
        assert ran.code == code, ran.out + ran.err
    assert "R2002" in ran.out


def test_a_measure_of_another_type_is_compared_by_value(tmp_path: Path) -> None:
    exchanged = WIDER.replace("amount AS DECIMAL", f"{SWAP} AS DECIMAL")
    for name, model, code in (("kept", WIDER, 0), ("exchanged", exchanged, 1)):
        root = good_day(tmp_path / name)
        (root / "models/movements.sql").write_text(model)
        ran = run_day(root)
        assert ran.code == code, ran.out + ran.err
    assert "R2002" in ran.out


def test_keys_that_a_model_exchanges_are_seen_and_both_rows_named(tmp_path: Path) -> None:
    """Each place has its amount; each payment has the other's."""
    good_day(tmp_path)
    keys = "CASE payment_id WHEN 'p1' THEN 'p4' WHEN 'p4' THEN 'p1' ELSE payment_id END"
    (tmp_path / "models/movements.sql").write_text(
        EXCHANGED.replace("SELECT payment_id", f"SELECT {keys} AS payment_id").replace(
            SWAP, "amount"
        )
    )
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    assert "R2002" in held.out
    rows = ("--rows", "movements:curated", "--unmask")
    shown = puntual(tmp_path, "reconcile", "-d", DAY, *rows).out
    assert "2 changed" in shown
    assert "p1 → p4" in shown


def test_a_row_made_up_for_one_that_was_dropped_is_seen_though_sums_agree(tmp_path: Path) -> None:
    good_day(tmp_path)
    (tmp_path / "models/movements.sql").write_text(MADE_UP)
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    assert "R2002" in held.out
    assert "KEYS DIFFER" in puntual(tmp_path, "reconcile", "-d", DAY).out


def test_money_that_a_carrying_model_does_not_sum_is_not_passed(tmp_path: Path) -> None:
    settings = SETTINGS.replace("    measures: [{column: amount, unit: MXN}]\n", "")
    write_project(tmp_path, **{"puntual.yaml": settings, "models/movements.sql": DOUBLED})
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    assert "R2003" in held.out


def test_a_control_record_that_does_not_vouch_for_the_money_holds_the_delivery(
    tmp_path: Path,
) -> None:
    good_day(tmp_path)
    record = '{"source": "payments", "reference_date": "2026-03-02", "count": "4", "sums": {}}'
    (tmp_path / "control/payments_20260302.json").write_text(record)
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    assert "R1002" in held.out
    assert "payments unverified" in " ".join(held.out.split())
    assert "matched" not in held.out


def test_a_measure_declared_later_is_measured_when_the_day_is_run_again(tmp_path: Path) -> None:
    good_day(tmp_path)
    without = SETTINGS.replace("    measures: [{column: amount, unit: MXN}]\n", "")
    (tmp_path / "puntual.yaml").write_text(without)
    assert run_day(tmp_path).code == 1
    (tmp_path / "puntual.yaml").write_text(SETTINGS)
    again = run_day(tmp_path)
    assert again.code == 0, again.out + again.err
