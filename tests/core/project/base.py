"""A whole, right project in a few lines, and one edit away from each complaint."""

from __future__ import annotations

from pathlib import Path

from puntual.errors import Complaint
from puntual.project.complaints import show
from puntual.project.read import lint

FILES = {
    "puntual.yaml": """\
name: banco-ejemplo
time_zone: America/Mexico_City
sources:
  credits:
    kind: database
    connection: sqlite:data/core.db
    query: SELECT * FROM credits WHERE snapshot_date = :reference_date
    control: snapshot
  card_events:
    kind: stream
    stream: card-events
    control: {file: "control/card_{reference_date:%Y%m%d}.json"}
  branch:
    kind: files
    path: "inbox/branch_{reference_date:%Y%m%d}*.csv"
    complete: {marker: .ok}
    control: {none: "the branches send none"}
models:
  movements:
    key: [movement_id]
    measures: [{column: amount, unit: MXN}]
    carries: card_events
warehouse:
  kind: duckdb
  location: .puntual/warehouse.duckdb
  tables: [credits, movements]
environments:
  ci:
    warehouse: {kind: postgresql, location: env:CI_DSN}
""",
    "contracts/credits.odcs.yaml": """\
apiVersion: v3.1.0
kind: DataContract
id: credits
name: credits
version: 1.0.0
status: active
schema:
  - name: credits
    logicalType: object
    customProperties:
      - {property: puntual.measures, value: [{column: balance, unit: MXN}]}
    properties:
      - {name: credit_id, logicalType: string, required: true, primaryKey: true}
      - {name: product, logicalType: string}
      - {name: balance, logicalType: number, physicalType: "DECIMAL(18,2)"}
      - {name: opened_on, logicalType: date}
""",
    "contracts/card_events.odcs.yaml": """\
apiVersion: v3.1.0
kind: DataContract
id: card-events
name: card_events
version: 1.0.0
status: active
schema:
  - name: card_events
    logicalType: object
    customProperties:
      - {property: puntual.format, value: {type: jsonl}}
      - {property: puntual.day, value: occurred_at}
      - {property: puntual.keep, value: last}
      - {property: puntual.orderBy, value: occurred_at}
      - {property: puntual.measures, value: [{column: amount, unit: MXN}]}
      - {property: puntual.quarantineLimit, value: {rows: 5, amount: "1000.00"}}
    properties:
      - name: event_id
        logicalType: string
        required: true
        primaryKey: true
        primaryKeyPosition: 1
      - name: credit_id
        logicalType: string
      - name: amount
        physicalName: pay.amount
        logicalType: number
        physicalType: DECIMAL(18,2)
        required: true
      - name: kind
        logicalType: string
        logicalTypeOptions: {pattern: "^[A-Z]+$"}
        customProperties:
          - {property: puntual.accepted, value: [PAYMENT, REFUND]}
      - name: occurred_at
        logicalType: timestamp
        classification: public
""",
    "contracts/branch.odcs.yaml": """\
apiVersion: v3.2.0
kind: DataContract
id: branch
name: branch
version: 1.0.0
status: active
schema:
  - name: branch
    customProperties:
      - property: puntual.format
        value: {type: csv, delimiter: ";", encoding: latin-1, decimalMark: ",", groupMark: "."}
    properties:
      - {name: amount, logicalType: number, physicalType: "NUMERIC(12,2)"}
      - name: paid_on
        logicalType: date
        customProperties:
          - {property: puntual.dateFormat, value: "%d/%m/%Y"}
""",
    "models/movements.sql": """\
-- One row for each card event.
SELECT e.event_id AS movement_id, e.credit_id, e.amount, e.occurred_at, e._object, e._position
FROM card_events AS e
JOIN credits AS c USING (credit_id)
""",
    "checks/rules.yaml": """\
checks:
  - id: credit_exists
    dataset: card_events
    reference: {column: credit_id, dataset: credits, to_column: credit_id}
    on_fail: quarantine
    basis: CUB art. 207
  - {id: has_id, dataset: movements, not_null: [movement_id], on_fail: quarantine}
  - {id: one_id, dataset: movements, unique: [movement_id]}
  - {id: products, dataset: credits, accepted_values: {column: product, values: [A, B]}}
  - {id: recent, dataset: card_events, fresh: {column: occurred_at, max_age_hours: 24}}
  - {id: positive, dataset: credits, row: balance >= 0, severity: warn, on_fail: flag}
  - {id: no_orphans, dataset: movements, sql: checks/orphans.sql}
  - id: total
    dataset: movements
    sum_equals: {column: amount, query: SELECT sum(amount) FROM card_events}
""",
    "checks/orphans.sql": """\
SELECT m._object, m._position
FROM movements AS m
WHERE m.credit_id NOT IN (SELECT credit_id FROM credits)
""",
    "controls/ledger.yaml": """\
controls:
  - id: ledger_tie
    kind: business
    left: SELECT sum(balance) FROM credits WHERE reference_date = :reference_date
    right: |
      SELECT sum(amount)
      FROM movements
      WHERE reference_date = :reference_date
    tolerance: "0.50"
    unit: MXN
""",
    "calendars/mx-cnbv.yaml": """\
source: "DOF 2025-12-10, CNBV (example)"
published: 2025-12-10
valid_from: 2026-01-01
valid_until: 2026-12-31
weekend: [6, 7]
holidays:
  - {date: 2026-11-16, name: Revolution day}
""",
    "reports/credit_daily/report.yaml": """\
title: Daily credit report
institution: Banco Ejemplo
calendar: mx-cnbv
due: {business_days_after: 1, time: "07:00"}
destinations: [{folder: out}]
ties:
  - column: balance
    dataset: credits
    query: SELECT sum(balance) FROM credits WHERE reference_date = :reference_date
  - {column: "*", dataset: credits, query: SELECT count(DISTINCT product) FROM credits}
""",
    "reports/credit_daily/report.sql": """\
SELECT product, sum(balance) AS balance
FROM credits
WHERE reference_date = :reference_date
GROUP BY product
ORDER BY product;
""",
    "reports/credit_daily/layout.yaml": """\
kind: delimited
file_name: "{report}_{reference_date:%Y%m%d}_v{version}.txt"
header:
  - {name: record_type, value: H}
  - {name: institution, value: "{institution}"}
detail:
  - {name: product}
  - {name: balance, scale: 2}
trailer:
  - {name: records, value: "{records}"}
  - {name: total, value: "{sum:balance}", scale: 2}
""",
}


def write(root: Path, files: dict[str, str] | None = None) -> Path:
    """Write a project; by default the right one."""
    for path, text in (files or FILES).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def edited(root: Path, path: str, old: str, new: str) -> tuple[Complaint, ...]:
    """Return the complaints about the right project with one edit."""
    assert FILES[path].count(old) >= 1, f"{old!r} is not in {path}"
    return lint(write(root, {**FILES, path: FILES[path].replace(old, new, 1)}))[1]


def shown(complaints: tuple[Complaint, ...]) -> str:
    """Return complaints as a person sees them."""
    return "\n".join(show(c) for c in complaints)


def first_lines(complaints: tuple[Complaint, ...]) -> list[str]:
    """Return each complaint's first line, as a person sees it."""
    return [show(c).splitlines()[0] for c in complaints]
