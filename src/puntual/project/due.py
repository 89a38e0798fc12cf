"""
Reads when reports are owed: cadence, due time, zone and decision reserve of `report.yaml`.

`read_owed` reads nothing but that and the calendars, for `puntual status`, which has 200 ms and
cannot wait for every SQL of the project to be parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path

from puntual.errors import ProjectError
from puntual.model.obligation import DEFAULT_RESERVE, Cadence, Terms
from puntual.model.report import Calendar
from puntual.project.calendars import SHIPPED, read_calendar
from puntual.project.complaints import Complaints, suggest
from puntual.project.files import Folder
from puntual.project.lengths import read_length
from puntual.project.section import Section, open_yaml
from puntual.project.zones import is_zone, zone_names

LONGEST_RESERVE = 24 * 3600
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedBy:
    """The terms of every report, by name, and the calendars that they name."""

    terms: tuple[Terms, ...]
    calendars: dict[str, Calendar]


def read_terms(top: Section, report: str, calendars: Iterable[str], time_zone: str) -> Terms:
    """
    Read when a report is owed.

    Args:
        top: Its `report.yaml`.
        report: Its name.
        calendars: The names of the project's calendars.
        time_zone: The project's, where the report names none.
    """
    known = tuple(calendars)
    calendar = top.text("calendar")
    if calendar and calendar not in known:
        hint = suggest(calendar, known)
        if calendar in SHIPPED:
            hint = f"`puntual calendar add {calendar}` copies the shipped one into calendars/"
        top.complain("C1012", f"unknown calendar '{calendar}'", "calendar", hint=hint)
    cadence = top.choice("cadence", Cadence, Cadence.BUSINESS_DAY) or Cadence.BUSINESS_DAY
    owed_from = top.day("owed_from") if top.has("owed_from") else None
    after, at, zone, reserve = _due(top, time_zone)
    return Terms(
        report=report,
        calendar=calendar,
        cadence=cadence,
        due_after=after,
        due_at=at,
        time_zone=zone,
        reserve=reserve,
        owed_from=None if owed_from == date.min else owed_from,
    )


def read_owed(root: Path) -> OwedBy:
    """
    Read the terms of every report and the calendars, and nothing else of the project.

    Args:
        root: The project's folder.

    Raises:
        ProjectError: C1000 one of these files is wrong; `puntual check` says where.
    """
    folder, complaints = Folder(root=root), Complaints()
    top = open_yaml(folder, "puntual.yaml", complaints, "puntual.yaml", pick=_same)
    zone = top.text("time_zone") if top is not None else ""
    calendars: dict[str, Calendar] = {}
    for path in folder.names("calendars"):
        if path.endswith(".yaml"):
            name = path.removeprefix("calendars/").removesuffix(".yaml")
            section = open_yaml(folder, path, complaints, path, pick=_same)
            if section is not None:
                calendars[name] = read_calendar(name, section)
    terms = []
    for name in folder.folders("reports"):
        section = open_yaml(
            folder, f"reports/{name}/report.yaml", complaints, "report.yaml", pick=_same
        )
        if section is not None:
            terms.append(read_terms(section, name, calendars, zone))
    if complaints.errors or not is_zone(zone):
        found = complaints.sorted()
        first = found[0] if found else None
        raise ProjectError(
            "C1000",
            "what is owed cannot be read",
            complaints=found,
            where=f"{first.file}:{first.line}" if first else "puntual.yaml",
            observed=f"{first.code} {first.message}" if first else "no time zone",
            next_step="puntual check",
        )
    return OwedBy(terms=tuple(terms), calendars=calendars)


def _same(section: Section) -> Section:
    return section


def _due(top: Section, time_zone: str) -> tuple[int, time, str, int]:
    due = top.section("due", "'due'")
    if due is None or due.broken:
        return 0, time.min, time_zone, DEFAULT_RESERVE
    after = due.integer("business_days_after", high=366)
    at = due.text("time")
    if at and not _TIME.fullmatch(at):
        due.complain("C1011", f"'{at}' is no time of day", "time", hint='write it as "07:00"')
    zone = due.text("time_zone", time_zone)
    if due.mapping.get("time_zone") and not is_zone(zone):
        hint = suggest(zone, zone_names())
        due.complain("C1015", f"unknown time zone '{zone}'", "time_zone", hint=hint)
    reserve = read_length(due, "reserve", DEFAULT_RESERVE, low=0, high=LONGEST_RESERVE)
    due.done()
    return after, time.fromisoformat(at) if _TIME.fullmatch(at) else time.min, zone, reserve
