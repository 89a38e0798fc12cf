"""A bank small enough to be killed a thousand times: a stream, a file, a database; two days."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from support.small import CALENDAR, CONTRACT, write_project

FIRST, SECOND = "2026-03-02", "2026-03-03"
SENT_AT = {FIRST: "2026-03-02T22:00:00-06:00", SECOND: "2026-03-03T22:00:00-06:00"}
AS_OF = {FIRST: "2026-03-03T05:00:00-06:00", SECOND: "2026-03-04T05:00:00-06:00"}

SETTINGS = """\
name: fault-bank
time_zone: America/Mexico_City
sources:
  payments:
    kind: files
    path: "inbox/payments_{reference_date:%Y%m%d}*.csv"
    complete: {marker: .ok}
    control: {file: "control/payments_{reference_date:%Y%m%d}.json"}
  cards:
    kind: stream
    stream: cards
    control: {file: "control/cards_{reference_date:%Y%m%d}.json"}
  clients:
    kind: database
    connection: sqlite:data/core.db
    query: SELECT * FROM clients WHERE as_of = :reference_date ORDER BY client_id
    control: snapshot
models:
  movements:
    key: [payment_id]
    measures: [{column: amount, unit: MXN}]
    carries: payments
warehouse:
  kind: duckdb
  location: .puntual/warehouse.duckdb
  tables: [cards, movements]
run:
  steps:
    every: {timeout: 15 s, retries: 1, interval: 1 s, max_delay: 1 s}
"""

_LIMIT = "      - {property: puntual.quarantineLimit, value: {rows: 1, amount: '10.00'}}\n"
PAYMENTS = CONTRACT.replace("    properties:\n", _LIMIT + "    properties:\n", 1)
CARDS = (
    CONTRACT.replace('{type: csv, delimiter: ";"}', "{type: jsonl}")
    .replace("payments", "cards")
    .replace("payment_id", "event_id")
)
CLIENTS = """\
apiVersion: v3.1.0
kind: DataContract
id: clients
name: clients
version: 1.0.0
status: active
schema:
  - name: clients
    logicalType: object
    customProperties:
      - {property: puntual.measures, value: [{column: limit_amount, unit: MXN}]}
    properties:
      - {name: client_id, logicalType: string, required: true, primaryKey: true}
      - {name: segment, logicalType: string, required: true}
      - {name: limit_amount, logicalType: number, physicalType: "DECIMAL(18,2)", required: true}
      - {name: as_of, logicalType: date, required: true}
"""
MODEL = """\
SELECT p.payment_id, p.client_id, c.segment, p.amount, p._object, p._position
FROM payments AS p LEFT JOIN clients AS c ON c.client_id = p.client_id
"""
CHECKS = """\
checks:
  - id: client_known
    dataset: movements
    not_null: [segment]
    on_fail: hold
"""
CONTROLS = """\
controls:
  - id: total_of_parts
    kind: business
    left: SELECT sum(amount) FROM movements WHERE reference_date = :reference_date
    right: >-
      SELECT sum(CASE WHEN segment = 'retail' THEN amount ELSE 0 END)
           + sum(CASE WHEN segment = 'retail' THEN 0 ELSE amount END)
      FROM movements WHERE reference_date = :reference_date
    unit: MXN
"""
REPORT = """\
title: Daily movements
institution: Fault Bank
calendar: mx-test
due: {business_days_after: 1, time: "07:00"}
destinations: [{folder: out}]
ties:
  - column: total
    dataset: movements
    query: >-
      SELECT (SELECT sum(amount) FROM movements WHERE reference_date = :reference_date)
           + (SELECT sum(amount) FROM cards WHERE reference_date = :reference_date)
"""
REPORT_SQL = """\
SELECT kind, count(*) AS movements, sum(amount) AS total
FROM (
  SELECT segment AS kind, amount FROM movements WHERE reference_date = :reference_date
  UNION ALL
  SELECT 'card' AS kind, amount FROM cards WHERE reference_date = :reference_date
)
GROUP BY kind
ORDER BY kind
"""
LAYOUT = """\
kind: delimited
file_name: "{report}_{reference_date:%Y%m%d}_v{version}.txt"
detail:
  - {name: kind}
  - {name: movements}
  - {name: total, scale: 2}
trailer:
  - {name: record_type, value: T}
  - {name: records, value: "{records}"}
  - {name: total, value: "{sum:total}", scale: 2}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """
    One record that a source produced.

    Attributes:
        source: Which one.
        identity: Its declared key.
        day: The day it is about.
        amount: As it was written; None where it is no number.
        fate: `curated`, `quarantined`, `duplicate` or `late`.
    """

    source: str
    identity: str
    day: str
    amount: str
    fate: str = "curated"


def _day(day: str, mark: str) -> tuple[Sent, ...]:
    def one(source: str, identity: str, amount: str, fate: str = "curated") -> Sent:
        return Sent(source=source, identity=mark + identity, day=day, amount=amount, fate=fate)

    return (
        one("payments", "p1", "100.00"),
        one("payments", "p2", "250.50"),
        one("payments", "p3", "-20.25"),
        one("payments", "p3", "-20.25", "duplicate"),
        one("payments", "p4", "4.4x", "quarantined"),
        *(one("cards", f"e{n}", f"{n}.10") for n in range(8)),
        one("clients", "c0", "1000.00"),
        one("clients", "c1", "2000.00"),
        one("clients", "c2", "3000.00"),
    )


LATE = Sent(source="cards", identity="a-late", day=FIRST, amount="77.00", fate="late")
PRODUCED = {FIRST: _day(FIRST, "a"), SECOND: (*_day(SECOND, "b"), LATE)}


def fates(records: tuple[Sent, ...]) -> Counter[tuple[str, str, str]]:
    """Count records by (source, identity, fate)."""
    return Counter((r.source, r.identity, r.fate) for r in records)


def write_bank(root: Path) -> Path:
    """Write the project's files."""
    return write_project(
        root,
        **{
            "puntual.yaml": SETTINGS,
            "contracts/payments.odcs.yaml": PAYMENTS,
            "contracts/cards.odcs.yaml": CARDS,
            "contracts/clients.odcs.yaml": CLIENTS,
            "models/movements.sql": MODEL,
            "checks/checks.yaml": CHECKS,
            "controls/controls.yaml": CONTROLS,
            "reports/payments_daily/report.yaml": REPORT,
            "reports/payments_daily/report.sql": REPORT_SQL,
            "reports/payments_daily/layout.yaml": LAYOUT,
            "calendars/mx-test.yaml": CALENDAR,
        },
    )


def lines(day: str) -> bytes:
    """Return what the stream's producer sends on a day: JSON lines."""
    sent = [r for r in PRODUCED[day] if r.source == "cards"]
    return b"".join(
        json.dumps(
            {
                "event_id": r.identity,
                "client_id": f"c{n % 3}",
                "amount": r.amount,
                "paid_on": r.day,
            }
        ).encode()
        + b"\n"
        for n, r in enumerate(sent)
    )


def produce(root: Path, day: str) -> None:
    """Do what the sources do on a day, but for the stream: file, marker, rows, controls."""
    compact = day.replace("-", "")
    rows = [r for r in PRODUCED[day] if r.source == "payments"]
    text = "payment_id;client_id;amount;paid_on\n" + "".join(
        f"{r.identity};c{int(r.identity[-1]) % 3};{r.amount};{day}\n" for r in rows
    )
    _write(root / f"inbox/payments_{compact}.csv", text)
    _write(root / f"inbox/payments_{compact}.csv.ok", "")
    vouch(root, "payments", day, len(rows), _sum(rows))
    cards = [r for r in PRODUCED[day] if r.source == "cards" and r.day == day]
    vouch(root, "cards", day, len(cards), _sum(cards))
    (root / "data").mkdir(exist_ok=True)
    with sqlite3.connect(root / "data/core.db") as db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS clients"
            " (client_id TEXT, segment TEXT, limit_amount TEXT, as_of TEXT)"
        )
        db.executemany(
            "INSERT INTO clients VALUES (?, ?, ?, ?)",
            [
                (r.identity[1:], "retail" if n else "firm", r.amount, day)
                for n, r in enumerate(r for r in PRODUCED[day] if r.source == "clients")
            ],
        )
    db.close()


def vouch(root: Path, source: str, day: str, count: int, amount: Decimal) -> None:
    """Write a source's control record."""
    record = {
        "source": source,
        "reference_date": day,
        "count": str(count),
        "sums": {"amount": f"{amount:.2f}"},
    }
    _write(root / f"control/{source}_{day.replace('-', '')}.json", json.dumps(record))


def _sum(records: list[Sent]) -> Decimal:
    return sum((Decimal(r.amount) for r in records if r.fate != "quarantined"), Decimal(0))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Program:
    """
    A copy of the program that no edit changes while a campaign goes on.

    Attributes:
        folder: Where the package `puntual` was copied to.
    """

    folder: Path

    @classmethod
    def copied(cls, source: Path, folder: Path) -> Program:
        """Copy the package and compile it, so that no run writes bytecode."""
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder / "puntual", ignore=ignored)
        compiled = [sys.executable, "-m", "compileall", "-q", str(folder / "puntual")]
        subprocess.run(compiled, check=True, capture_output=True)
        return cls(folder)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a run: this copy, and nothing that a run would leave."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PUNTUAL_", "PYTEST_"))}
        fixed = {
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
        }
        return kept | fixed | more

    def run(self, root: Path, day: str) -> list[str]:
        """Return the command line of a day's run."""
        return [*self._command(root), "run", "-d", day, "--as-of", AS_OF[day]]

    def put(self, root: Path, day: str) -> list[str]:
        """Return the command line that puts a day's lines, in two batches."""
        more = ("--stream", "cards", "--key", "client_id", "--batch", "4", "--as-of")
        file = root / f"cards_{day}.jsonl"
        file.write_bytes(lines(day))
        return [*self._command(root), "stream", "put", *more, SENT_AT[day], str(file)]

    def do(self, *command: str) -> None:
        """Run a command that must succeed."""
        done = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)

    def _command(self, root: Path) -> list[str]:
        return [sys.executable, "-m", "puntual.cli.main", "-C", str(root)]


def first_day(program: Program, root: Path) -> Path:
    """Make a bank on which nothing has run; its first day is there to be landed."""
    fed_bank(program, root)
    program.do(*program.put(root, FIRST))
    return root


def fed_bank(program: Program, root: Path) -> Path:
    """Make a bank whose stream is there and empty, and whose other sources have sent."""
    write_bank(root)
    produce(root, FIRST)
    command = program.run(root, FIRST)[:5]
    program.do(*command, "stream", "create", "--stream", "cards", "--shards", "2")
    return root


def second_day(program: Program, root: Path) -> Path:
    """Make a bank that delivered its first day; the second has come, and a late record."""
    first_day(program, root)
    program.do(*program.run(root, FIRST))
    produce(root, SECOND)
    program.do(*program.put(root, SECOND))
    return root
