"""Paths and patterns with the reference date in them."""

from __future__ import annotations

import re
from datetime import date

from puntual.errors import ProjectError

_PLACE = re.compile(r"\{reference_date(?::([^{}]*))?\}")


def expand(pattern: str, reference_date: date) -> str:
    """
    Put the reference date into a pattern such as `in/{reference_date:%Y%m%d}*.csv`.

    Args:
        pattern: With `{reference_date}` (ISO 8601) or `{reference_date:STRFTIME}`.
        reference_date: The day.

    Raises:
        ProjectError: S1401 the pattern has another placeholder.
    """
    text = _PLACE.sub(lambda m: reference_date.strftime(m[1] or "%Y-%m-%d"), pattern)
    if "{" in text or "}" in text:
        raise ProjectError(
            "S1401",
            f"the pattern {pattern!r} has a placeholder that is not known",
            where=pattern,
            expected="{reference_date} or {reference_date:%Y%m%d}",
            observed=text,
            next_step="Correct the pattern in puntual.yaml.",
        )
    return text


def undated(name: str, pattern: str, reference_date: date) -> str:
    """
    Return the name of a day's file as it is on any day: its date is `*`.

    Args:
        name: The file's name, as it was landed.
        pattern: By which it was found; see `expand`.
        reference_date: The day.
    """
    for found in _PLACE.finditer(pattern):
        name = name.replace(reference_date.strftime(found[1] or "%Y-%m-%d"), "*")
    return name
