"""Builds time zones; the core receives them as `tzinfo` and reads no zone file itself."""

from __future__ import annotations

import errno
import re
from datetime import tzinfo
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from puntual.errors import PermanentError, ProjectError

if TYPE_CHECKING:  # zones are read by `status`, which has no time for the rest of a project
    from puntual.model.project import Project

_NAME = re.compile(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*")
_NO_FILE = frozenset({errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG})
"""What opening a name that is no zone's may end in, such as the folder `America`."""


def zone(name: str) -> tzinfo:
    """
    Build an IANA time zone.

    Args:
        name: Such as `America/Mexico_City`.

    Raises:
        ProjectError: C1015 there is no such zone, or no zone data on this machine.
        PermanentError: T1002, T1003 its file is there and cannot be read.
    """
    if not is_zone(name):
        raise ProjectError(
            "C1015",
            f"no time zone is called '{name}'",
            expected="an IANA name such as America/Mexico_City",
            next_step="correct the name; if it is right, install the package tzdata",
        )
    return ZoneInfo(name)


def zones_of(project: Project) -> dict[str, tzinfo]:
    """Return the zone of each report, in which people read its times."""
    return {name: zone(report.time_zone) for name, report in project.reports.items()}


@cache
def is_zone(name: str) -> bool:
    """
    Return whether zone data for the name is present.

    Raises:
        PermanentError: T1002, T1003 its file is there and cannot be read; not kept in mind.
    """
    if not _NAME.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    except OSError as error:
        if error.errno in _NO_FILE:
            return False
        raise _unreadable(name, error) from error
    return True


def _unreadable(name: str, error: OSError) -> PermanentError:
    denied = isinstance(error, PermissionError)
    return PermanentError(
        "T1002" if denied else "T1003",
        f"the data of the time zone {name} cannot be read",
        where=str(error.filename or ""),
        expected="a zone file that this user may read",
        observed=error.strerror or type(error).__name__,
        next_step="Correct its owner or mode, then run again."
        if denied
        else "Look at the disk (`dmesg`, `smartctl`) before anything is run again.",
    )


def zone_names() -> frozenset[str]:
    """Return every zone name that is present, for suggestions."""
    return frozenset(available_timezones())
