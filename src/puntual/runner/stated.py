"""
Names the project's file in a fault of SQL that an engine knows as a query only.

The ports take a text, and rightly: whose text it is, only the caller knows. A person who reads
the fault looks for a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from puntual.errors import PermanentError, ProjectError

_OF_SQL = "Q1"
"""How the codes of faults begin that are mended in the SQL."""


@contextmanager
def stated_in(place: str) -> Iterator[None]:
    """
    Run a statement of the project; what is wrong with it is told of the file it stands in.

    Args:
        place: Path relative to the project, and what of it where it holds several statements.

    Raises:
        PermanentError: Q1001, Q1002 with the place; other faults of the engine as they are.
        ProjectError: Q1003 with the place.
    """
    try:
        yield
    except (PermanentError, ProjectError) as exc:
        if not exc.code.startswith(_OF_SQL):
            raise
        told = exc.message.replace(exc.where, place) if exc.where else exc.message
        if place not in told:
            told = f"{told.rstrip('.')}: {place}"
        raise type(exc)(
            exc.code,
            told,
            where=place,
            expected=exc.expected,
            observed=exc.observed,
            next_step=exc.next_step,
        ) from exc


def tie_of(report: str, column: str) -> str:
    """Return where a tie of a report stands, or of its plan B."""
    return f"reports/{report}/report.yaml, tie {column}"
