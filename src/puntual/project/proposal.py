"""
Proposes a change of a calendar file from a list of days, as text that a person reads and accepts.

Only business days matter: of a date on a weekend neither presence nor absence is proposed. A
line that stays, stays byte for byte, so that the difference shows what changes and nothing else.
"""

from __future__ import annotations

import difflib
import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from puntual.model.report import Calendar

_ITEM = re.compile(r'\s*- \{date: "?(\d{4}-\d\d-\d\d)"?, name: .*\}\s*')
_PLAIN = re.compile(r"[^\W\d_][\w '().-]*")
_WIDTH = 98


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """
    What is proposed for a calendar.

    Attributes:
        missing: Weekdays that are proposed as holidays and are not in the file.
        surplus: Weekdays in the file that are not proposed, in the years it covers already.
        valid_until: Last day that the proposal covers.
        text: The file as it would be.
        diff: The difference as a unified diff, one line each; empty if there is none.
    """

    missing: tuple[tuple[date, str], ...]
    surplus: tuple[tuple[date, str], ...]
    valid_until: date
    text: str
    diff: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What a person who accepts days says of their legal source."""

    source: str
    published: date


def propose(
    calendar: Calendar,
    text: str,
    days: Mapping[date, str],
    until: date,
    *,
    cited: Citation | None = None,
) -> Proposal:
    """
    Compare a calendar with proposed days, and write the file that would agree with them.

    Args:
        calendar: As read from `text`.
        text: The file.
        days: Proposed holidays with their names, of every year up to `until`.
        until: Last day that is proposed; the calendar is extended up to it.
        cited: The legal source; without one `source` and `published` stay as they are.
    """
    until = max(until, calendar.valid_until)
    own = dict(calendar.holidays)
    asked = {d: n for d, n in days.items() if calendar.valid_from <= d <= until}
    missing = {d: n for d, n in asked.items() if _is_weekday(calendar, d) and d not in own}
    surplus = {
        d: n
        for d, n in own.items()
        if _is_weekday(calendar, d) and d not in asked and days and d >= min(days)
    }
    kept = {d: n for d, n in own.items() if d not in surplus} | missing
    new = _with_holidays(text, kept)
    new = _with_key(new, "valid_until", [f'valid_until: "{until.isoformat()}"'])
    if cited is not None:
        new = _with_key(new, "published", [f'published: "{cited.published.isoformat()}"'])
        new = _with_key(new, "source", _folded("source", cited.source))
    old_name, new_name = f"calendars/{calendar.name}.yaml", f"calendars/{calendar.name}.yaml"
    diff = difflib.unified_diff(
        text.splitlines(), new.splitlines(), f"a/{old_name}", f"b/{new_name}", lineterm=""
    )
    return Proposal(
        missing=tuple(sorted(missing.items())),
        surplus=tuple(sorted(surplus.items())),
        valid_until=until,
        text=new,
        diff=tuple(diff),
    )


def _is_weekday(calendar: Calendar, day: date) -> bool:
    return day.isoweekday() not in calendar.weekend


def _with_holidays(text: str, holidays: Mapping[date, str]) -> str:
    lines = text.splitlines()
    begin, end = _span(lines, "holidays")
    old = {match[1]: line for line in lines[begin + 1 : end] if (match := _ITEM.fullmatch(line))}
    items = [
        old.get(day.isoformat(), f'  - {{date: "{day.isoformat()}", name: {_name(name)}}}')
        for day, name in sorted(holidays.items())
    ]
    rest = [line for line in lines[begin + 1 : end] if line.lstrip().startswith("#")]
    return "\n".join([*lines[:begin], "holidays:", *rest, *items, *lines[end:]]) + "\n"


def _with_key(text: str, key: str, new: list[str]) -> str:
    lines = text.splitlines()
    begin, end = _span(lines, key)
    if [line.split("#")[0].rstrip() for line in lines[begin:end]] == new:
        return text  # with whatever comment stands behind it
    return "\n".join([*lines[:begin], *new, *lines[end:]]) + "\n"


def _span(lines: list[str], key: str) -> tuple[int, int]:
    """Return where a key of the top mapping begins and ends; the file's end if it is absent."""
    for begin, line in enumerate(lines):
        if line.startswith(f"{key}:"):
            end = begin + 1
            while end < len(lines) and (not lines[end] or lines[end][0] in " -"):
                end += 1
            return begin, end
    return len(lines), len(lines)


def _folded(key: str, text: str) -> list[str]:
    """Return a key with a folded text, which YAML reads as one line."""
    words = " ".join(text.split())
    return [f"{key}: >-", *(f"  {line}" for line in textwrap.wrap(words, _WIDTH))]


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)
