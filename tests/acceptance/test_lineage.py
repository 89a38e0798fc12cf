"""A number of a delivered report followed to raw bytes, and what is not in it accounted for."""

from __future__ import annotations

import hashlib
import io
import json
import re
from contextlib import closing, redirect_stderr, redirect_stdout
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.openlineage import validate
from support.small import (
    CONTRACT,
    DAY,
    SETTINGS,
    Ran,
    drop,
    run_day,
    vouch,
    write_project,
)

from puntual.cli.main import main
from puntual.local.journal import SqliteJournal
from puntual.model.masked import Mask, salt_of

ROWS = (
    "p1;c1;100.00;2026-03-02",
    "p2;c1;250.50;2026-03-02",
    "p3;c1;-20.25;2026-03-02",
    "p4;c3;0.10;2026-03-02",  # WHERE: amount <> 0.10
    "p4;c3;0.10;2026-03-02",  # a duplicate
    "p5;c1;abc;2026-03-02",  # no decimal: quarantined
    "p6;;5.00;2026-03-02",  # no client: quarantined by a check
    "p7;c2;7.00;2026-03-02",  # HAVING: its group is too small
    "p8;c4;50.00;2026-03-02",  # another row of the report
)
LIMIT = "      - {property: puntual.quarantineLimit, value: {rows: 5, amount: '100.00'}}\n"
CHECKS = """\
checks:
  - id: client_given
    dataset: movements
    not_null: [client_id]
    on_fail: quarantine
"""
SQL = """\
WITH kept AS (
  SELECT client_id, amount, refund
  FROM movements
  WHERE reference_date = :reference_date AND amount <> 0.10
),
per_client AS (
  SELECT
    client_id,
    count(*) AS payments,
    sum(amount) AS total,
    sum(CASE WHEN refund THEN amount ELSE 0 END) AS refunds
  FROM kept
  GROUP BY client_id
  HAVING sum(amount) > 10
)
SELECT client_id AS client, payments, total, refunds FROM per_client ORDER BY client
"""
BUILT = ("build:movements", "COMPLETE")
LIST_SQL = """\
SELECT payment_id, client_id, amount
FROM movements
WHERE reference_date = :reference_date AND refund
ORDER BY payment_id
"""
REPORT = """\
title: A report
institution: Small Bank
calendar: mx-test
due: {business_days_after: 1, time: "07:00"}
destinations: [{folder: out}]
"""
LAYOUT = """\
kind: delimited
file_name: "{report}_{reference_date:%Y%m%d}.txt"
header: [{name: record_type, value: H}]
detail: [{name: client}, {name: payments}, {name: total, scale: 2}, {name: refunds, scale: 2}]
trailer:
  - {name: records, value: "{records}"}
  - {name: total, value: "{sum:total}", scale: 2}
"""
LIST_LAYOUT = """\
kind: fixed
file_name: "{report}_{reference_date:%Y%m%d}.txt"
detail:
  - {name: payment_id, width: 4}
  - {name: client_id, width: 4}
  - {name: amount, width: 10, align: right, scale: 2}
"""


def within(root: Path, *arguments: str) -> Ran:
    """Run the command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(root), *arguments])
    return Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bank")
    contract = CONTRACT.replace("    properties:\n", LIMIT + "    properties:\n", 1)
    write_project(
        root,
        **{
            "puntual.yaml": SETTINGS,
            "contracts/payments.odcs.yaml": contract,
            "checks/checks.yaml": CHECKS,
            "reports/clients/report.yaml": REPORT,
            "reports/clients/report.sql": SQL,
            "reports/clients/layout.yaml": LAYOUT,
            "reports/refunds/report.yaml": REPORT,
            "reports/refunds/report.sql": LIST_SQL,
            "reports/refunds/layout.yaml": LIST_LAYOUT,
        },
    )
    drop(root, ROWS)
    vouch(root, 9, "392.45")
    done = run_day(root)
    assert done.code == 0, done.out + done.err
    return root


@cache
def number(root: Path, report: str, row: str, column: str, *more: str) -> dict[str, Any]:
    """Follow a number; what several tests ask is asked once."""
    found = within(
        root, "lineage", report, "-d", DAY, "--row", row, "--column", column, *more, "--json"
    )
    assert found.code == 0, found.out + found.err
    told = found.data["number"]
    assert isinstance(told, dict)
    return told


def reasons(atom: dict[str, Any]) -> dict[str, str]:
    (balance,) = atom["balances"]
    assert balance["unexplained"] == "0"
    return {left["reason"]: left["rows"] for left in balance["left_out"]}


def test_a_sum_is_its_contributors_and_every_other_record_is_accounted_for(bank: Path) -> None:
    told = number(bank, "clients", "client=c1", "total")
    assert told["line"]["number"] == "2"
    (atom,) = told["atoms"]
    assert (atom["rows"], atom["total"], atom["adds_up"]) == ("3", "330.25", True)
    (balance,) = atom["balances"]
    assert (balance["records"], balance["contributing"]) == ("9", "3")
    assert reasons(atom) == {
        "duplicate: duplicate_key": "1",
        "quarantined: not_a_decimal": "1",
        "quarantined by client_given": "1",
        "movements.amount <> 0.10": "1",
        "of another row of the report, by kept.client_id": "1",
        "of no row of the report: HAVING SUM(kept.amount) > 10": "1",
        "HAVING SUM(kept.amount) > 10 is not true": "1",
    }


def test_a_row_in_which_the_case_is_not_true_adds_nothing_and_is_said_so(bank: Path) -> None:
    (atom,) = number(bank, "clients", "client=c1", "refunds")["atoms"]
    assert (atom["rows"], atom["adds_up"]) == ("1", True)
    assert reasons(atom)["in the row, and adds nothing: kept.refund is not true"] == "2"


def test_a_number_ends_at_the_bytes_of_its_raw_records(bank: Path) -> None:
    (atom,) = number(bank, "clients", "client=c1", "total", "--unmask")["atoms"]
    raw = [row["origins"][0]["raw"] for row in atom["shown"]]
    lines = [f"{line}\n".encode() for line in ROWS[:3]]
    assert [r["payload"] for r in raw] == [line.decode().replace("\n", "\\n") for line in lines]
    assert [r["payload_sha256"] for r in raw] == [hashlib.sha256(x).hexdigest() for x in lines]
    assert [r["position"] for r in raw] == ["2", "3", "4"]
    inbox = bank / "inbox" / "payments_20260302.csv"
    assert {r["sha256"] for r in raw} == {hashlib.sha256(inbox.read_bytes()).hexdigest()}


def test_contributors_come_by_page_and_the_sum_stays_of_all(bank: Path) -> None:
    (first,) = number(bank, "clients", "client=c1", "total", "--limit", "2")["atoms"]
    (last,) = number(bank, "clients", "client=c1", "total", "--limit", "2", "--page", "2")["atoms"]
    assert [r["position"] for r in first["shown"] + last["shown"]] == ["2", "3", "4"]
    assert (last["first"], last["total"]) == ("3", "330.25")


def test_the_places_of_what_is_left_out_are_named_when_asked(bank: Path) -> None:
    (atom,) = number(bank, "clients", "client=c1", "total", "--left-out")["atoms"]
    (balance,) = atom["balances"]
    places = {x["reason"]: [p[1] for p in x["places"]] for x in balance["left_out"]}
    assert places["duplicate: duplicate_key"] == ["6"]
    assert places["quarantined: not_a_decimal"] == ["7"]
    assert places["quarantined by client_given"] == ["8"]
    assert places["movements.amount <> 0.10"] == ["5"]


def test_a_sum_of_the_trailer_is_followed_through_the_rows_of_the_file(bank: Path) -> None:
    (atom,) = number(bank, "clients", "trailer", "total")["atoms"]
    assert (atom["rows"], atom["total"], atom["adds_up"]) == ("2", "380.25", True)
    (inner,) = atom["inner"]
    assert (inner["rows"], inner["total"], inner["adds_up"]) == ("4", "380.25", True)


def test_a_value_of_one_row_is_masked_and_so_are_its_line_and_its_bytes(bank: Path) -> None:
    told = number(bank, "refunds", "line:1", "amount")
    said = json.dumps(told)
    assert "20.25" not in said
    assert '"c1"' not in said
    assert told["revealed"] == []
    (atom,) = told["atoms"]
    assert atom["kind"] == "value"
    assert reasons(atom)["movements.refund"] == "5"


def test_no_mask_can_be_turned_round_with_what_is_printed_beside_it(bank: Path) -> None:
    """The amount of line 1 is -20.25: one of 200,001 amounts between -1,000.00 and 1,000.00."""
    told = json.dumps(number(bank, "refunds", "line:1", "amount"), ensure_ascii=False)
    printed = set(re.findall(r"\b[0-9a-f]{64}\b", told))
    masks = set(re.findall(r"‹6 chars #([0-9a-f]{6})›", told))
    assert printed
    assert masks
    secret = (bank / ".puntual" / "keys" / "pseudonyms.secret").read_bytes()
    found = {
        about: Mask(salt=salt).masked("-20.25").partition("#")[2].removesuffix("›") in masks
        for about in printed
        for salt in (about, salt_of(b"", about))
    }
    assert not any(found.values()), "nobody can try amounts with a digest that was printed"
    mine = {Mask(salt=salt_of(secret, about)).masked("-20.25") for about in printed}
    assert any(f"#{mask}›" in one for one in mine for mask in masks), "only with the secret"


def test_what_is_unmasked_is_on_record_before_it_is_shown(bank: Path) -> None:
    told = number(bank, "refunds", "line:1", "amount", "--unmask")
    assert told["line"]["text"] == "p3  c1      -20.25"
    assert "payments.client_id" in told["revealed"]
    with closing(SqliteJournal(bank / ".puntual" / "journal.db")) as journal:
        revealed = [s for s in journal.steps(date(2026, 3, 2)) if s.outcome == "revealed"]
    assert any("payments.client_id" in s.facts["columns"] for s in revealed)
    assert "20.25" not in str(revealed)
    assert within(bank, "status").code in (0, 1)


def test_the_sql_of_each_hop_names_manifests_and_holds_no_value_of_the_row(bank: Path) -> None:
    told = number(bank, "refunds", "line:1", "amount")
    assert len(told["hops"]) >= 3
    assert all(hop["sql"] for hop in told["hops"])
    assert "'c1'" not in json.dumps(told["hops"])
    assert any("build:movements" in hop["manifests"] for hop in told["hops"])


def test_the_warehouse_is_compared_and_is_no_part_of_the_proof(bank: Path) -> None:
    (said,) = number(bank, "clients", "client=c1", "total")["warehouse"]
    assert said == (
        "movements: 3 of 3 rows that are shown stand there now; it holds what was delivered"
    )


def test_people_read_the_line_the_rows_the_bytes_and_what_is_left_out(bank: Path) -> None:
    told = within(
        bank, "lineage", "clients", "-d", DAY, "--row", "client=c1", "--column", "total", "--sql"
    )
    assert told.code == 0
    assert "line 2    ‹" in told.out
    assert "3 rows, 330.25   ● adds up" in told.out
    assert "● every record is accounted for, 3 in it" in told.out
    assert "GROUP BY" in told.out


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("client=c9", "total", "V7006"),
        ("clint=c1", "total", "V7001"),
        ("client=c1", "totals", "V7001"),
        ("c1", "total", "V7006"),
    ],
)
def test_what_cannot_be_found_is_refused_with_what_there_is(
    bank: Path, row: str, column: str, code: str
) -> None:
    said = within(bank, "lineage", "clients", "-d", DAY, "--row", row, "--column", column)
    assert said.code == 2
    assert code in said.err


def test_a_project_that_was_changed_since_explains_no_number_of_before(bank: Path) -> None:
    path = bank / "reports" / "clients" / "report.sql"
    path.write_text(SQL.replace("> 10", "> 11"), encoding="utf-8")
    try:
        said = within(
            bank, "lineage", "clients", "-d", DAY, "--row", "client=c1", "--column", "total"
        )
    finally:
        path.write_text(SQL, encoding="utf-8")
    assert said.code == 2
    assert "V7005" in said.err
    assert "reports/clients/report.sql" in said.err


def test_a_file_of_the_delivery_that_was_altered_is_not_read(bank: Path) -> None:
    lake = bank / ".puntual" / "lake" / "curated" / "movements"
    (path,) = lake.rglob("*.parquet")
    whole = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(whole[:100] + b"\0" + whole[101:])
    try:
        said = within(
            bank, "lineage", "clients", "-d", DAY, "--row", "client=c1", "--column", "total"
        )
    finally:
        path.write_bytes(whole)
    assert said.code == 3
    assert "V1002" in said.err


def test_columns_are_shown_as_trees_down_to_the_sources(bank: Path) -> None:
    told = within(bank, "lineage", "clients", "--column", "refunds")
    assert told.code == 0
    assert "clients.refunds = per_client.refunds   reports/clients/report.sql:16:" in told.out
    assert "movements.refund = payments.amount < 0   models/movements.sql:1:" in told.out
    assert "payments.amount   source" in told.out


def test_every_event_is_what_openlineage_specifies(bank: Path) -> None:
    told = within_bytes(bank, "export", "openlineage", "-d", DAY)
    found = [json.loads(line) for line in told.splitlines()]
    validate(told)
    assert {e["eventType"] for e in found} == {"START", "COMPLETE"}
    ids = [e["run"]["runId"] for e in found]
    assert all(ids.count(i) == 2 for i in ids)
    assert within_bytes(bank, "export", "openlineage", "-d", DAY) == told
    assert str(bank).encode() not in told  # no path of a machine leaves


def test_an_event_points_at_the_manifest_and_has_the_columns_of_the_very_run(bank: Path) -> None:
    found = [
        json.loads(line)
        for line in within_bytes(bank, "export", "openlineage", "-d", DAY).splitlines()
    ]
    (made,) = [e for e in found if (e["job"]["name"], e["eventType"]) == BUILT]
    (output,) = made["outputs"]
    fields = output["facets"]["columnLineage"]["fields"]["refund"]["inputFields"]
    assert [(f["field"], f["transformations"][0]["description"]) for f in fields] == [
        ("amount", "payments.amount < 0")
    ]
    manifests = bank / ".puntual/lake/manifests"
    assert (manifests / f"{output['facets']['version']['datasetVersion']}.json").is_file()
    (held,) = [e for e in found if e["job"]["name"] == "reconcile" and e["eventType"] == "COMPLETE"]
    assert all(isinstance(t["actual"], str) for t in held["run"]["facets"]["test"]["tests"])


def test_events_go_into_a_new_file_and_never_over_another(bank: Path, tmp_path: Path) -> None:
    to = tmp_path / "events.ndjson"
    arguments = ("export", "openlineage", "-d", f"{DAY}..2026-03-03", "--to", str(to))
    assert within(bank, *arguments).code == 0
    assert to.read_bytes() == within_bytes(bank, "export", "openlineage", "-d", DAY)
    again = within(bank, *arguments)
    assert again.code == 3
    assert "T1002" in again.err


def within_bytes(root: Path, *arguments: str) -> bytes:
    """Run the command in this process and return the bytes that it printed."""
    out = io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(out):
        assert main(["-C", str(root), *arguments]) == 0
    return out.buffer.getvalue()
