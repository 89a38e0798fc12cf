"""Reads business calendars: pinned files that cite their legal source (design 4.11)."""

from __future__ import annotations

from datetime import date
from importlib import resources

from puntual.model.report import Calendar
from puntual.project.complaints import Complaints
from puntual.project.files import SourceFile
from puntual.project.section import Section
from puntual.project.yaml import Sequence, load

SHIPPED = ("es", "mx-cnbv", "us-fed")
"""Calendars that come with the package; a project pins its own copy (`puntual calendar add`)."""


def shipped(name: str) -> str:
    """
    Return the text of a shipped calendar.

    Raises:
        KeyError: None of that name is shipped.
    """
    if name not in SHIPPED:
        raise KeyError(name)
    return resources.files("puntual.project").joinpath(f"shipped/{name}.yaml").read_text("utf-8")


def parse_calendar(name: str, text: str) -> tuple[Calendar | None, Complaints]:
    """Read a calendar from its text; None when it is no YAML, and what is wrong with it."""
    complaints = Complaints()
    lines = tuple(text.splitlines())
    path = f"calendars/{name}.yaml"
    source = SourceFile(path=path, data=text.encode(), text=text, lines=lines)
    node = load(source, complaints)
    if node is None:
        return None, complaints
    return read_calendar(name, Section(node, source, complaints, path)), complaints


def read_calendar(name: str, section: Section) -> Calendar:
    """Read one calendar; its name is its file's."""
    calendar = Calendar(
        name=name,
        notes=section.text("notes", ""),
        source=section.text("source"),
        published=section.day("published"),
        valid_from=section.day("valid_from"),
        valid_until=section.day("valid_until"),
        weekend=_weekend(section),
        holidays=(),
    )
    if calendar.valid_until < calendar.valid_from:
        section.complain("C1501", "the calendar ends before it begins", "valid_until")
    holidays: dict[date, str] = {}
    for item in section.items("holidays", "a holiday"):
        day, title = item.day("date"), item.text("name")
        item.done()
        if day in holidays:
            item.complain("C1303", f"{day} stands twice in 'holidays'", "date")
        elif day != date.min and not calendar.valid_from <= day <= calendar.valid_until:
            item.complain("C1501", f"{day} lies outside the calendar", "date")
        holidays[day] = title
    section.done()
    return Calendar(
        name=name,
        notes=calendar.notes,
        source=calendar.source,
        published=calendar.published,
        valid_from=calendar.valid_from,
        valid_until=calendar.valid_until,
        weekend=calendar.weekend,
        holidays=tuple(sorted(holidays.items())),
    )


def _weekend(section: Section) -> tuple[int, ...]:
    node = section.find("weekend")
    values = [getattr(i, "value", None) for i in section.item_spots("weekend")]
    days = [v for v in values if isinstance(v, int) and v is not True and v is not False]
    wrong = len(days) != len(values) or not set(days) <= set(range(1, 8)) or len(set(days)) > 6
    if wrong or not isinstance(node, Sequence):
        message = "'weekend' must be a list of ISO weekdays, 1 Monday to 7 Sunday"
        section.complain("C1501", message, "weekend")
    return tuple(sorted(set(days)))
