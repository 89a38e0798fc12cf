"""A project that compares too little is told so; a file that is not the warehouse's is named."""

from __future__ import annotations

import json
from pathlib import Path

from support.small import (
    AS_OF,
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
from support.tamper import alter_warehouse

COUNTED = """\
controls:
  - id: rows_arrive
    kind: end_to_end
    left: SELECT count(*) FROM movements WHERE reference_date = :reference_date
    right: SELECT 4
    unit: rows
"""


def test_a_project_with_only_a_count_control_is_told_that_a_changed_cent_is_seen_by_the_load_alone(
    tmp_path: Path,
) -> None:
    """Without a key and a measure nothing compares an amount until it is loaded."""
    measures = "      - {property: puntual.measures, value: [{column: amount, unit: MXN}]}\n"
    contract = CONTRACT.replace(measures, "").replace(", primaryKey: true", "")
    settings = SETTINGS.replace("    key: [payment_id]\n", "").replace(
        "    measures: [{column: amount, unit: MXN}]\n", ""
    )
    files = {
        "puntual.yaml": settings,
        "contracts/payments.odcs.yaml": contract,
        "controls/controls.yaml": COUNTED,
    }
    write_project(tmp_path, **files)
    drop(tmp_path, ROWS)
    vouch(tmp_path, 4, "330.35")
    record = tmp_path / "control" / "payments_20260302.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"sums": {}}))
    ran = run_day(tmp_path)
    assert ran.code == 0, ran.out + ran.err
    shown = puntual(tmp_path, "reconcile", "-d", DAY)
    assert shown.code == 0, shown.out + shown.err
    told = " ".join(shown.out.split())
    assert "seen from the load on, and not where it is made before: a changed cent" in told
    found = puntual(tmp_path, "reconcile", "-d", DAY, "--json").data
    assert isinstance(found["planted"], list)
    by_fault = {p["fault"]: p for p in found["planted"]}
    assert "payments: source → raw" in by_fault["lost_row"]["seen_by"]
    assert by_fault["changed_cent"]["seen_by"] == ["movements: curated → warehouse"]


def test_a_line_of_the_report_that_the_warehouse_does_not_hold_is_named(tmp_path: Path) -> None:
    assert run_day(good_day(tmp_path)).code == 0
    alter_warehouse(tmp_path, "UPDATE movements SET amount = 250.51 WHERE payment_id = 'p2'")
    ran = puntual(tmp_path, "reconcile", "-d", DAY, "--rows", "movements:payments_daily", "--json")
    (found,) = json.loads(ran.out)["data"]["rows"]
    (row,) = found["rows"]
    assert (row["class"], row["line"]) == ("changed", "2")
    assert [c["column"] for c in row["changed"]] == ["total"]
    assert row["amounts"] == {"total": "0.01"}
    shown = puntual(tmp_path, "reconcile", "-d", DAY, "--row", "p2", "--unmask").out
    assert "REPORT PAYMENTS_DAILY" in shown
    assert "p2;c1;250.50;2026-03-02\\n" in shown


ON_NOTHING = """\
controls:
  - id: fees_tie
    kind: business
    left: >-
      SELECT coalesce(sum(amount), 0) FROM movements
      WHERE reference_date = :reference_date AND client_id = 'FEES'
    right: >-
      SELECT coalesce(sum(amount), 0) FROM movements
      WHERE reference_date = :reference_date AND payment_id = 'fee'
"""


SUMS_OF_NOTHING = """\
controls:
  - id: fees_tie
    kind: business
    equal:
      left:
        query: >-
          SELECT coalesce(sum(amount), 0) AS amount FROM movements
          WHERE reference_date = :reference_date AND client_id = 'FEES'
        sum: amount
      right:
        query: >-
          SELECT coalesce(sum(amount), 0) AS amount FROM movements
          WHERE reference_date = :reference_date AND payment_id = 'fee'
        sum: amount
  - id: nothing_owed
    kind: business
    equal:
      left: {warehouse: movements, sum: amount, where: "client_id = 'c4'"}
      right: {curated: movements, sum: amount, where: "client_id = 'c4'"}
"""


def test_equal_queries_that_agree_on_no_row_are_told_so_and_stages_whose_rows_are_zero_are_not(
    tmp_path: Path,
) -> None:
    """No row of FEES is there; c4 has one of 0.00."""
    zero = (*ROWS, "p5;c4;0.00;2026-03-02")
    for name, text, told in (
        ("nothing", SUMS_OF_NOTHING, ["fees_tie"]),
        ("agreed", SUMS_OF_NOTHING.replace("  - id", "  - may_be_empty: true\n    id"), []),
    ):
        root = write_project(tmp_path / name, **{"controls/controls.yaml": text})
        drop(root, zero)
        vouch(root, 5, "330.35")
        ran = run_day(root)
        assert ran.code == 0, ran.out + ran.err
        found = puntual(root, "reconcile", "-d", DAY, "--json").data["findings"]
        assert isinstance(found, list)
        blind = [f for f in found if f["code"] == "R5002"]
        assert [f["rule"].removesuffix("_planted") for f in blind] == told


def test_a_control_that_agrees_on_no_row_is_told_that_it_does(tmp_path: Path) -> None:
    """No row of either condition is there: zero is zero, whatever happens to the rows."""
    nobody = "SELECT count(*) FROM movements WHERE client_id = 'nobody'"
    expected = ON_NOTHING + (
        f"  - id: no_orphan\n    kind: business\n    left: {nobody}\n    right: SELECT 0\n"
    )
    for name, text, told in (
        ("nothing", expected, ["fees_tie"]),
        ("agreed", ON_NOTHING.replace("  - id", "  - may_be_empty: true\n    id"), []),
    ):
        root = good_day(tmp_path / name)
        (root / "controls/controls.yaml").write_text(text)
        ran = run_day(root)
        assert ran.code == 0, ran.out + ran.err
        found = puntual(root, "reconcile", "-d", DAY, "--json").data["findings"]
        assert isinstance(found, list)
        blind = [f for f in found if f["code"] == "R5002"]
        assert [f["rule"].removesuffix("_planted") for f in blind] == told
    assert "zero against zero" in puntual(tmp_path / "nothing", "reconcile", "-d", DAY).out


def test_a_model_that_nothing_compares_with_its_source_is_told_in_every_form_and_holds_nothing(
    tmp_path: Path,
) -> None:
    """It leaves the refund of -20.25 out, and every table after it does."""
    settings = SETTINGS.replace("    carries: payments\n", "")
    model = MODEL.rstrip() + " WHERE amount > 0\n"
    write_project(tmp_path, **{"puntual.yaml": settings, "models/movements.sql": model})
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    checked = puntual(tmp_path, "check", "--as-of", AS_OF)
    assert checked.code == 0, checked.out
    assert "models/movements.sql:1" in checked.out
    assert "C1307" in checked.out
    ran = run_day(tmp_path)
    assert ran.code == 0, ran.out + ran.err
    asked = ("reconcile", "-d", DAY)
    shown = puntual(tmp_path, *asked)
    whole = " ".join(shown.out.split())
    assert shown.code == 0
    assert "1 model is compared by nothing: movements" in whole
    assert "all seen;" not in whole
    assert "R5005 movements: nothing compares it with what it is made from" in whole
    data = puntual(tmp_path, *asked, "--json").data
    (found,) = [f for f in data["findings"] if f["code"] == "R5005"]  # type: ignore[attr-defined]
    assert (found["verdict"], found["on_fail"]) == ("unknown", "flag")
    assert "movements_uncompared" in puntual(tmp_path, *asked, "--format", "junit").out
    lines = puntual(tmp_path, *asked, "--format", "csv").out.splitlines()
    assert "model,movements,,,,,,,,not compared,,," in lines
    listed = puntual(tmp_path, "exceptions", "-d", DAY, "--json").data["exceptions"]
    (entry,) = [e for e in listed if e["code"] == "R5005"]  # type: ignore[attr-defined]
    assert entry["effect"] == "named here; nothing is left out"
