"""Reads `policies/*.yaml`: what may be delivered when something is missing."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from puntual.model.policy import (
    Acceptance,
    Clause,
    Gap,
    Limits,
    Minimum,
    Policy,
    Roles,
    Sending,
    Signatures,
    Substitute,
)
from puntual.model.report import Report
from puntual.project.complaints import suggest
from puntual.project.section import IDENTIFIER, Section, check_name

MOST_DAYS = 366
MOST_HOURS = 24 * 366
FEWEST_PEOPLE = 2
"""Who agree to a policy, and who sign a delivery under it that is signed."""

_MEASURED = (Gap.SHORT, Gap.QUARANTINED)
"""What is the matter where it is known how much is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """
    What a policy may refer to.

    Attributes:
        sources: Names of the project's sources.
        rules: Ids of its checks and controls, and of the keys of its models (`<model>_key`).
        reports: By name.
        roles: Who holds which role.
    """

    sources: Collection[str]
    rules: Collection[str]
    reports: Mapping[str, Report]
    roles: Roles


def read_roles(top: Section) -> Roles:
    """
    Read `roles` of `puntual.yaml`: role → the people who hold it.

    A person has one spelling: `Ana` and `ana ` would count as two who agree.
    """
    section = top.section("roles", "'roles'", needed=False)
    if section is None:
        return {}
    found = {}
    spelt: dict[str, str] = {}
    for entry in section.mapping.entries:
        name = entry.key.text
        check_name(section, name, entry.key, pattern=IDENTIFIER)
        found[name] = section.names(name)
        for person, spot in zip(found[name], section.item_spots(name), strict=False):
            before = spelt.setdefault(_heard(person), person)
            if before != person:
                message = f"'{person}' reads as '{before}' does, and would count as another person"
                section.complain("C1701", message, spot, hint=f"write '{before}' in both places")
    section.done()
    return found


def _heard(person: str) -> str:
    """Return a name without what an eye passes over: case, width, blanks at its ends or doubled."""
    return " ".join(unicodedata.normalize("NFKC", person).casefold().split())


def read_policy(section: Section, name: str, digest: str, ruled: Ruled) -> Policy:
    """
    Read one policy; complain about what it names wrongly and where it contradicts itself.

    Args:
        section: The file's top mapping.
        name: The file's name without its ending.
        digest: SHA-256 of the file's bytes.
        ruled: What it may refer to.
    """
    report = _one_of(section, "report", "report", ruled.reports)
    sending, signing = _sending(section, ruled)
    policy = Policy(
        name=name,
        file=section.source.path,
        report=report,
        author=section.text("author"),
        valid_from=section.day("valid_from"),
        valid_until=section.day("valid_until"),
        approval=_signatures(section, "approval", ruled),
        sending=sending,
        signing=signing,
        acceptance=_acceptance(section),
        minimum=_minimum(section, ruled),
        clauses=tuple(_clause(item, ruled) for item in section.items("clauses", "a clause")),
        digest=digest,
    )
    if not policy.clauses and section.mapping.get("clauses"):
        section.complain("C1011", "'clauses' is empty; what may be missing?", "clauses")
    _contradictions(section, policy, ruled)
    section.done()
    return policy


def check_together(sections: Mapping[str, Section], policies: Mapping[str, Policy]) -> None:
    """Complain about policies that hold for one report on the same day, or stand in differently."""
    known = sorted(policies)
    for at, name in enumerate(known):
        one = policies[name]
        for earlier in known[:at]:
            other = policies[earlier]
            meet = one.valid_from <= other.valid_until and other.valid_from <= one.valid_until
            if not meet:
                continue
            if one.report == other.report:
                message = f"'{earlier}' holds for {one.report} in the same days"
                sections[name].complain("C1701", message, "valid_from", hint="end one before")
            for source in sorted(_absent(one).keys() & _absent(other).keys()):
                pair = (_absent(one)[source], _absent(other)[source])
                if pair[0] is not pair[1] and Substitute.LAST_KNOWN in pair:
                    message = (
                        f"while '{source}' is absent, '{earlier}' says {pair[1].value} and this "
                        f"policy {pair[0].value}; one warehouse serves both reports"
                    )
                    sections[name].complain("C1701", message, "clauses")


def _absent(policy: Policy) -> dict[str, Substitute]:
    return {c.source: c.substitute for c in policy.clauses if Gap.ABSENT in c.gaps}


def _sending(section: Section, ruled: Ruled) -> tuple[Sending, Signatures | None]:
    inner = section.section("delivery", "'delivery'")
    if inner is None:
        return Sending.SIGNED, None
    mode = inner.choice("mode", Sending) or Sending.SIGNED
    signing = _needed(inner, ruled) if mode is Sending.SIGNED else None
    inner.done()
    return mode, signing


def _signatures(section: Section, key: str, ruled: Ruled) -> Signatures:
    inner = section.section(key, f"'{key}'")
    if inner is None:
        return Signatures(roles=(), people=1)
    found = _needed(inner, ruled)
    inner.done()
    return found


def _needed(section: Section, ruled: Ruled) -> Signatures:
    """Read roles and how many people; complain where nobody could ever fulfil them."""
    roles = section.names("roles")
    for role, spot in zip(roles, section.item_spots("roles"), strict=False):
        if role not in ruled.roles:
            hint = suggest(role, ruled.roles) or "declare it under 'roles' in puntual.yaml"
            section.complain("C1702", f"no role is called '{role}'", spot, hint=hint)
    people = section.integer("people", 2, low=1, high=20)
    held = {person for role in roles for person in ruled.roles.get(role, ())}
    if roles and all(r in ruled.roles for r in roles) and len(held) < people:
        message = f"{people} different people are asked for, and the roles have {len(held)}"
        section.complain("C1701", message, "people" if section.mapping.get("people") else "roles")
    return Signatures(roles=roles, people=people)


def _acceptance(section: Section) -> Acceptance | None:
    inner = section.section("acceptance", "'acceptance'", needed=False)
    if inner is None:
        return None
    found = Acceptance(
        reference=inner.text("reference"),
        accepted_on=inner.day("accepted_on"),
        valid_until=inner.day("valid_until"),
    )
    if found.valid_until < found.accepted_on:
        inner.complain("C1701", "the acceptance ends before it begins", "valid_until")
    inner.done()
    return found


def _minimum(section: Section, ruled: Ruled) -> Minimum:
    inner = section.section("minimum", "'minimum'", needed=False)
    if inner is None:
        return Minimum()
    sources = inner.names("sources", ())
    for source, spot in zip(sources, inner.item_spots("sources"), strict=False):
        if source not in ruled.sources:
            hint = suggest(source, ruled.sources)
            inner.complain("C1012", f"no source is called '{source}'", spot, hint=hint)
    found = Minimum(sources=sources, rows=inner.integer("rows", 1))
    inner.done()
    return found


def _clause(section: Section, ruled: Ruled) -> Clause:
    name = section.text("id")
    if name:
        check_name(section, name, section.spot("id"), pattern=IDENTIFIER)
    about = [key for key in ("source", "check", "fault") if section.has(key)]
    if len(about) != 1 and not section.broken:
        message = f"clause '{name}' needs exactly one of source, check and fault"
        section.complain("C1701", message)
    source = _one_of(section, "source", "source", ruled.sources) if "source" in about else ""
    check = _one_of(section, "check", "check or control", ruled.rules) if "check" in about else ""
    fault = section.boolean("fault", False)
    gaps = _gaps(section) if source else ()
    clause = Clause(
        id=name,
        source=source,
        check=check,
        fault=fault,
        gaps=gaps,
        limits=_limits(section),
        substitute=section.choice("substitute", Substitute) or Substitute.OMIT,
        flag=section.text("flag", ""),
        covers=section.names("covers", ()),
        owner=section.text("owner", ""),
        repair_hours=_hours(section),
    )
    for rule, spot in zip(clause.covers, section.item_spots("covers"), strict=False):
        if rule not in ruled.rules:
            hint = suggest(rule, ruled.rules)
            section.complain("C1012", f"no check or control is called '{rule}'", spot, hint=hint)
    for why, key in _wrong(clause):
        section.complain("C1701", f"clause '{name}': {why}", key)
    _boundless(section, clause)
    section.done()
    return clause


def _gaps(section: Section) -> tuple[Gap, ...]:
    known = [g.value for g in Gap]
    found = []
    for word, spot in zip(section.names("when"), section.item_spots("when"), strict=False):
        if word in known:
            found.append(Gap(word))
        else:
            hint = suggest(word, known)
            section.complain("C1011", f"'{word}' is not a possible gap", spot, hint=hint)
    return tuple(found)


def _limits(section: Section) -> Limits:
    inner = section.section("limits", "'limits'", needed=False)
    if inner is None:
        return Limits()
    share = inner.amount("share", "0") if inner.has("share") else None
    if share is not None and not 0 <= share <= 100:
        inner.complain("C1011", "'share' is in percent, from 0 to 100", "share")
    found = Limits(
        rows=inner.integer("rows", 0) if inner.has("rows") else None,
        share=share,
        age=inner.integer("age", 0, low=1, high=MOST_DAYS) if inner.has("age") else None,
    )
    inner.done()
    return found


def _hours(section: Section) -> int | None:
    if not section.has("repair_hours"):
        return None
    return section.integer("repair_hours", 0, low=1, high=MOST_HOURS)


def _wrong(clause: Clause) -> Iterator[tuple[str, str | None]]:
    """Yield what can never hold together in one clause, and at which key."""
    last = clause.substitute is Substitute.LAST_KNOWN
    if clause.limits.age is not None and not last:
        yield "'age' is how old a day that stands in may be; only last_known has one", "limits"
    if last and clause.limits.age is None:
        yield "last_known needs limits: {age: DAYS}", "substitute"
    if last and (clause.gaps != (Gap.ABSENT,)):
        yield "an earlier day stands in only for a source that is absent", "when"
    if clause.fault and clause.substitute is not Substitute.PLAN_B:
        yield "a fault leaves no report to deliver but that of plan_b", "substitute"
    if clause.check and last:
        yield "nothing stands in for a check", "substitute"
    yield from _unmeasured(clause)
    share = clause.limits.share
    absent_share = share is not None and share < Decimal(100)
    if clause.gaps == (Gap.ABSENT,) and absent_share and not last:
        yield "an absent source lacks 100 % of its money; this share can never hold", "limits"


def _boundless(section: Section, clause: Clause) -> None:
    """
    Complain about a clause that lets any amount be missing where the amount is measured.

    Of an absent source everything is missing, and of an unverified one nobody knows how much.
    """
    gaps = [g.value for g in clause.gaps if g in _MEASURED]
    limits = clause.limits
    if not gaps or limits.rows is not None or limits.share is not None:
        return
    message = (
        f"clause '{clause.id}' lets any amount of '{clause.source}' be missing "
        f"({', '.join(gaps)}); by how much at most?"
    )
    hint = 'limits: {rows: N} counts records, limits: {share: "0.50"} percent of the money; or both'
    if Gap.ABSENT in clause.gaps:
        hint += "; of an absent source everything is missing: give it a clause of its own"
    section.complain("C1708", message, "when", hint=hint)


def _unmeasured(clause: Clause) -> Iterator[tuple[str, str]]:
    """Yield the limits that nothing measures: what is not held must not be promised."""
    limits = clause.limits
    if clause.check and limits.share is not None:
        yield "of a check, rows are measured and no share of money; limit 'rows'", "limits"
    if clause.fault and (limits.rows is not None or limits.share is not None):
        yield "a fault leaves nothing to count; limits hold of a source or a check", "limits"
    last = clause.substitute is Substitute.LAST_KNOWN
    if last and (limits.rows is not None or limits.share is not None):
        yield "the whole day stands in; of last_known only 'age' is a limit", "limits"


def _contradictions(section: Section, policy: Policy, ruled: Ruled) -> None:
    if policy.valid_until < policy.valid_from:
        section.complain("C1701", "the policy ends before it begins", "valid_until")
    seen: dict[tuple[str, str], str] = {}
    for item, clause in zip(
        section.items("clauses", "", needed=False), policy.clauses, strict=True
    ):
        ids = [c.id for c in policy.clauses]
        if clause.id and ids.count(clause.id) > 1:
            item.complain("C1303", f"clause '{clause.id}' stands twice", "id")
        for key in _cases(clause):
            if key in seen:
                message = f"'{clause.id}' and '{seen[key]}' both speak of {' '.join(key).strip()}"
                item.complain("C1701", message)
            seen.setdefault(key, clause.id)
        if clause.source in policy.minimum.sources and clause.gaps:
            message = f"'{clause.source}' may be missing here, and must be there under 'minimum'"
            item.complain("C1701", message, "source")
        report = ruled.reports.get(policy.report)
        if clause.substitute is Substitute.PLAN_B and report and report.emergency is None:
            message = f"plan_b needs reports/{policy.report}/emergency.sql"
            item.complain("C1704", message, "substitute")
    if policy.sending is Sending.AUTOMATIC and policy.acceptance is None:
        message = (
            "a partial delivery that leaves by itself needs the regulator's written acceptance"
        )
        hint = "acceptance: {reference: …, accepted_on: …, valid_until: …}, or mode: signed"
        section.complain("C1703", message, "delivery", hint=hint)
    elif policy.acceptance is not None and policy.acceptance.valid_until < policy.valid_from:
        section.complain("C1701", "the acceptance ends before the policy begins", "acceptance")
    elif policy.acceptance is not None and policy.acceptance.accepted_on > policy.valid_until:
        section.complain("C1701", "the acceptance begins after the policy ends", "acceptance")
    _alone(section, policy)
    people = {person for held in ruled.roles.values() for person in held}
    for person in sorted(people - {policy.author}):
        if _heard(person) == _heard(policy.author):
            message = f"'{policy.author}' reads as '{person}' does in 'roles'"
            section.complain("C1701", message, "author", hint=f"write '{person}'")
    if policy.author and policy.author in _only(policy.approval, ruled.roles):
        message = f"'{policy.author}' wrote it and would have to approve it"
        section.complain("C1701", message, "author", hint="maker and checker are two people")


def _alone(section: Section, policy: Policy) -> None:
    """
    Complain where one person's word would be enough.

    The approval of the policy and the signatures of a delivery are two agreements, to a rule and
    to a file, and the same person may give both: each needs two people, with the regulator's
    acceptance or without.
    """
    if policy.approval.roles and policy.approval.people < FEWEST_PEOPLE:
        message = (
            "a policy of partial delivery is approved by two different people at least; "
            f"'approval' asks for {policy.approval.people}"
        )
        hint = "approval: {roles: […], people: 2}"
        section.complain("C1707", message, "approval", hint=hint)
    if policy.signing and policy.signing.roles and policy.signing.people < FEWEST_PEOPLE:
        message = (
            "a delivery that is not full is signed by two different people at least, whoever "
            f"approved the policy; 'delivery' asks for {policy.signing.people}"
        )
        hint = "delivery: {mode: signed, roles: […], people: 2}"
        section.complain("C1707", message, "delivery", hint=hint)


def _cases(clause: Clause) -> Iterator[tuple[str, str]]:
    for gap in clause.gaps:
        yield clause.source, gap.value
    if clause.check:
        yield clause.check, ""
    if clause.fault:
        yield "a fault", ""


def _only(needed: Signatures, roles: Roles) -> set[str]:
    """Return the people without whom the signatures can never be complete."""
    held = {person for role in needed.roles for person in roles.get(role, ())}
    alone = {p for r in needed.roles if len(roles.get(r, ())) == 1 for p in roles[r]}
    return alone | (held if len(held) <= needed.people else set())


def _one_of(section: Section, key: str, what: str, known: Collection[str]) -> str:
    name = section.text(key)
    if name and name not in known:
        section.complain("C1012", f"no {what} is called '{name}'", key, hint=suggest(name, known))
    return name
