"""`puntual sign`: agree to a policy's file or to a delivery's statement, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import click

from puntual.cli import reading, text
from puntual.cli.options import (
    as_of_option,
    env_option,
    json_option,
    parse_day,
    project_option,
    root_of,
)
from puntual.cli.papers import Papers, papers
from puntual.errors import ProjectError
from puntual.evidence.digest import sha256
from puntual.local.approvals import DeclaredIdentity
from puntual.model.approval import Approval, Subject
from puntual.model.delivery import Decision, State
from puntual.model.manifest import Digest
from puntual.model.policy import Signatures
from puntual.model.project import AWS, Project
from puntual.planner.policy import missing
from puntual.ports.approvals import Approvals
from puntual.ports.journal import Journal, StepEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Signable:
    """
    What is signed.

    Attributes:
        subject: A policy or a delivery.
        name: The policy's name, or the delivery's id.
        digest: Of the bytes that the signature is bound to.
        needed: Whose signatures it needs.
        maker: Who made it; may not sign.
        day: Under which date the signing stands in the journal.
    """

    subject: Subject
    name: str
    digest: Digest
    needed: Signatures
    maker: str
    day: date


@click.command(name="sign", help="Agree to a policy, or to a delivery that waits for it.")
@click.argument("subject", type=click.Choice([s.value for s in Subject]))
@click.argument("name")
@project_option
@click.option("-d", "--date", "when", default=None, metavar="DATE", help="Of the delivery.")
@click.option("--as", "person", required=True, help="Who signs, as `roles` names the person.")
@click.option("--role", required=True, help="In which role.")
@env_option
@as_of_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    subject: str,
    name: str,
    project: Path | None,
    when: str | None,
    person: str,
    role: str,
    env: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Keep one person's agreement; exit 6 while others are still to sign."""
    root = root_of(ctx, project)
    read = reading.read(root, env)
    now = as_of or datetime.now(UTC)
    if Subject(subject) is Subject.DELIVERY and when is None:
        raise click.UsageError("a delivery is named by its report and -d DATE")
    with papers(root, read, env) as lent:
        if when is None or Subject(subject) is Subject.POLICY:
            what = _policy(root, read, name, now.date())
        else:
            what = _delivery(read, lent, name, parse_day(when), env)
        _check(read, what, person, role, lent.approvals)
        identity = DeclaredIdentity().confirm(person, what.digest)
        approval = Approval(
            subject=what.subject,
            name=what.name,
            digest=what.digest,
            person=person,
            role=role,
            at=now.astimezone(UTC),
            identity=identity,
        )
        record = lent.approvals.add(approval)
        given = lent.approvals.given(what.digest)
        still = missing(what.needed, given, read.roles, maker=what.maker)
        _note(lent.journal, what, approval, record, complete=not still)
    if as_json:
        data: dict[str, object] = {
            "subject": what.subject.value,
            "name": what.name,
            "sha256": what.digest,
            "person": person,
            "role": role,
            "at": approval.at.isoformat(),
            "identity": identity,
            "record": record,
            "still_needed": list(still),
        }
        text.envelope("sign", data, ok=not still, at=now)
    else:
        text.say(f" ● signed {what.subject.value} {what.name}   sha256 {what.digest[:12]}…")
        text.say(f"   {person}, {role}, {approval.at.isoformat(timespec='minutes')} ({identity})")
        text.say(f"   still needed: {' and '.join(still)}" if still else "   complete")
        if not still and what.subject is Subject.DELIVERY:
            day, away = what.day.isoformat(), read.place == AWS
            text.say(f"   next: puntual {f'run --env {env}' if away else 'deliver'} -d {day}")
    ctx.exit(6 if still else 0)


def _policy(root: Path, read: Project, name: str, today: date) -> Signable:
    policy = read.policies.get(name)
    if policy is None:
        known = ", ".join(sorted(read.policies)) or "none"
        raise _nothing(f"no policy is called {name}", known)
    return Signable(
        subject=Subject.POLICY,
        name=name,
        digest=sha256((root / policy.file).read_bytes()),
        needed=policy.approval,
        maker=policy.author,
        day=today,
    )


def _delivery(read: Project, lent: Papers, report: str, day: date, env: str | None) -> Signable:
    from puntual.runner import checkpoint, signing
    from puntual.runner.delivery import decision_of
    from puntual.runner.restate import SUPERSEDES, version_of

    attested = checkpoint.read(lent.archive, f"attest:{report}", day)
    decided = checkpoint.read(lent.archive, f"decide:{report}", day)
    sent = checkpoint.read(lent.archive, f"deliver:{report}", day)
    if attested is None or decided is None:
        raise _nothing(f"no delivery of {report} for {day.isoformat()} is made", "none")
    decision = decision_of(decided.manifest, None)
    version = version_of(attested.manifest)
    stands = attested.manifest.inputs.get(f"decide:{report}") == decided.digest
    over = sent is not None and version_of(sent.manifest) >= version
    if decision.signing is None or over or not stands:
        raise _nothing(
            f"{report}/{day.isoformat()}/v{version} waits for nobody's signature",
            "sent" if over else "needs none",
        )
    name = f"{report}/{day.isoformat()}/v{version}"
    _stands(read, lent.approvals, decision, name, env)
    said = attested.manifest.facts.get(SUPERSEDES)
    maker = str(said["person"]) if isinstance(said, dict) else ""
    return Signable(
        subject=Subject.DELIVERY,
        name=name,
        digest=signing.statement_of(attested.manifest),
        needed=decision.signing,
        maker=maker,
        day=day,
    )


def _stands(read: Project, kept: Approvals, decision: Decision, name: str, env: str | None) -> None:
    """
    Refuse a signature under a delivery whose policy is no longer the approved one.

    Such a delivery is decided anew before it is sent, so that the signature would be of bytes
    that never leave.

    Raises:
        ProjectError: P3046.
    """
    policy = read.policies.get(decision.policy)
    day = name.split("/")[1]
    again = f"{text.in_env('run', env)} -d {day} decides again; then sign what it makes"
    if policy is None or policy.digest != decision.policy_digest:
        raise ProjectError(
            "P3046",
            f"{name} was made under the policy {decision.policy}, which is another one now",
            where=policy.file if policy else "policies/",
            expected=f"sha256 {decision.policy_digest[:12]}…",
            observed=f"sha256 {policy.digest[:12]}…" if policy else "no policy of that name",
            next_step=f"have the policy approved as it stands, or put the other back; {again}",
        )
    given = kept.given(policy.digest)
    still = missing(policy.approval, given, read.roles, maker=policy.author)
    if still:
        raise ProjectError(
            "P3046",
            f"{name} was made under the policy {policy.name}, whose approval counts no more",
            where=policy.file,
            expected="the approval that it asks for, of people who hold the roles",
            observed=f"it needs {' and '.join(still)}",
            next_step=f"{text.in_env(f'sign policy {policy.name}', env)}; {again}",
        )


def _check(read: Project, what: Signable, person: str, role: str, kept: Approvals) -> None:
    """
    Refuse who may not sign.

    Raises:
        ProjectError: P3041 not in that role; P3042 signed already; P3043 made it.
    """
    holders = read.roles.get(role, ())
    if role not in what.needed.roles or person not in holders:
        raise ProjectError(
            "P3041",
            f"{person} cannot sign {what.name} as {role}",
            where="roles in puntual.yaml",
            expected=f"one of the roles {', '.join(what.needed.roles)}, held by {person}",
            observed=f"{role}: {', '.join(holders) or 'nobody'}",
            next_step="name the role that the person holds",
        )
    if person == what.maker:
        raise ProjectError(
            "P3043",
            f"{person} made {what.name} and cannot approve it",
            where=what.name,
            expected="another person",
            observed=person,
            next_step="somebody else must sign",
        )
    before = [a for a in kept.given(what.digest) if a.person == person]
    if before:
        raise ProjectError(
            "P3042",
            f"{person} has signed these bytes already, as {before[0].role}",
            where=what.name,
            expected="another person",
            observed=f"signed {before[0].at.isoformat(timespec='minutes')}",
            next_step="somebody else must sign",
        )


def _note(
    journal: Journal, what: Signable, approval: Approval, record: Digest, *, complete: bool
) -> None:
    journal.record(
        StepEvent(
            run=record[:12],
            reference_date=what.day,
            step=f"sign:{what.name}",
            outcome="done",
            seconds=0.0,
            at=approval.at,
            summary=f"{approval.person} as {approval.role} signed {what.digest[:12]}",
            facts={"sha256": what.digest, "record": record, "identity": approval.identity},
        )
    )
    if not complete or what.subject is not Subject.DELIVERY:
        return
    for one in journal.deliveries(reference_date=what.day):
        if str(one.id) == what.name and one.state is State.READY:
            signed = replace(one, state=State.SIGNED, reasons=())
            journal.save(signed, replacing=frozenset({State.READY}))


def _nothing(message: str, observed: str) -> ProjectError:
    return ProjectError(
        "P3044",
        message,
        where="puntual sign",
        expected="a policy of the project, or a delivery that waits for signatures",
        observed=observed,
        next_step="puntual status lists what waits; puntual policy lists the policies",
    )
