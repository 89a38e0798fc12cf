"""
The exceptions document of a delivery as data: `exceptions.json`, in canonical JSON.

Its JSON Schema is published with the package (`exceptions-1.schema.json`, beside this module).
Numbers are text; what is not known is null, never zero and never left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from puntual.evidence import canonical
from puntual.evidence.exceptions import Effect, Entry, numbered
from puntual.model.approval import Approval
from puntual.model.delivery import Decision, DeliveryId

SCHEMA = "puntual/exceptions/1"
SCHEMA_FILE = "exceptions-1.schema.json"
ROWS = "*"
"""What stands for the number of lines among the columns of a comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    The policy that a delivery left under.

    Attributes:
        name: Of the policy.
        digest: SHA-256 of its file.
        approvals: Who approved it, oldest first.
        acceptance: The regulator's written acceptance; "" if none is named.
        accepted_on: Its date; None if none is named.
    """

    name: str
    digest: str
    approvals: tuple[Approval, ...] = ()
    acceptance: str = ""
    accepted_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """
    How near plan B came to the full report on the days on which both were made.

    Attributes:
        column: Of the report.
        days: On how many days both were made.
        first: The first of them.
        last: The last of them.
        worst: The largest difference of its total, without sign, as text; "" of no day.
        failed: Of the number of lines, `ROWS`: the days on which plan B could not be made, or
            did not hold its own ties, oldest first.
    """

    column: str
    days: int
    first: date
    last: date
    worst: str
    failed: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """An exception of the version before that is no exception of this one."""

    id: str
    kind: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """
    What is told of a delivery beside its exceptions.

    Attributes:
        due_at: The deadline.
        policy: Under which it leaves; None if it needs none.
        accuracy: Of plan B, by column; of an emergency delivery.
        supersedes: Id of the version before; "" for the first.
        reason: Why that is replaced.
        resolved: What the version before named and this one does not.
    """

    due_at: datetime
    policy: Rule | None = None
    accuracy: tuple[Accuracy, ...] = ()
    supersedes: str = ""
    reason: str = ""
    resolved: tuple[Resolved, ...] = ()


def encode(
    delivery: DeliveryId, decision: Decision, entries: Iterable[Entry], context: Context
) -> bytes:
    """
    Return the document as canonical bytes: `exceptions.json`.

    Raises:
        EvidenceError: V2001 a name is not ASCII where it is a key, or a sum is not finite.
    """
    completeness = decision.completeness
    return canonical.encode(
        {
            "schema": SCHEMA,
            "delivery": str(delivery),
            "completeness": None if completeness is None else completeness.value,
            "due_at": context.due_at.astimezone(UTC).isoformat(),
            "policy": None if context.policy is None else _policy(context.policy),
            "reasons": [
                {"code": r.code, "about": r.about, "sentence": r.sentence} for r in decision.reasons
            ],
            "exceptions": [{"id": name} | _value(entry) for name, entry in numbered(entries)],
            "plan_b": [_accuracy(one) for one in context.accuracy],
            "supersedes": None
            if not context.supersedes
            else {
                "delivery": context.supersedes,
                "reason": context.reason,
                "resolved": [
                    {"id": r.id, "class": r.kind, "about": r.about} for r in context.resolved
                ],
            },
        }
    )


def _policy(rule: Rule) -> dict[str, object]:
    return {
        "name": rule.name,
        "sha256": rule.digest,
        "approvals": [
            {"person": a.person, "role": a.role, "at": a.at.astimezone(UTC).isoformat()}
            for a in rule.approvals
        ],
        "acceptance": rule.acceptance or None,
        "accepted_on": None if rule.accepted_on is None else rule.accepted_on.isoformat(),
    }


def _accuracy(one: Accuracy) -> dict[str, object]:
    return {
        "column": one.column,
        "days": str(one.days),
        "first": one.first.isoformat(),
        "last": one.last.isoformat(),
        "worst_difference": one.worst or None,
        "failed_days": [day.isoformat() for day in one.failed],
    }


def _value(entry: Entry) -> dict[str, object]:
    return {
        "class": entry.kind.value,
        "about": entry.about,
        "code": entry.code,
        "reason": entry.reason,
        "rows": None if entry.rows is None else str(entry.rows),
        "amounts": {k: canonical.number(v) for k, v in entry.amounts.items()},
        "share_percent": entry.share,
        "expected": entry.expected,
        "observed": entry.observed,
        "known_by": entry.known_by,
        "sample": [{"object": p.object, "position": str(p.position)} for p in entry.sample],
        "effect": entry.effect,
        "effects": [_effect(one) for one in entry.effects],
        "missing": list(entry.missing),
        "checks_not_run": list(entry.not_run),
        "cause": entry.cause or None,
        "owner": entry.owner or None,
        "first_seen": entry.first_seen or None,
        "expected_repair": entry.expected_repair or None,
        "policy_clause": entry.clause or None,
    }


def _effect(effect: Effect) -> dict[str, object]:
    return {
        "column": effect.column,
        "total_delivered": effect.total or None,
        "lines": [{"line": str(n), "delivered": value} for n, value in effect.lines],
        "more_lines": str(effect.more),
        "certain": effect.sure,
    }
