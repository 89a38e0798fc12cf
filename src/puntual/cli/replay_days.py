"""Which days `puntual replay` rebuilds, and which of those that were meant it leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import click

from puntual.cli.dates import MAX_DAYS, resolve
from puntual.cli.options import parse_day
from puntual.cli.replayer import DELIVER, day_of
from puntual.cli.text import in_env
from puntual.errors import ProjectError
from puntual.model.manifest import Digest
from puntual.model.project import Project
from puntual.planner.obligation import owed_on
from puntual.project.zones import zone

DECIDE = "decide:"
HELD, BEGUN, NEVER_RUN = "held", "not finished", "never run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """
    Days that a person means.

    Attributes:
        days: Delivered, oldest first.
        left_out: The others, oldest first → why they are not rebuilt.
    """

    days: tuple[date, ...]
    left_out: Mapping[date, str]


def chosen(
    project: Project, names: Mapping[str, Digest], when: str | None, *, env: str | None = None
) -> Chosen:
    """
    Return the days that a text names, those that were delivered apart from the others.

    Args:
        project: Its calendars say which days of a range are owed.
        names: Pointer → digest, of everything that is published.
        when: As `-d` is given; None: every day that anything was published of.
        env: Where they were run, for what a person is told to do next.

    Raises:
        click.BadParameter: It names no day, or no range of one day to ten years.
        ProjectError: C1005 none of them was delivered.
    """
    by_day: dict[date, set[str]] = {}
    for name in names:
        kind, of_step, _ = name.partition(":")
        if of_step and "/" in name and kind in _STEPS:
            by_day.setdefault(day_of(name), set()).add(f"{kind}:")
    meant = sorted(by_day) if when is None else sorted(_meant(project, by_day, when))
    days = tuple(day for day in meant if DELIVER in by_day.get(day, ()))
    left_out = {day: _why(by_day.get(day, set())) for day in meant if day not in days}
    if not days:
        told = ", ".join(f"{day.isoformat()} {why}" for day, why in list(left_out.items())[:5])
        raise ProjectError(
            "C1005",
            f"nothing was delivered{f' for {when}' if when else ''}",
            expected="a reference date that was delivered",
            observed=told or "none",
            next_step=f"{in_env('status', env)} --all shows what was",
        )
    return Chosen(days=days, left_out=left_out)


_STEPS = frozenset(
    {"land", "curate", "build", "load", "decide", "report", "attest", "deliver", "rehearse"}
)


def _meant(project: Project, by_day: Mapping[date, set[str]], when: str) -> Iterator[date]:
    """Yield the days of a text of which something is published, or owed as far as is known."""
    first, last = _range(project, when)
    day = first
    while day <= last:
        if day in by_day or first == last or _is_owed(project, day):
            yield day
        day += timedelta(days=1)


def _range(project: Project, when: str) -> tuple[date, date]:
    if ".." not in when:
        (day,) = resolve(when, project, now=datetime.now(UTC), zone=zone(project.time_zone))
        return day, day
    first, last = (parse_day(text) for text in when.split("..", 1))
    if not 1 <= (last - first).days + 1 <= MAX_DAYS:
        raise click.BadParameter(
            f"{when} is no range of 1 to {MAX_DAYS} days, the earlier one first",
            param_hint="--date",
        )
    return first, last


def _is_owed(project: Project, day: date) -> bool:
    """Say whether a report is owed for a day; of one that no calendar covers, nobody knows."""
    try:
        return bool(owed_on(project, sorted(project.reports), day))
    except ProjectError as error:
        if error.code != "P1001":
            raise
        return False


def _why(published: set[str]) -> str:
    if not published:
        return NEVER_RUN
    return HELD if DECIDE in published else BEGUN
