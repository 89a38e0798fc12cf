"""A report project small enough to stand in a test: one CSV source, one model, one report."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import warm

AS_OF = "2026-03-03T05:00:00-06:00"
DAY = "2026-03-02"

SETTINGS = """\
name: small-bank
time_zone: America/Mexico_City
sources:
  payments:
    kind: files
    path: "inbox/payments_{reference_date:%Y%m%d}*.csv"
    complete: {marker: .ok}
    control: {file: "control/payments_{reference_date:%Y%m%d}.json"}
models:
  movements:
    key: [payment_id]
    measures: [{column: amount, unit: MXN}]
    carries: payments
warehouse:
  kind: duckdb
  location: .puntual/warehouse.duckdb
  tables: [movements]
"""

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: payments
name: payments
version: 1.0.0
status: active
schema:
  - name: payments
    logicalType: object
    customProperties:
      - {property: puntual.format, value: {type: csv, delimiter: ";"}}
      - {property: puntual.day, value: paid_on}
      - {property: puntual.measures, value: [{column: amount, unit: MXN}]}
    properties:
      - {name: payment_id, logicalType: string, required: true, primaryKey: true}
      - {name: client_id, logicalType: string}
      - {name: amount, logicalType: number, physicalType: "DECIMAL(18,2)", required: true}
      - {name: paid_on, logicalType: date, required: true}
"""

CORE_CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: core
name: core
version: 1.0.0
status: active
schema:
  - name: core
    properties:
      - {name: id, logicalType: integer}
"""
"""A core system's database beside the payments, which is asked by controls alone."""

MODEL = """\
SELECT payment_id, client_id, amount, paid_on, amount < 0 AS refund, _object, _position
FROM payments
"""

CHECKS = """\
checks:
  - id: client_given
    dataset: movements
    not_null: [client_id]
    on_fail: flag
    severity: warn
"""

CONTROLS = """\
controls:
  - id: refunds_and_payments
    kind: business
    left: SELECT sum(amount) FROM movements WHERE reference_date = :reference_date
    right: >-
      SELECT sum(CASE WHEN refund THEN amount ELSE 0 END)
           + sum(CASE WHEN refund THEN 0 ELSE amount END)
      FROM movements WHERE reference_date = :reference_date
    unit: MXN
"""

REPORT = """\
title: Daily payments
institution: Small Bank
calendar: mx-test
due: {business_days_after: 1, time: "07:00"}
destinations: [{folder: out}]
ties:
  - column: total
    dataset: movements
    query: SELECT sum(amount) FROM movements WHERE reference_date = :reference_date
"""

REPORT_SQL = """\
SELECT CASE WHEN refund THEN 'R' ELSE 'P' END AS kind, count(*) AS payments, sum(amount) AS total
FROM movements
WHERE reference_date = :reference_date
GROUP BY 1
ORDER BY 1
"""

LAYOUT = """\
kind: delimited
file_name: "{report}_{reference_date:%Y%m%d}_v{version}.txt"
header:
  - {name: record_type, value: H}
  - {name: date, value: "{reference_date:%Y%m%d}"}
detail:
  - {name: kind}
  - {name: payments}
  - {name: total, scale: 2}
trailer:
  - {name: record_type, value: T}
  - {name: records, value: "{records}"}
  - {name: total, value: "{sum:total}", scale: 2}
"""

CALENDAR = """\
source: "A test"
published: "2025-12-01"
valid_from: "2026-01-01"
valid_until: "2026-12-31"
weekend: [6, 7]
holidays: []
"""

ROWS = (
    "p1;c1;100.00;2026-03-02",
    "p2;c1;250.50;2026-03-02",
    "p3;c2;-20.25;2026-03-02",
    "p4;c3;0.10;2026-03-02",
)


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, object]:
        """The `data` of a JSON answer."""
        answer = json.loads(self.out)["data"]
        assert isinstance(answer, dict)
        return answer


def only_delivery(ran: Ran) -> dict[str, Any]:
    """Return the one delivery of a JSON answer."""
    deliveries = ran.data["deliveries"]
    assert isinstance(deliveries, list)
    assert len(deliveries) == 1
    found = deliveries[0]
    assert isinstance(found, dict)
    return found


def write_project(root: Path, **files: str) -> Path:
    """Write the project; `files` replaces whole files, by path."""
    texts = {
        "puntual.yaml": SETTINGS,
        "contracts/payments.odcs.yaml": CONTRACT,
        "models/movements.sql": MODEL,
        "checks/checks.yaml": CHECKS,
        "controls/controls.yaml": CONTROLS,
        "reports/payments_daily/report.yaml": REPORT,
        "reports/payments_daily/report.sql": REPORT_SQL,
        "reports/payments_daily/layout.yaml": LAYOUT,
        "calendars/mx-test.yaml": CALENDAR,
    } | files
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def drop(
    root: Path,
    rows: tuple[str, ...] = ROWS,
    *,
    day: str = DAY,
    suffix: str = "",
    marker: bool = True,
    header: str = "payment_id;client_id;amount;paid_on",
    end: str = "\n",
) -> Path:
    """Put a payments file into the inbox, as the source would."""
    path = root / "inbox" / f"payments_{day.replace('-', '')}{suffix}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join([header, *rows]).encode() + end.encode())
    if marker:
        path.with_name(path.name + ".ok").touch()
    return path


def vouch(root: Path, count: int, amount: str, *, day: str = DAY) -> None:
    """Write the source's control record."""
    path = root / "control" / f"payments_{day.replace('-', '')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "source": "payments",
        "reference_date": day,
        "count": str(count),
        "sums": {"amount": amount},
    }
    path.write_text(json.dumps(record), encoding="utf-8")


def good_day(root: Path) -> Path:
    """Write the project with one day that is right."""
    write_project(root)
    drop(root)
    vouch(root, 4, "330.35")
    return root


def puntual(root: Path, *arguments: str, env: dict[str, str] | None = None) -> Ran:
    """Run the real command in a process of its own; `check` while its calendars are valid."""
    if arguments[:1] == ("check",) and "--as-of" not in arguments:
        arguments = (*arguments, "--as-of", AS_OF)
    asked = os.environ | {"NO_COLOR": "1"} | (env or {})
    done = warm.run(["-C", str(root), *arguments], asked, 300)
    return Ran(done.returncode, done.stdout, done.stderr)


def run_day(
    root: Path, *more: str, day: str = DAY, as_of: str = AS_OF, env: dict[str, str] | None = None
) -> Ran:
    """Run one reference date at an instant before its deadline."""
    return puntual(root, "run", "-d", day, "--as-of", as_of, *more, env=env)


OF_LEDGER = ("statement.tlog-proof", "leaf.json", "consistency.json", "trust.json")
"""Files of a package that are different in every ledger, as keys and instants are."""


def digests(folder: Path) -> dict[str, str]:
    """
    Return the digest of every file below a folder, by its path.

    Of an envelope it is that of its statement; files of the ledger are only named.
    """
    return {
        str(p.relative_to(folder)): _digest(p) for p in sorted(folder.rglob("*")) if p.is_file()
    }


def _digest(path: Path) -> str:
    if path.name in OF_LEDGER:
        return ""
    data = path.read_bytes()
    if path.name == "statement.dsse.json":
        data = base64.b64decode(json.loads(data)["payload"])
    return hashlib.sha256(data).hexdigest()
