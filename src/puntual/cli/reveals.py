"""Who asked for classified values, on record before they are shown."""

from __future__ import annotations

import getpass
from contextlib import closing
from pathlib import Path

from puntual.cli import places
from puntual.local.journal import SqliteJournal
from puntual.ports.journal import StepEvent
from puntual.ports.reveals import Reveal


class JournalReveals:
    """Writes each reveal into the journal; see the port `Reveals`."""

    def __init__(self, root: Path) -> None:
        self._path = places.journal_path(root)

    def note(self, reveal: Reveal) -> None:
        """
        Put a reveal on record.

        Raises:
            PermanentError: T1001, T1002 the journal cannot be written.
        """
        with closing(SqliteJournal(self._path)) as journal:
            journal.record(
                StepEvent(
                    run="",
                    reference_date=reveal.reference_date,
                    step=f"reveal:{reveal.about}",
                    outcome="revealed",
                    seconds=0.0,
                    at=reveal.at,
                    summary=f"{reveal.command} showed classified columns to {reveal.who}",
                    facts={"columns": ", ".join(reveal.columns), "who": reveal.who},
                )
            )


def this_person() -> str:
    """Return the name of the user of this process; its number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        import os

        return f"user {os.getuid()}"
