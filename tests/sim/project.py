"""The report projects of the simulator, and what their SQL means to the tiny engine."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from support import small

from puntual.model.project import Project
from puntual.model.report import Calendar
from puntual.ports.engine import Answer
from puntual.project.read import read_project
from sim.engine import Build, Query, Row, Tables

_CARDS = """\
  cards:
    kind: stream
    stream: cards
    control: {file: "control/cards_{reference_date:%Y%m%d}.json"}
  accounts:
    kind: database
    connection: "sqlite:source.db"
    query: >-
      SELECT account_id, balance FROM accounts WHERE as_of = :reference_date ORDER BY account_id
    control: snapshot
models:
"""
_CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: {name}
name: {name}
version: 1.0.0
status: active
schema:
  - name: {name}
    logicalType: object
    customProperties:
{properties}
    properties:
{columns}
"""
_CARDS_CONTRACT = _CONTRACT.format(
    name="cards",
    properties="""\
      - {property: puntual.format, value: {type: jsonl}}
      - {property: puntual.day, value: paid_on}
      - {property: puntual.orderBy, value: version}
      - {property: puntual.keep, value: last}
      - {property: puntual.measures, value: [{column: amount, unit: MXN}]}""",
    columns="""\
      - {name: event_id, logicalType: string, required: true, primaryKey: true}
      - {name: version, logicalType: integer, required: true}
      - {name: amount, logicalType: number, physicalType: "DECIMAL(18,2)", required: true}
      - {name: paid_on, logicalType: date, required: true}""",
)
_ACCOUNTS_CONTRACT = _CONTRACT.format(
    name="accounts",
    properties="""\
      - {property: puntual.format, value: {type: parquet}}
      - {property: puntual.measures, value: [{column: balance, unit: MXN}]}""",
    columns="""\
      - {name: account_id, logicalType: string, required: true, primaryKey: true}
      - {name: balance, logicalType: number, physicalType: "DECIMAL(18,2)", required: true}""",
)
_SUM = "SELECT coalesce(sum(amount), 0) FROM movements WHERE reference_date = :reference_date"
_SPLIT = (
    "SELECT coalesce(sum(CASE WHEN refund THEN amount ELSE 0 END), 0) + "
    "coalesce(sum(CASE WHEN refund THEN 0 ELSE amount END), 0) "
    "FROM movements WHERE reference_date = :reference_date"
)
_BALANCE = "SELECT coalesce(sum(balance), 0) FROM accounts WHERE reference_date = :reference_date"
_BY_SIGN = (
    "SELECT coalesce(sum(CASE WHEN balance < 0 THEN balance ELSE 0 END), 0) + "
    "coalesce(sum(CASE WHEN balance < 0 THEN 0 ELSE balance END), 0) "
    "FROM accounts WHERE reference_date = :reference_date"
)
_BOTH = (
    "SELECT coalesce(sum(amount), 0) FROM (SELECT amount FROM movements "
    "WHERE reference_date = :reference_date UNION ALL SELECT amount FROM cards "
    "WHERE reference_date = :reference_date) AS both"
)
_REPORT = (
    "SELECT kind, count(*) AS payments, sum(amount) AS total FROM "
    "(SELECT CASE WHEN refund THEN 'R' ELSE 'P' END AS kind, amount FROM movements "
    "WHERE reference_date = :reference_date{more}) AS listed GROUP BY kind ORDER BY kind"
)
_MORE = " UNION ALL SELECT 'C', amount FROM cards WHERE reference_date = :reference_date"
_CONTROLS = """\
controls:
  - id: refunds_and_payments
    kind: business
    left: {left}
    right: {right}
    unit: MXN
"""
_CHECKS = small.CHECKS.replace("on_fail: flag\n    severity: warn", "on_fail: hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """
    A project with the meaning of its SQL.

    Attributes:
        name: `files` (one source), `bank` (files, a stream and a database), or `policy` (two
            sources of files, of which one may be missing, and a plan B: `sim.policies`).
        project: As `puntual` reads it.
        models: Model → rows.
        queries: SQL text → answer, of the warehouse.
        plan_b: The same of the raw day.
    """

    name: str
    project: Project
    models: Mapping[str, Build]
    queries: Mapping[str, Query]
    plan_b: Mapping[str, Query] = field(default_factory=dict)

    def at(self, zone: str, calendar: Calendar) -> Project:
        """Return the project in another zone and with another calendar."""
        (report,) = self.project.reports.values()
        report = replace(report, time_zone=zone)
        contracts = {n: replace(c, time_zone=zone) for n, c in self.project.contracts.items()}
        return replace(
            self.project,
            time_zone=zone,
            contracts=contracts,
            reports={report.name: report},
            calendars={calendar.name: replace(calendar, name=report.calendar)}
            | {report.calendar: replace(calendar, name=report.calendar)},
        )


@cache
def shape(name: str) -> Shape:
    """Return a shape of project; written and read once in a process."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), name)
        project = read_project(Path(folder))
    return Shape(
        name=name, project=project, models={"movements": movements}, queries=_queries(name)
    )


def write(root: Path, name: str) -> None:
    """Write a shape of project as a folder of files."""
    bank = name == "bank"
    more: dict[str, str] = {}
    settings = small.SETTINGS
    if bank:
        settings = settings.replace("models:\n", _CARDS, 1)
        settings = settings.replace("tables: [movements]", "tables: [movements, cards, accounts]")
        more = {
            "contracts/cards.odcs.yaml": _CARDS_CONTRACT,
            "contracts/accounts.odcs.yaml": _ACCOUNTS_CONTRACT,
        }
    tie = f"  - column: total\n    dataset: movements\n    query: {_BOTH if bank else _SUM}\n"
    report = small.REPORT.split("ties:\n")[0] + "ties:\n" + tie
    small.write_project(
        root,
        **{
            "puntual.yaml": settings,
            "checks/checks.yaml": _CHECKS,
            "controls/controls.yaml": _CONTROLS.format(left=_SUM, right=_SPLIT)
            + (_balances() if bank else ""),
            "reports/payments_daily/report.yaml": report,
            "reports/payments_daily/report.sql": _REPORT.format(more=_MORE if bank else "") + "\n",
            **more,
        },
    )


def _balances() -> str:
    return _CONTROLS.format(left=_BALANCE, right=_BY_SIGN).replace(
        "controls:\n  - id: refunds_and_payments", "  - id: balances"
    )


def movements(tables: Mapping[str, list[Row]]) -> list[Row]:
    names = ("payment_id", "client_id", "amount", "paid_on")
    return [
        {n: r[n] for n in names}
        | {"refund": _amount(r) < 0, "_object": r["_object"], "_position": r["_position"]}
        for r in tables["payments"]
    ]


def _queries(name: str) -> dict[str, Query]:
    bank = name == "bank"
    answers: dict[str, Query] = {
        _SUM: lambda t: _one(sum(map(_amount, t.get("movements", [])), Decimal(0))),
        _SPLIT: lambda t: _one(sum(map(_amount, t.get("movements", [])), Decimal(0))),
        _BALANCE: _balance,
        _BY_SIGN: _balance,
        _BOTH: lambda t: _one(sum((a for _, a in _listed(t, bank=True)), Decimal(0))),
        _REPORT.format(more=_MORE if bank else ""): lambda t: _report(_listed(t, bank=bank)),
    }
    return {" ".join(sql.split()): answer for sql, answer in answers.items()}


def _balance(tables: Tables) -> Answer:
    return _one(sum((_decimal(r["balance"]) for r in tables.get("accounts", [])), Decimal(0)))


def _listed(tables: Tables, *, bank: bool) -> list[tuple[str, Decimal]]:
    rows = [("R" if r["refund"] else "P", _amount(r)) for r in tables.get("movements", [])]
    return rows + [("C", _amount(r)) for r in tables.get("cards", []) if bank]


def _report(rows: list[tuple[str, Decimal]]) -> Answer:
    kinds = sorted({kind for kind, _ in rows})
    groups = [[a for k, a in rows if k == kind] for kind in kinds]
    return Answer(
        names=("kind", "payments", "total"),
        types=("VARCHAR", "BIGINT", "DECIMAL(38,2)"),
        columns=(
            tuple(kinds),
            tuple(len(g) for g in groups),
            tuple(sum(g, Decimal(0)) for g in groups),
        ),
    )


def _one(value: Decimal) -> Answer:
    return Answer(names=("n",), types=("DECIMAL(38,2)",), columns=((value,),))


def _amount(row: Row) -> Decimal:
    return _decimal(row["amount"])


def _decimal(value: object) -> Decimal:
    assert isinstance(value, Decimal)
    return value


def expected(rows: Mapping[str, list[tuple[str, Decimal]]], day: date) -> bytes:
    """
    Return the file that a day's true rows must give, made without the product.

    Args:
        rows: Dataset → (identity, amount).
        day: The reference date.
    """
    listed = [("R" if a < 0 else "P", a) for _, a in rows["payments"]]
    listed += [("C", a) for _, a in rows.get("cards", [])]
    lines = [f"H|{day:%Y%m%d}"]
    for kind in sorted({k for k, _ in listed}):
        amounts = [a for k, a in listed if k == kind]
        lines.append(f"{kind}|{len(amounts)}|{sum(amounts, Decimal(0)):.2f}")
    total = sum((a for _, a in listed), Decimal(0))
    lines.append(f"T|{len(lines) - 1}|{total:.2f}")
    return ("\n".join(lines) + "\n").encode()
