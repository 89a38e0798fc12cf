"""What a hop of a model does not compare is named, and never called agreement."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.small import (
    CONTRACT,
    DAY,
    ROWS,
    SETTINGS,
    Ran,
    drop,
    puntual,
    run_day,
    vouch,
    write_project,
)

REST = "client_id, amount, paid_on, amount < 0 AS refund, _object, _position FROM payments"
NUMBERED = tuple(row.removeprefix("p") for row in ROWS)
WHOLE = CONTRACT.replace(
    "{name: payment_id, logicalType: string",
    "{name: payment_id, logicalType: integer, physicalType: BIGINT",
)
EXCHANGED_TEXT = "CASE payment_id WHEN '1' THEN '4' WHEN '4' THEN '1' ELSE payment_id END"
EXCHANGED_WHOLE = "CASE payment_id WHEN 1 THEN 4 WHEN 4 THEN 1 ELSE payment_id END"


def day_of(
    root: Path,
    key: str,
    rows: tuple[str, ...] = NUMBERED,
    files: Mapping[str, str] | None = None,
) -> Ran:
    """Run a day whose model makes its key `payment_id` by an expression."""
    model = f"SELECT {key} AS payment_id, {REST}"
    write_project(root, **{"models/movements.sql": model, **(files or {})})
    drop(root, rows)
    vouch(root, 4, "330.35")
    return run_day(root)


@pytest.mark.parametrize(
    ("contract", "right", "wrong", "shown"),
    [
        (
            CONTRACT,
            "CAST(payment_id AS BIGINT)",
            f"CAST({EXCHANGED_TEXT} AS BIGINT)",
            "payment_id  1 → 4",
        ),
        (
            CONTRACT,
            "CAST(payment_id AS DECIMAL(12,2))",
            f"CAST({EXCHANGED_TEXT} AS DECIMAL(12,2))",
            "payment_id  1.00 → 4.00",
        ),
        (
            WHOLE,
            "lpad(CAST(payment_id AS VARCHAR), 8, '0')",
            f"CAST({EXCHANGED_WHOLE} AS VARCHAR)",
            "payment_id  1 → 4",
        ),
    ],
    ids=["text to integer", "text to decimal", "integer to text"],
)
def test_keys_that_a_model_exchanges_while_it_casts_them_are_seen_and_named(
    tmp_path: Path, contract: str, right: str, wrong: str, shown: str
) -> None:
    """Text and number are compared by the number, so that 00000004 is 4; 1 for 4 is not."""
    for name, key, code in (("right", right, 0), ("wrong", wrong, 1)):
        root = tmp_path / name
        ran = day_of(root, key, files={"contracts/payments.odcs.yaml": contract})
        assert ran.code == code, ran.out + ran.err
        assert "R5004" not in puntual(root, "reconcile", "-d", DAY).out
    assert "R2002" in ran.out
    named = puntual(root, "reconcile", "-d", DAY, "--rows", "movements:curated", "--unmask").out
    assert "2 changed" in named
    assert shown in named
    agree = puntual(tmp_path / "right", "reconcile", "-d", DAY, "--rows", "movements:curated").out
    assert "agree in every column compared: payment_id, amount" in agree


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("CAST(replace(payment_id, '-', '') AS BIGINT)", ("000-12", "000-13", "000-14", "000-15")),
        ("CAST(round(CAST(payment_id AS DECIMAL(9,1))) AS BIGINT)", ("1.4", "2.0", "3", "4")),
    ],
    ids=["no number", "more decimals than the number has"],
)
def test_a_key_whose_text_does_not_read_as_the_number_is_not_compared_and_that_is_said(
    tmp_path: Path, key: str, rows: tuple[str, ...]
) -> None:
    """The model is right, so nothing is held; and nothing says that keys agree."""
    texts = tuple(f"{k};{row.partition(';')[2]}" for k, row in zip(rows, ROWS, strict=True))
    ran = day_of(tmp_path, key, texts)
    assert ran.code == 0, ran.out + ran.err
    said = "payment_id (text → integer)"
    assert_named(tmp_path, said)
    listed = puntual(tmp_path, "reconcile", "-d", DAY, "--rows", "movements:curated").out
    assert "agree in every column compared: amount" in listed
    assert f"not compared: {said}" in " ".join(listed.split())


def test_a_key_under_another_name_is_not_compared_and_that_is_said(tmp_path: Path) -> None:
    """Nothing of the key stands in both, so the model may have exchanged keys for all we see."""
    model = f"SELECT payment_id AS movement_id, {REST}"
    settings = SETTINGS.replace("key: [payment_id]", "key: [movement_id]")
    ran = day_of(tmp_path, "1", ROWS, {"models/movements.sql": model, "puntual.yaml": settings})
    assert ran.code == 0, ran.out + ran.err
    assert_named(tmp_path, "payment_id (not in movements)")


def test_a_measure_that_a_model_makes_a_text_is_named_beside_keys_that_agree(
    tmp_path: Path,
) -> None:
    """The contract knows the fee as text; the model sums it under the same name."""
    contract = CONTRACT.replace(
        "      - {name: paid_on", "      - {name: fee, logicalType: string}\n      - {name: paid_on"
    )
    settings = SETTINGS.replace(
        "unit: MXN}]\n    carries", "unit: MXN}, {column: fee, unit: MXN}]\n    carries"
    )
    model = f"SELECT payment_id, CAST(fee AS DECIMAL(9,2)) AS fee, {REST}"
    write_project(
        tmp_path,
        **{
            "contracts/payments.odcs.yaml": contract,
            "puntual.yaml": settings,
            "models/movements.sql": model,
        },
    )
    rows = tuple(row.replace(";2026", ";1.00;2026") for row in ROWS)
    drop(tmp_path, rows, header="payment_id;client_id;amount;fee;paid_on")
    vouch(tmp_path, 4, "330.35")
    ran = run_day(tmp_path)
    assert ran.code == 0, ran.out + ran.err
    shown = " ".join(puntual(tmp_path, "reconcile", "-d", DAY).out.split())
    assert "not compared: fee (no measure of payments)" in shown
    assert "keys agree" in shown


def assert_named(root: Path, said: str) -> None:
    """Every form of `puntual reconcile` names the column, and none calls its keys agreed."""
    asked = ("reconcile", "-d", DAY)
    shown = puntual(root, *asked)
    whole = " ".join(shown.out.split())
    assert shown.code == 0
    assert f"curated payments → curated: keys not compared: {said}" in whole
    assert (whole.count("keys agree"), whole.count("rows agree")) == (0, 1)  # of the load
    assert "5 hops: 5 agree (1 not in full)" in whole
    assert "R5004 movements: curated payments and curated were not compared in full" in whole
    assert "all seen" not in whole.replace("all seen where anything looks", "")
    assert f"nothing looks at {said} of movements" in whole
    data = puntual(root, *asked, "--json").data
    (hop,) = [h for h in data["hops"] if h["left"] == "curated payments"]  # type: ignore[attr-defined]
    assert hop["keys_agree"] is None
    assert [f"{u['column']} ({u['why']})" for u in hop["undigested"]] == [said]
    (found,) = [f for f in data["findings"] if f["code"] == "R5004"]  # type: ignore[attr-defined]
    assert (found["verdict"], found["severity"], found["on_fail"]) == ("unknown", "warn", "flag")
    rows = list(csv.DictReader(io.StringIO(puntual(root, *asked, "--format", "csv").out)))
    (keys,) = [r for r in rows if r["left"] == "curated payments" and r["measure"] == "keys"]
    assert keys["state"] == f"not compared: {said}"
    tree = ET.fromstring(puntual(root, *asked, "--format", "junit").out)
    texts = {c.get("name"): c.findtext("system-out") or "" for c in tree.iter("testcase")}
    assert f"keys not compared: {said}" in texts["curated payments → curated"]
    assert "severity=warn" in texts["movements_undigested"]
