"""
Changes of what was laid down beforehand, policies and who holds which role, for the ledger.

A plan on record says which bytes it was made under; the next one is compared with it, so that
every change is told once, by the first run that follows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.evidence.facts import to_json
from puntual.evidence.ledger import Event, Told
from puntual.model.project import Project

LAID_DOWN = "laid_down"
"""In a plan on record: name → SHA-256 of each policy's file, and of the roles."""

ROLES = "roles of puntual.yaml"


def laid_down(project: Project) -> dict[str, str]:
    """Return what is laid down now: name → digest, sorted; nothing where nothing is."""
    found = {policy.file: policy.digest for policy in project.policies.values()}
    if project.roles:
        found[ROLES] = sha256(encode(to_json(project.roles)))
    return dict(sorted(found.items()))


def changed(before: Mapping[str, object], project: Project) -> Iterator[Told]:
    """
    Yield one event for each policy that was laid down, changed or withdrawn since.

    Args:
        before: What the last plan on record was made under.
        project: As it is now.
    """
    now = laid_down(project)
    policies = {policy.file: policy for policy in project.policies.values()}
    for name in sorted(before.keys() | now.keys()):
        was, digest = str(before.get(name, "")), now.get(name, "")
        if was == digest:
            continue
        facts: dict[str, object] = {"name": name, "sha256": digest, "before": was}
        policy = policies.get(name)
        if policy is not None:
            facts |= {
                "report": policy.report,
                "valid_from": policy.first_day.isoformat(),
                "valid_until": policy.last_day.isoformat(),
            }
        yield Told(event=Event.POLICY, facts=facts)
