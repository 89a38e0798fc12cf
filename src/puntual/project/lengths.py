"""Reads lengths of time as `puntual.yaml` and `report.yaml` write them: 90, 90 s, 10 min, 2 h."""

from __future__ import annotations

import re

from puntual.project.section import Section
from puntual.project.yaml import Scalar

_DURATION = re.compile(r"([0-9]{1,6}) ?(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}


def read_length(section: Section, key: str, default: int, *, low: int, high: int) -> int:
    """
    Return a length of time in seconds: `90` and `90 s` are the same, `10 min`, `2 h`.

    Args:
        section: The mapping it stands in.
        key: Its key.
        default: When it is missing or wrong; what is wrong is complained about.
        low: The shortest, inclusive.
        high: The longest, inclusive; whole hours.
    """
    node = section.find(key)
    if node is None:
        return default
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if match is None:
            message = f"'{key}' is no length of time"
            section.complain("C1011", message, node, hint="write it as 90 s, 10 min or 2 h")
            return default
        seconds = int(match[1]) * _SECONDS[match[2]]
    else:
        section.wrong_type(node, f"'{key}' must be a length of time such as 10 min")
        return default
    if low <= seconds <= high:
        return seconds
    section.complain("C1011", f"'{key}' must lie between {low} s and {high // 3600} h", node)
    return default
