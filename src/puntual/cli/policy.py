"""`puntual policy`: what may be delivered when something is missing, and who approved it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from puntual.cli import reading, text
from puntual.cli.options import as_of_option, env_option, json_option, project_option, root_of
from puntual.cli.papers import papers
from puntual.model.approval import Approval
from puntual.model.policy import Clause, Policy
from puntual.model.project import Project
from puntual.planner.policy import missing


@click.command(name="policy", help="The policies of partial delivery, and who approved them.")
@click.argument("report", required=False)
@project_option
@env_option
@as_of_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    report: str | None,
    project: Path | None,
    env: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """List the policies; exit 6 if one is not approved as its file stands."""
    root = root_of(ctx, project)
    read = reading.read(root, env)
    now = as_of or datetime.now(UTC)
    named = reading.chosen_reports(read, report)
    chosen = [p for _, p in sorted(read.policies.items()) if p.report in named]
    with papers(root, read, env) as lent:
        every = lent.approvals.every() if chosen else ()
    given = {p.name: tuple(a for a in every if a.digest == p.digest) for p in chosen}
    still = {p.name: missing(p.approval, given[p.name], read.roles, maker=p.author) for p in chosen}
    if as_json:
        listed = [
            _json(p, given[p.name], still[p.name], void=_void(p, every), now=now) for p in chosen
        ]
        text.envelope("policy", {"policies": listed}, ok=not any(still.values()), at=now)
    else:
        if not chosen:
            text.say(" ○ no policy: what is not full is held")
        for p in chosen:
            for line in _lines(read, p, given[p.name], still[p.name], _void(p, every), now):
                text.say(line)
    ctx.exit(6 if any(still.values()) else 0)


def _void(policy: Policy, every: tuple[Approval, ...]) -> int:
    """Return how many approvals of a policy are of bytes that its file has no more."""
    return sum(a.name == policy.name and a.digest != policy.digest for a in every)


def _lines(
    read: Project,
    policy: Policy,
    given: tuple[Approval, ...],
    still: tuple[str, ...],
    void: int,
    now: datetime,
) -> list[str]:
    in_force = "valid" if policy.holds_on(now.date()) else "not valid today"
    lines = [
        f" {'●' if not still else '○'} {policy.name}  {policy.report}  {in_force} "
        f"{policy.first_day.isoformat()} to {policy.last_day.isoformat()}  "
        f"{policy.sending.value}   sha256 {policy.digest[:12]}…"
    ]
    lines += [f"   approved by {a.person} ({a.role}) {a.at.date().isoformat()}" for a in given]
    if void:
        lines.append(f"   {void} signature(s) of other bytes are void")
    if still:
        lines.append(f"   not approved: needs {' and '.join(still)}")
        lines.append(
            f"   next: puntual sign policy {policy.name} --as PERSON --role "
            f"{'|'.join(policy.approval.roles)}"
        )
    if policy.acceptance is not None:
        lines.append(
            f"   accepted by the regulator: {policy.acceptance.reference}, "
            f"from {policy.acceptance.accepted_on.isoformat()} "
            f"until {policy.acceptance.valid_until.isoformat()}"
        )
    return [*lines, *(f"   {_clause(c)}" for c in policy.clauses)]


def _clause(clause: Clause) -> str:
    about = clause.source or clause.check or "a fault"
    when = f" {', '.join(g.value for g in clause.gaps)}" if clause.gaps else ""
    limits = clause.limits
    bounds = [
        f"{word} {value}"
        for word, value in (
            ("rows ≤", limits.rows),
            ("money % ≤", limits.share),
            ("days old ≤", limits.age),
        )
        if value is not None
    ]
    covers = f"; covers {', '.join(clause.covers)}" if clause.covers else ""
    within = f" ({', '.join(bounds)})" if bounds else ""
    return f"{clause.id}: {about}{when}{within} → {clause.substitute.value}{covers}"


def _json(
    policy: Policy,
    given: tuple[Approval, ...],
    still: tuple[str, ...],
    *,
    void: int,
    now: datetime,
) -> dict[str, object]:
    return {
        "name": policy.name,
        "report": policy.report,
        "sha256": policy.digest,
        "valid_from": policy.first_day.isoformat(),
        "valid_until": policy.last_day.isoformat(),
        "in_force": policy.holds_on(now.date()),
        "delivery": policy.sending.value,
        "approvals": [{"person": a.person, "role": a.role, "at": a.at.isoformat()} for a in given],
        "void": str(void),
        "still_needed": list(still),
        "clauses": [c.id for c in policy.clauses],
    }
