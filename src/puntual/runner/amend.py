"""What a person asks for who replaces a delivery: the next versions of it, looked at or sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from puntual.errors import ProjectError
from puntual.model.delivery import Restatement
from puntual.model.manifest import Digest
from puntual.model.project import Project
from puntual.planner.policy import policies_of
from puntual.runner import checkpoint
from puntual.runner.published import sent_reports
from puntual.runner.restate import version_of

NOBODY = "(not named)"
"""Who asks for a version that nobody signs, where no name is given; no person has this name."""


class Part(StrEnum):
    """What of it a run does: keep what came late, make the next versions, or send them as well."""

    LOOK = "look"
    MAKE = "make"
    SEND = "send"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """
    What is asked for.

    Attributes:
        reports: Of which reports the next version is made, sorted; they change together.
        reason: Why; the receiver reads it. "" while it is only looked at.
        person: Who asks for it, and may not sign it; "" where that is not said.
        part: How far a run goes.
        shown: Report → digest of the `report:` manifest of the version that was shown; to send
            is to send that one.
    """

    reports: tuple[str, ...]
    reason: str = ""
    person: str = ""
    part: Part = Part.MAKE
    shown: Mapping[str, Digest] = field(default_factory=dict)


def refuse_unexplained(project: Project, asked: Amendment, day: date, *, command: str) -> None:
    """
    Refuse to send what nobody gives a reason for, or what is signed and has no maker.

    Args:
        project: Its policies say what people sign: maker is not checker.
        asked: What is asked for.
        day: The reference date.
        command: How a person asks for it, for what is to be done next.

    Raises:
        ProjectError: P3033 there is no reason; P3034 no name.
    """
    if asked.part is not Part.SEND:
        return
    again = f"{command} {options(asked.reports)} -d {day.isoformat()}"
    if not asked.reason.strip():
        raise ProjectError(
            "P3033",
            "what was delivered is replaced only with a reason",
            where="puntual amend",
            expected="--reason TEXT",
            observed="none",
            next_step=f"{again} --reason TEXT --yes",
        )
    for report in asked.reports:
        signed = any(p.signing is not None for p in policies_of(project, report))
        if signed and not asked.person.strip():
            raise ProjectError(
                "P3034",
                f"{report} is signed where it is not full, so it must be known who makes it",
                where="puntual amend",
                expected="--by PERSON, who may not sign it",
                observed="none",
                next_step=f"{again} --reason TEXT --by PERSON --yes",
            )


def next_versions(
    store: checkpoint.Store, asked: Amendment, day: date, *, run: str
) -> tuple[Restatement, ...]:
    """
    Return the versions that are made of what was sent.

    Args:
        store: What is published.
        asked: What is asked for.
        day: The reference date.
        run: How a person runs a day, for what is to be done next.

    Raises:
        ProjectError: P3032 one of the reports was not delivered; P3047 what would be sent is not
            what was shown.
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    sent = sent_reports(store, day)
    found = []
    for report in asked.reports:
        if report not in sent:
            raise not_delivered(report, day, run=run)
        if asked.part is Part.SEND:
            made = checkpoint.read(store, f"report:{report}", day)
            if made is None or made.digest != asked.shown.get(report):
                raise overtaken(report, day)
        found.append(
            Restatement(
                report=report,
                version=version_of(checkpoint.by_digest(store, sent[report])) + 1,
                supersedes=sent[report],
                reason=asked.reason.strip(),
                person=asked.person.strip() or NOBODY,
            )
        )
    return tuple(found)


def overtaken(report: str, day: date) -> ProjectError:
    """Return the fault of a version that another run has made or sent since it was shown."""
    return ProjectError(
        "P3047",
        f"{report} {day.isoformat()} is not any more what was shown: another run has worked on it",
        where="puntual amend",
        expected="the version that was shown",
        observed="another",
        next_step="Ask again: what would be sent now is shown first.",
    )


def not_delivered(report: str, day: date, *, run: str) -> ProjectError:
    """Return the fault of a report that has no version to replace; `run` makes one."""
    return ProjectError(
        "P3032",
        f"{report} {day.isoformat()} was not delivered, so there is nothing to amend",
        where="puntual amend",
        expected="a delivery that was sent",
        observed="none",
        next_step=f"{run} -d {day.isoformat()}",
    )


def options(reports: tuple[str, ...]) -> str:
    """Return the options that name reports."""
    return " ".join(f"-r {report}" for report in reports)
