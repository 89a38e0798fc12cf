"""Port `Notices` on SQLite: a table in the journal's file."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime
from pathlib import Path

from puntual.local.connection import Connection
from puntual.local.state import answering, instant_text, transaction
from puntual.model.check import Severity
from puntual.model.notice import Notice, Obligation

SCHEMA = """
CREATE TABLE IF NOT EXISTS notices (
  id INTEGER PRIMARY KEY,
  report TEXT NOT NULL,
  reference_date TEXT NOT NULL,
  cause TEXT NOT NULL,
  severity TEXT NOT NULL,
  text TEXT NOT NULL,
  opened_at TEXT NOT NULL,
  resolved_at TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_open_notice
  ON notices (report, reference_date, cause) WHERE resolved_at IS NULL;
CREATE TABLE IF NOT EXISTS endings (
  notice INTEGER PRIMARY KEY REFERENCES notices (id),
  ended TEXT NOT NULL
) STRICT;
"""


class SqliteNotices:
    """Notices in a state file; the index allows one open notice for an obligation and cause."""

    def __init__(self, path: Path) -> None:
        self._state = Connection(path, SCHEMA)

    def open(
        self, obligation: Obligation, cause: str, severity: Severity, text: str, at: datetime
    ) -> bool:
        """
        Open a notice, unless one of this obligation and cause is open; see the port.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002.
        """
        row = (*_key(obligation, cause), severity.value, text, instant_text(at))
        with transaction(self._state.db, self._state.path) as db:
            done = db.execute(
                "INSERT INTO notices (report, reference_date, cause, severity, text, opened_at) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                row,
            )
        return done.rowcount == 1

    def resolve(self, obligation: Obligation, cause: str, at: datetime, ended: str = "") -> bool:
        """
        Resolve the open notice of an obligation and cause; see the port.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002.
        """
        with transaction(self._state.db, self._state.path) as db:
            done = db.execute(
                "UPDATE notices SET resolved_at = ? WHERE report = ? AND reference_date = ? "
                "AND cause = ? AND resolved_at IS NULL RETURNING id",
                (instant_text(at), *_key(obligation, cause)),
            ).fetchall()
            db.executemany("INSERT INTO endings VALUES (?, ?)", ((row[0], ended) for row in done))
        return len(done) == 1

    def open_ones(self, obligation: Obligation | None = None) -> tuple[Notice, ...]:
        """
        Return the open notices, oldest first; see the port.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """
        report = obligation.report if obligation else None
        day = obligation.reference_date.isoformat() if obligation else None
        with answering(self._state.path):
            rows = self._state.db.execute(
                "SELECT report, reference_date, cause, severity, text, opened_at FROM notices "
                "WHERE resolved_at IS NULL AND (?1 IS NULL OR report = ?1) "
                "AND (?2 IS NULL OR reference_date = ?2) ORDER BY id",
                (report, day),
            ).fetchall()
        return tuple(_notice(row) for row in rows)

    def close(self) -> None:
        """Give up the connection; the next call opens it again."""
        self._state.close()


def _key(obligation: Obligation, cause: str) -> tuple[str, str, str]:
    return obligation.report, obligation.reference_date.isoformat(), cause


def _notice(row: sqlite3.Row | tuple[str, ...]) -> Notice:
    report, day, cause, severity, text, opened = row
    return Notice(
        obligation=Obligation(report=report, reference_date=date.fromisoformat(day)),
        cause=cause,
        severity=Severity(severity),
        text=text,
        opened_at=datetime.fromisoformat(opened),
    )
