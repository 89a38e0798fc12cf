"""What a delivery tells beside the report: policy, plan B, effects, the version before."""

from __future__ import annotations

from datetime import datetime

from puntual.evidence import accounted
from puntual.evidence.accounted import Table
from puntual.evidence.document import Accuracy, Context, Resolved, Rule
from puntual.evidence.exceptions import Entry
from puntual.evidence.facts import list_from_json, to_json
from puntual.model.approval import Approval
from puntual.model.delivery import Completeness, Decision
from puntual.model.policy import Policy
from puntual.project.feeds import feeds
from puntual.render.readback import read_back
from puntual.runner import emergency, restate
from puntual.runner.governing import APPROVALS
from puntual.runner.world import DayRun

ACCURACY = "accuracy"
"""In an attest manifest of an emergency delivery: how near plan B had come until then."""


def context(
    run: DayRun, report: str, decision: Decision, due_at: datetime, entries: tuple[Entry, ...]
) -> Context:
    """
    Return what the exceptions document says beside the exceptions.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    restatement = run.restatements.get(report)
    before = restate.superseded(run, report)
    policy = run.project.policies.get(decision.policy)
    gone: tuple[Resolved, ...] = ()
    if before is not None:
        gone = accounted.resolved(restate.entries_before(run, report, before.manifest), entries)
    return Context(
        due_at=due_at,
        policy=None if policy is None else _rule(run, report, policy),
        accuracy=_accuracy(run, report, decision),
        supersedes="" if before is None else before.delivery,
        reason=restatement.reason if restatement else (before.reason if before else ""),
        resolved=gone,
    )


def facts(found: Context) -> dict[str, object]:
    """Return what an attest manifest keeps of it, so that a replay says the same."""
    return {ACCURACY: to_json(found.accuracy)} if found.accuracy else {}


def with_effects(run: DayRun, report: str, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the exceptions with what each changes in the file, column by column."""
    made = run.manifest(f"report:{report}")
    columns = made.facts["columns"]
    assert isinstance(columns, list)  # noqa: S101 - written when the report was made
    names, types = [name for name, _ in columns], [kind for _, kind in columns]
    layout = run.project.reports[report].layout
    back = read_back(layout, run.world.objects.read(made.of_role("report")[0]), names, types)
    fields = [field.name for field in layout.detail]
    fed = feeds(run.project, report)
    table = Table(
        columns=dict(zip(fields, back.columns, strict=True)),
        values={name: one.values for name, one in fed.items()},
        rows={name: one.rows for name, one in fed.items()},
    )
    return accounted.with_effects(entries, table, _sources(run))


def _rule(run: DayRun, report: str, policy: Policy) -> Rule:
    decided = run.manifest(f"decide:{report}")
    given = list_from_json(Approval, decided.facts.get(APPROVALS, []))
    acceptance = policy.acceptance
    return Rule(
        name=policy.name,
        digest=policy.digest,
        approvals=tuple(a for a in given if a.digest == policy.digest),
        acceptance=acceptance.reference if acceptance else "",
        accepted_on=acceptance.accepted_on if acceptance else None,
    )


def _accuracy(run: DayRun, report: str, decision: Decision) -> tuple[Accuracy, ...]:
    if decision.completeness is not Completeness.EMERGENCY:
        return ()
    recorded = run.recorded.get(f"attest:{report}")
    if recorded is not None:
        return list_from_json(Accuracy, recorded.facts.get(ACCURACY, []))
    return emergency.accuracy(run, report)


def _sources(run: DayRun) -> dict[str, str]:
    """Return dataset or check → the source that it is about."""
    found = {name: name for name in run.project.contracts}
    found |= {n: m.carries for n, m in run.project.models.items() if m.carries is not None}
    checks = {c.id: found[c.dataset] for c in run.project.checks.values() if c.dataset in found}
    return checks | found
