"""Whether a delivery that is made waits for people, and who signed what was sent."""

from __future__ import annotations

from puntual.evidence.facts import to_json
from puntual.evidence.package import STATEMENT
from puntual.model.approval import Approval
from puntual.model.delivery import Decision, Reason
from puntual.model.manifest import Digest, Manifest
from puntual.model.policy import Signatures
from puntual.planner.policy import missing
from puntual.runner.world import DayRun

SIGNED = "signed"
"""In a deliver manifest: the signatures under which it was sent."""


def statement_of(attested: Manifest) -> Digest:
    """Return the digest of a delivery's statement: what its signatures are bound to."""
    return next(o.sha256 for o in attested.of_role("package") if o.detail["name"] == STATEMENT)


def waits(run: DayRun, report: str, decision: Decision) -> Reason | None:
    """
    Return why a delivery that is made is not sent yet; None when it may leave.

    Raises:
        EvidenceError: P3045 a signature was altered.
    """
    if not run.send:
        named = " ".join(f"-r {name}" for name in sorted(run.restatements))
        sentence = (
            f"the next version is made; it is sent by: puntual amend {named} "
            f"-d {run.date.isoformat()} --reason TEXT --yes"
        )
        return Reason(code="P3013", about=report, sentence=sentence)
    if decision.signing is None:
        return None
    digest = statement_of(run.manifest(f"attest:{report}"))
    still = missing(
        decision.signing,
        run.world.approvals.given(digest),
        run.project.roles,
        maker=maker(run, report),
    )
    if not still:
        return None
    env = f" --env {run.project.away}" if run.project.away else ""
    sentence = (
        f"waits for {' and '.join(still)} to sign statement {digest[:12]}"
        f"{_who(run, report, decision.signing, digest)}: "
        f"puntual sign delivery {report}{env} -d {run.date.isoformat()} --as PERSON --role ROLE"
    )
    return Reason(code="P3011", about=report, sentence=sentence)


def _who(run: DayRun, report: str, needed: Signatures, digest: Digest) -> str:
    """Return who may still sign, as `roles` names them: whom to call."""
    signed = {a.person for a in run.world.approvals.given(digest)}
    left = [
        f"{', '.join(people)} as {role}"
        for role in needed.roles
        if (people := sorted({*run.project.roles.get(role, ())} - signed - {maker(run, report)}))
    ]
    return f" ({'; '.join(left)})" if left else ""


def maker(run: DayRun, report: str) -> str:
    """Return who asked for this version; "" if a run made it by itself."""
    restatement = run.restatements.get(report)
    return restatement.person if restatement else ""


def facts(run: DayRun, report: str) -> dict[str, object]:
    """Return the signatures under which a delivery leaves; nothing where it needs none."""
    given: tuple[Approval, ...] = run.world.approvals.given(
        statement_of(run.manifest(f"attest:{report}"))
    )
    return {SIGNED: to_json(given)} if given else {}
