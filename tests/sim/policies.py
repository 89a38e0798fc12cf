"""The simulated bank that may deliver less: its project, its policies, and what its files say."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

from support import partial, small

from puntual.evidence.digest import sha256
from puntual.model.policy import (
    Acceptance,
    Clause,
    Gap,
    Limits,
    Policy,
    Sending,
    Signatures,
    Substitute,
)
from puntual.ports.engine import Answer
from puntual.project.read import read_project
from sim.engine import Query, Row, Tables
from sim.project import Shape, movements
from sim.sources import Row as Sent

REPORT = "payments_daily"
RESERVE = 15
"""Minutes before the due time at which a deliverable must exist, at the latest."""

MOST = 2
"""Cards that may be missing at most, by the clause about a short file."""

AGE = 4
"""Days at most between a day and the one that stands in for its cards."""

OMIT, SHORT, STANDS_IN, PLAN_B = "cards_absent", "cards_short", "cards_stand_in", "no_full_report"
FLAGS = {OMIT: "SIN TARJETAS", SHORT: "TARJETAS INCOMPLETAS", STANDS_IN: "TARJETAS DE ANTES",
         PLAN_B: "PLAN B"}  # fmt: skip

_POLICY = (
    partial.POLICY.split("clauses:\n")[0]
    + f"""\
clauses:
  - {{id: {OMIT}, source: cards, when: [absent], substitute: omit, flag: {FLAGS[OMIT]}}}
  - {{id: {SHORT}, source: cards, when: [short], limits: {{rows: {MOST}}}, substitute: omit,
      flag: {FLAGS[SHORT]}}}
  - {{id: {PLAN_B}, fault: true, substitute: plan_b, flag: {FLAGS[PLAN_B]}}}
"""
)
_STAND_IN = Clause(
    id=STANDS_IN,
    source="cards",
    gaps=(Gap.ABSENT,),
    limits=Limits(age=AGE),
    substitute=Substitute.LAST_KNOWN,
    flag=FLAGS[STANDS_IN],
)
_TOTAL = "SELECT coalesce(sum(amount), 0) FROM movements WHERE reference_date = :reference_date"
_TOTAL_RAW = "SELECT coalesce(sum(amount), 0) FROM payments"
_SPLIT = (
    "SELECT coalesce(sum(CASE WHEN refund THEN amount ELSE 0 END), 0) + "
    "coalesce(sum(CASE WHEN refund THEN 0 ELSE amount END), 0) "
    "FROM movements WHERE reference_date = :reference_date"
)
_CONTROLS = f"""\
controls:
  - {{id: refunds_and_payments, kind: business, unit: MXN, left: "{_TOTAL}", right: "{_SPLIT}"}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """
    A policy of one night, and who has agreed to it.

    Attributes:
        kind: What became of it: `approved`, `none`, or why it does not count.
        policy: As the project has it; None: it has none.
        clauses: Ids of its clauses.
        counts: It is valid on the due day, and holds once `signatures` are given.
        signatures: (person, role, minutes before or after the moment to decide), those given.
        of_it: The signatures are of these bytes; else of others.
    """

    kind: str
    policy: Policy | None = None
    clauses: frozenset[str] = frozenset()
    counts: bool = False
    signatures: tuple[tuple[str, str, int], ...] = ()
    of_it: bool = True

    @property
    def approved_after(self) -> int | None:
        """Minutes after the moment to decide from which on it counts; None: it never does."""
        return max(m for _, _, m in self.signatures) if self.counts else None


_EARLY = -10_000
_BOTH = (("Ana", "compliance", _EARLY), ("Luis", "operations", _EARLY))
_BAD: Mapping[str, tuple[tuple[str, str, int], ...]] = {
    "not signed": (),
    "one signature": _BOTH[:1],
    "signed by its author": (("Sara", "compliance", _EARLY), _BOTH[1]),
    "signed by one person in both roles": (_BOTH[0], ("Ana", "operations", _EARLY)),
    "changed after it was signed": _BOTH,
}


def draw(rng: random.Random, due: date) -> Approved:
    """Draw the policy of a night that is due on a day."""
    kind = rng.choice(
        ("approved",) * 9
        + (
            "approved late",
            "none",
            "none",
            "expired",
            "not yet valid",
            "acceptance ended",
            "accepted later",
        )
        + (*_BAD,)
    )
    if kind == "none":
        return Approved(kind=kind)
    chosen = frozenset({rng.choice((OMIT, OMIT, STANDS_IN)), SHORT, PLAN_B})
    if rng.random() < 0.3:
        chosen -= {rng.choice((SHORT, PLAN_B, OMIT))}
    policy = _policy(chosen, due, kind, signed=rng.random() < 0.25)
    signatures = _BAD.get(kind, _BOTH)
    if kind == "approved late":
        signatures = (_BOTH[0], (*_BOTH[1][:2], rng.randint(-90, 60)))
    return Approved(
        kind=kind,
        policy=policy,
        clauses=chosen,
        counts=kind in ("approved", "approved late"),
        signatures=signatures,
        of_it=kind != "changed after it was signed",
    )


def _policy(clauses: frozenset[str], due: date, kind: str, *, signed: bool) -> Policy:
    day = timedelta(days=1)
    first, last, accepted = due - 200 * day, due + 100 * day, due + 50 * day
    given = first
    if kind == "expired":
        last = due - day
    elif kind == "not yet valid":
        first = due + day
    elif kind == "acceptance ended":
        accepted, signed = due - day, False
    elif kind == "accepted later":
        given, signed = due + day, False
    base = _base().project.policies["cards"]
    # A policy speaks of an absent source once only: either it is left out, or a day stands in.
    told = sorted((*base.clauses, _STAND_IN), key=lambda c: c.id)
    laid_down = replace(
        base,
        clauses=tuple(c for c in told if c.id in clauses),
        valid_from=first,
        valid_until=last,
        acceptance=Acceptance(reference="x", accepted_on=given, valid_until=accepted),
        sending=Sending.SIGNED if signed else Sending.AUTOMATIC,
        signing=Signatures(roles=("compliance", "operations"), people=2) if signed else None,
    )
    return replace(laid_down, digest=sha256(repr(laid_down).encode()))


def policy_shape() -> Shape:
    """Return the bank's project, its policies still without anybody's agreement."""
    return _base()


@cache
def _base() -> Shape:
    with tempfile.TemporaryDirectory() as folder:
        root = partial.partial_project(Path(folder), _POLICY)
        small.write_project(
            root,
            **{
                "puntual.yaml": partial.SETTINGS,
                "contracts/cards.odcs.yaml": partial.CARDS,
                "models/card_rows.sql": partial.CARD_ROWS,
                "checks/checks.yaml": small.CHECKS.replace(
                    "on_fail: flag\n    severity: warn", "on_fail: hold"
                ),
                "controls/controls.yaml": _CONTROLS,
                "policies/cards.yaml": _POLICY,
                f"reports/{REPORT}/report.yaml": _report_yaml(),
                f"reports/{REPORT}/report.sql": partial.REPORT_SQL,
                f"reports/{REPORT}/emergency.sql": partial.EMERGENCY_SQL,
                f"reports/{REPORT}/layout.yaml": partial.LAYOUT,
            },
        )
        project = read_project(root)
    plan_b = project.reports[REPORT].emergency
    assert plan_b is not None
    return Shape(
        name="policy",
        project=project,
        models={"movements": movements, "card_rows": _card_rows},
        queries=_queries(project.reports[REPORT].sql),
        plan_b={
            _spelled(plan_b.sql): lambda t: _rows(t["payments"], t["cards"]),
            _spelled(_TOTAL_RAW): lambda t: _one(_sum(t["payments"])),
        },
    )


def _report_yaml() -> str:
    head = small.REPORT.split("ties:\n")[0]
    ties = f"ties:\n  - {{column: total, dataset: movements, query: '{_TOTAL}'}}\n"
    plan_b = f"emergency:\n  ties: [{{column: total, source: payments, query: '{_TOTAL_RAW}'}}]\n"
    return head + ties + plan_b


def _card_rows(tables: Tables) -> list[Row]:
    names = ("card_id", "client_id", "amount", "paid_on", "_object", "_position")
    return [{n: r[n] for n in names} for r in tables["cards"]]


def _queries(report: str) -> dict[str, Query]:
    total: Query = lambda t: _one(_sum(t.get("movements", [])))  # noqa: E731 - a table of SQL
    return {
        _spelled(_TOTAL): total,
        _spelled(_SPLIT): total,
        _spelled(report): lambda t: _rows(t.get("movements", []), t.get("card_rows", [])),
    }


def _spelled(sql: str) -> str:
    return " ".join(sql.split())


def _rows(payments: list[Row], cards: list[Row]) -> Answer:
    kinds = sorted({_kind(_amount(r)) for r in payments})
    groups = [[_amount(r) for r in payments if _kind(_amount(r)) == k] for k in kinds]
    return Answer(
        names=("kind", "payments", "total", "cards"),
        types=("VARCHAR", "BIGINT", "DECIMAL(18,2)", "DECIMAL(18,2)"),
        columns=(
            tuple(kinds),
            tuple(len(g) for g in groups),
            tuple(sum(g, Decimal(0)) for g in groups),
            (_sum(cards),) * len(kinds),
        ),
    )


def _kind(amount: Decimal) -> str:
    return "R" if amount < 0 else "P"


def _sum(rows: list[Row]) -> Decimal:
    return sum((_amount(r) for r in rows), Decimal(0))


def _amount(row: Row) -> Decimal:
    found = row["amount"]
    assert isinstance(found, Decimal)
    return found


def _one(value: Decimal) -> Answer:
    return Answer(names=("n",), types=("DECIMAL(38,2)",), columns=((value,),))


def said(
    day: date, payments: list[Sent], cards: list[Sent], *, completeness: str, flags: str = ""
) -> bytes:
    """
    Return the file that must be delivered, made without the product.

    Args:
        day: The reference date.
        payments: (identity, amount) of every payment.
        cards: The same of the cards that are in it.
        completeness: Its word in the header.
        flags: What the clauses have it say.
    """
    total = sum((a for _, a in cards), Decimal(0))
    lines = [f"H|{day:%Y%m%d}|{completeness}|{flags}"]
    for kind in sorted({_kind(a) for _, a in payments}):
        amounts = [a for _, a in payments if _kind(a) == kind]
        lines.append(f"{kind}|{len(amounts)}|{sum(amounts, Decimal(0)):.2f}|{total:.2f}")
    whole = sum((a for _, a in payments), Decimal(0))
    lines.append(f"T|{len(lines) - 1}|{whole:.2f}")
    return ("\n".join(lines) + "\n").encode()
