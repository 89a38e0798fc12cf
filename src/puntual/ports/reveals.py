"""Who is told when classified values are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Reveal:
    """
    Classified columns that were shown to somebody; never a value of them.

    Attributes:
        command: What showed them.
        about: The delivery or dataset.
        reference_date: The day the data is about.
        columns: `dataset.column` of each, sorted.
        who: Whom, as the system knows the person.
        at: UTC.
    """

    command: str
    about: str
    reference_date: date
    columns: tuple[str, ...]
    who: str
    at: datetime


class Reveals(Protocol):
    """Durable when a call returns; called before anything is shown."""

    def note(self, reveal: Reveal) -> None:
        """
        Put a reveal on record.

        Raises:
            PermanentError: T1001, T1002 it cannot be written; then nothing may be shown.
        """
