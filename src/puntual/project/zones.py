"""Builds time zones; the core receives them as `tzinfo` and reads no zone file itself."""

from __future__ import annotations

import re
from datetime import tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from puntual.errors import ProjectError

_NAME = re.compile(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*")


def zone(name: str) -> tzinfo:
    """
    Build an IANA time zone.

    Args:
        name: Such as `America/Mexico_City`.

    Raises:
        ProjectError: C1015 there is no such zone, or no zone data on this machine.
    """
    if not is_zone(name):
        raise ProjectError(
            "C1015",
            f"no time zone is called '{name}'",
            expected="an IANA name such as America/Mexico_City",
            next_step="correct the name; if it is right, install the package tzdata",
        )
    return ZoneInfo(name)


@cache
def is_zone(name: str) -> bool:
    """Return whether zone data for the name is present."""
    if not _NAME.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def zone_names() -> frozenset[str]:
    """Return every zone name that is present, for suggestions."""
    return frozenset(available_timezones())
