"""Who asked for classified values, on record before they are shown."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

from puntual.cli import books, places, restored, wiring
from puntual.errors import ProjectError, TransientError
from puntual.evidence.ledger import Event, Told
from puntual.local.journal import SqliteJournal
from puntual.model.broken_row import BrokenRows, Cells, TracedRow
from puntual.model.masked import Mask
from puntual.model.project import Project
from puntual.ports.journal import StepEvent
from puntual.ports.reveals import Reveal
from puntual.runner.clock import SystemClock
from puntual.runner.record import Record, catch_up

ROLE = "reveal"
"""The role in `puntual.yaml` whose holders may see classified values, where it is declared."""

PATIENCE = 10.0
"""Seconds that a reveal waits for a run to give its lease back."""


class RecordedReveals:
    """
    Puts each reveal into the ledger, then into the journal; see the port `Reveals`.

    Args:
        root: The project's folder.
        project: What it declares.
    """

    def __init__(self, root: Path, project: Project) -> None:
        self._root = root
        self._project = project

    def note(self, reveal: Reveal) -> None:
        """
        Put a reveal on record.

        Raises:
            ProjectError: C1905 the person does not hold the role that may see them.
            TransientError: T2008 a run goes on, and the ledger has one writer.
            EvidenceError: V4003, V4004 the ledger was set back or altered.
            PermanentError: It cannot be written: T1001, T1002, T1003, V5001, V5002.
        """
        self._may(reveal)
        try:
            self._in_ledger(reveal)
        except TransientError as exc:
            if exc.code != "T2003":
                raise
            raise TransientError(
                "T2008",
                "what was asked for cannot be put on record now, so it is not shown",
                where="ledger",
                expected=f"the run's lease within {PATIENCE:g} s",
                observed=exc.observed or exc.message,
                next_step="Ask again when the run has ended: puntual status. Without --unmask "
                "nothing has to be put on record.",
            ) from exc
        restored.at_hand(self._root, reveal.at)
        with closing(SqliteJournal(places.journal_path(self._root))) as journal:
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

    def _may(self, reveal: Reveal) -> None:
        holders = self._project.roles.get(ROLE)
        if holders is None or reveal.who in holders:
            return
        raise ProjectError(
            "C1905",
            f"{reveal.who} may not see classified values of this project",
            where="roles in puntual.yaml",
            expected=f"somebody in the role {ROLE}",
            observed=reveal.who,
            next_step="ask one of them, or look at it without --unmask",
        )

    def _in_ledger(self, reveal: Reveal) -> None:
        watch = SystemClock()
        with (
            wiring.leased(self._root, watch, patience=PATIENCE) as held,
            wiring.open_store(self._root) as store,
        ):
            opened = books.open_books(self._root, self._project.name)
            by = Record(store=store, books=opened, epoch=held.epoch, at=watch.now())
            catch_up(by, also=(told(reveal),))


def told(reveal: Reveal) -> Told:
    """Return how the ledger tells of a reveal: which columns, of what, to whom; never a value."""
    return Told(
        event=Event.REVEAL,
        step=reveal.about,
        reference_date=reveal.reference_date.isoformat(),
        facts={"command": reveal.command, "columns": list(reveal.columns), "who": reveal.who},
    )


def on_record(
    root: Path, project: Project, command: str, about: str, day: date, columns: Iterable[str]
) -> None:
    """
    Put on record that columns are about to be shown to this person; nothing where none is.

    Raises:
        ProjectError, TransientError, EvidenceError, PermanentError: See `RecordedReveals.note`;
            nothing may be shown then.
    """
    listed = tuple(sorted(set(columns)))
    if listed:
        RecordedReveals(root, project).note(
            Reveal(
                command=command,
                about=about,
                reference_date=day,
                columns=listed,
                who=this_person(),
                at=datetime.now(UTC),
            )
        )


def of_rows(rows: BrokenRows, mask: Mask) -> set[str]:
    """Return the classified columns that rows show in clear, as `dataset.column`."""
    changed = {c.column for row in rows.rows for c in row.changed}
    cells = {name for row in rows.rows for name, _ in (*row.key, *row.cells)}
    public = mask.public.get(rows.dataset, frozenset()) | rows.shown
    return {f"{rows.dataset or rows.about}.{name}" for name in (changed | cells) - public}


def of_traced(row: TracedRow, mask: Mask) -> set[str]:
    """Return the classified columns that a row shows in clear at its stages."""
    shown = {(row.dataset, c.column) for c in row.raw.parsed}
    shown |= {(s.dataset, name) for s in row.stages for name, _ in _cells(s.cells)}
    return {f"{d}.{c}" for d, c in shown if c not in mask.public.get(d, frozenset())}


def _cells(cells: Cells) -> Cells:
    return tuple((name, value) for name, value in cells if value is not None)


def this_person() -> str:
    """
    Return the account that runs this process, as the system knows it; its number without a name.

    Its login name, never what a variable says: whoever calls may set `USER` and `LOGNAME`. A full
    name is none: two accounts may have the same, and many systems let people change their own.
    """
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
