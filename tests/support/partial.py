"""A small project with two sources, of which one may be missing by a policy; with a plan B."""

from __future__ import annotations

import json
from pathlib import Path

from support import small
from support.small import DAY, Ran, drop, puntual, vouch, write_project

REPORT = "payments_daily"
AT_FIVE, AT_SIX_FIFTY = "T05:00:00-06:00", "T06:50:00-06:00"
SIGNED_ON = "2026-02-01T00:00:00Z"

SETTINGS = small.SETTINGS.replace(
    "models:\n",
    """\
  cards:
    kind: files
    path: "inbox/cards_{reference_date:%Y%m%d}*.csv"
    complete: {marker: .ok}
    control: {file: "control/cards_{reference_date:%Y%m%d}.json"}
models:
  card_rows:
    key: [card_id]
    measures: [{column: amount, unit: MXN}]
    carries: cards
""",
).replace("tables: [movements]", "tables: [card_rows, movements]") + (
    "roles:\n  compliance: [Ana, Eva]\n  operations: [Luis]\n"
)
CARDS = small.CONTRACT.replace("payments", "cards").replace("payment_id", "card_id")
CARD_ROWS = "SELECT card_id, client_id, amount, paid_on, _object, _position FROM cards\n"
REPORT_SQL = """\
SELECT
  CASE WHEN amount < 0 THEN 'R' ELSE 'P' END AS kind,
  count(*) AS payments,
  CAST(sum(amount) AS DECIMAL(18, 2)) AS total,
  CAST((
    SELECT coalesce(sum(c.amount), 0) FROM card_rows AS c WHERE c.reference_date = :reference_date
  ) AS DECIMAL(18, 2)) AS cards
FROM movements
WHERE reference_date = :reference_date
GROUP BY 1
ORDER BY 1
"""
EMERGENCY_SQL = """\
SELECT
  CASE WHEN amount < 0 THEN 'R' ELSE 'P' END AS kind,
  count(*) AS payments,
  CAST(sum(amount) AS DECIMAL(18, 2)) AS total,
  CAST((SELECT coalesce(sum(c.amount), 0) FROM cards AS c) AS DECIMAL(18, 2)) AS cards
FROM payments
GROUP BY 1
ORDER BY 1
"""
LAYOUT = small.LAYOUT.replace(
    "  - {name: total, scale: 2}\ntrailer",
    "  - {name: total, scale: 2}\n  - {name: cards, scale: 2}\ntrailer",
).replace(
    '  - {name: date, value: "{reference_date:%Y%m%d}"}\n',
    '  - {name: date, value: "{reference_date:%Y%m%d}"}\n'
    '  - {name: completeness, value: "{completeness}"}\n'
    '  - {name: flags, value: "{flags}"}\n',
)
PLAN_B = small.REPORT + (
    "emergency:\n"
    "  ties: [{column: total, source: payments, query: SELECT sum(amount) FROM payments}]\n"
)
POLICY = """\
report: payments_daily
author: Sara
valid_from: "2026-01-01"
valid_until: "2026-12-30"
approval: {roles: [compliance, operations], people: 2}
delivery: {mode: automatic}
acceptance: {reference: "Oficio 1/2026", accepted_on: "2026-01-01", valid_until: "2026-12-30"}
minimum: {sources: [payments]}
clauses:
  - id: cards_absent
    source: cards
    when: [absent]
    substitute: omit
    flag: SIN TARJETAS
    owner: Cards platform
    repair_hours: 24
  - id: warehouse_down
    fault: true
    substitute: plan_b
    owner: Platform
"""


def partial_project(root: Path, policy: str = POLICY) -> Path:
    """Write the project; its policy is not approved yet."""
    return write_project(
        root,
        **{
            "puntual.yaml": SETTINGS,
            "contracts/cards.odcs.yaml": CARDS,
            "models/card_rows.sql": CARD_ROWS,
            "policies/cards.yaml": policy,
            f"reports/{REPORT}/report.yaml": PLAN_B,
            f"reports/{REPORT}/report.sql": REPORT_SQL,
            f"reports/{REPORT}/emergency.sql": EMERGENCY_SQL,
            f"reports/{REPORT}/layout.yaml": LAYOUT,
        },
    )


def send_payments(root: Path, day: str = DAY) -> None:
    """Send the source that every delivery needs."""
    drop(root, tuple(r.replace(DAY, day) for r in small.ROWS), day=day)
    vouch(root, 4, "330.35", day=day)


def send_cards(root: Path, day: str = DAY) -> None:
    """Send the source that a policy lets be missing: two cards, 15.00 in all."""
    path = root / "inbox" / f"cards_{day.replace('-', '')}.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"card_id;client_id;amount;paid_on\nk1;c1;10.00;{day}\nk2;c1;5.00;{day}\n")
    path.with_name(path.name + ".ok").touch()
    record = {"source": "cards", "reference_date": day, "count": "2", "sums": {"amount": "15.00"}}
    control = root / "control" / f"cards_{day.replace('-', '')}.json"
    control.parent.mkdir(exist_ok=True)
    control.write_text(json.dumps(record))


def sign_policy(root: Path, person: str, role: str) -> Ran:
    """Sign the policy as it stands."""
    who = ("--as", person, "--role", role, "--as-of", SIGNED_ON)
    return puntual(root, "sign", "policy", "cards", *who)


def approve(root: Path) -> None:
    """Have both people sign the policy as it stands."""
    assert sign_policy(root, "Ana", "compliance").code == 6
    assert sign_policy(root, "Luis", "operations").code == 0
