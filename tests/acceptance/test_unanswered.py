"""A source that is down at the moment to decide: its policy delivers without it, and says why."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support import partial
from support.partial import REPORT, approve, partial_project, send_payments
from support.small import DAY, only_delivery, puntual, run_day

BEFORE, AT_DECISION, AFTER_DUE = (f"2026-03-03T{at}:00-06:00" for at in ("05:00", "06:50", "08:00"))

DATABASE = """\
  cards:
    kind: database
    connection: sqlite:data/cards.db
    query: SELECT * FROM cards WHERE paid_on = :reference_date ORDER BY card_id
    control: snapshot
"""
STREAM = """\
  cards:
    kind: stream
    stream: cards
    control: {file: "control/cards_{reference_date:%Y%m%d}.json"}
"""
NO_WAIT = "run:\n  steps:\n    land: {timeout: 60 s, retries: 1}\n"
CSV = '      - {property: puntual.format, value: {type: csv, delimiter: ";"}}\n'
JSON = "      - {property: puntual.format, value: {type: jsonl}}\n"


def bank(root: Path, cards: str, contract: str) -> Path:
    """Write the project whose cards come from elsewhere, its policy approved; payments came."""
    partial_project(root)
    settings = (root / "puntual.yaml").read_text()
    before, _, rest = settings.partition("  cards:\n")
    after = rest[rest.index("models:\n") :]
    (root / "puntual.yaml").write_text(before + cards + after + NO_WAIT)
    (root / "contracts/cards.odcs.yaml").write_text(contract)
    send_payments(root)
    approve(root)
    return root


def with_database(root: Path) -> Path:
    return bank(root, DATABASE, partial.CARDS.replace(CSV, ""))


def with_stream(root: Path) -> Path:
    return bank(root, STREAM, partial.CARDS.replace(CSV, JSON))


def database_comes_back(root: Path) -> None:
    (root / "data").mkdir()
    with closing(sqlite3.connect(root / "data/cards.db")) as db, db:
        db.execute("CREATE TABLE cards (card_id, client_id, amount, paid_on)")
        db.execute(f"INSERT INTO cards VALUES ('k1', 'c1', '15.00', '{DAY}')")


def why(root: Path) -> str:
    return puntual(root, "exceptions", "-d", DAY, "--json").out


@pytest.mark.row("f33")
def test_a_database_that_is_down_is_a_fault_until_the_decision_and_absent_from_then_on(
    tmp_path: Path,
) -> None:
    root = with_database(tmp_path)
    early = run_day(root, as_of=BEFORE)
    assert (early.code, "S1201" in early.err) == (3, True)
    at_decision = run_day(root, "--json", as_of=AT_DECISION)
    assert at_decision.code == 4, at_decision.err
    assert only_delivery(at_decision)["completeness"] == "partial"
    assert "|partial|SIN TARJETAS" in (root / f"out/{REPORT}_20260302_v1.txt").read_text()
    assert "S1201" in why(root)
    database_comes_back(root)
    again = run_day(root, "--json", as_of=AFTER_DUE)
    assert only_delivery(again)["completeness"] == "full", again.err


def test_after_the_due_hour_a_database_is_tried_again_before_it_is_absent(tmp_path: Path) -> None:
    root = with_database(tmp_path)
    late = run_day(root, as_of=AFTER_DUE)
    assert late.code == 5, late.err
    assert "land:cards ↻  retry 1 of 1" in late.out
    assert "|partial|SIN TARJETAS" in (root / f"out/{REPORT}_20260302_v1.txt").read_text()


def test_plan_b_is_delivered_though_a_source_that_may_be_absent_is_down(tmp_path: Path) -> None:
    root = with_database(tmp_path)
    (root / ".puntual/warehouse.duckdb").mkdir(parents=True)
    ran = run_day(root, "--json", as_of=AT_DECISION)
    assert ran.code == 4, ran.err
    assert only_delivery(ran)["completeness"] == "emergency"


ENDLESS = DATABASE.replace(
    "SELECT * FROM cards WHERE paid_on = :reference_date ORDER BY card_id",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT i AS card_id, 'c1' AS client_id, '1.00' AS amount, :reference_date AS paid_on"
    " FROM n WHERE i < 0",
)
"""A database that is there and never answers."""


@pytest.mark.row("f33")
def test_a_database_that_never_answers_is_absent_at_the_decision_once_its_landing_was_killed(
    tmp_path: Path,
) -> None:
    root = bank(tmp_path, ENDLESS, partial.CARDS.replace(CSV, ""))
    database_comes_back(root)
    settings = root / "puntual.yaml"
    settings.write_text(settings.read_text().replace("timeout: 60 s", "timeout: 5 s"))
    early = run_day(root, as_of=BEFORE)
    assert (early.code, "T6001" in early.err) == (3, True), early.out + early.err
    assert "land:cards ↻  retry 1 of 1" in early.out
    at_decision = run_day(root, as_of=AT_DECISION)
    assert at_decision.code == 4, at_decision.out + at_decision.err
    assert "retry" not in at_decision.out
    assert "|partial|SIN TARJETAS" in (root / f"out/{REPORT}_20260302_v1.txt").read_text()
    assert "S1501" in why(root)
    assert "an answer within 5 s" in why(root)


@pytest.mark.row("f33")
def test_a_stream_that_is_down_is_absent_whatever_its_control_record_says(tmp_path: Path) -> None:
    root = with_stream(tmp_path)
    record = {"source": "cards", "reference_date": DAY, "count": "1", "sums": {"amount": "15.00"}}
    (root / "control/cards_20260302.json").write_text(json.dumps(record))
    early = run_day(root, as_of=BEFORE)
    assert (early.code, "S1101" in early.err) == (3, True)
    at_decision = run_day(root, "--json", as_of=AT_DECISION)
    assert at_decision.code == 4, at_decision.err
    assert only_delivery(at_decision)["completeness"] == "partial"
    assert "S1101" in why(root)
