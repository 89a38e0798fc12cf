"""Port `Journal` on SQLite: what happened, for people; rebuilt from manifests if lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

from puntual.failpoints import failpoint
from puntual.local.connection import Connection
from puntual.local.state import answering, instant_text, transaction
from puntual.model.delivery import Completeness, Delivery, DeliveryId, Reason, State, Timeliness
from puntual.ports.journal import StepEvent

_SCHEMA = """
CREATE TABLE IF NOT EXISTS steps (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL,
  reference_date TEXT NOT NULL,
  step TEXT NOT NULL,
  outcome TEXT NOT NULL,
  seconds REAL NOT NULL,
  at TEXT NOT NULL,
  summary TEXT NOT NULL,
  facts TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS steps_by_day ON steps (reference_date, id);
CREATE TABLE IF NOT EXISTS deliveries (
  report TEXT NOT NULL,
  reference_date TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  completeness TEXT,
  timeliness TEXT NOT NULL,
  due_at TEXT NOT NULL,
  sent_at TEXT,
  file_name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  reasons TEXT NOT NULL,
  exceptions INTEGER NOT NULL,
  PRIMARY KEY (report, reference_date, version)
) STRICT, WITHOUT ROWID;
"""


class SqliteJournal:
    """A journal in a state file; a record is durable when the call returns."""

    def __init__(self, path: Path) -> None:
        self._state = Connection(path, _SCHEMA)

    def record(self, event: StepEvent) -> None:
        """
        Append a step's outcome.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002.
        """
        row = (
            event.run,
            event.reference_date.isoformat(),
            event.step,
            event.outcome,
            event.seconds,
            instant_text(event.at),
            event.summary,
            json.dumps(dict(event.facts), sort_keys=True, ensure_ascii=False),
        )
        with transaction(self._state.db, self._state.path) as db:
            db.execute(
                "INSERT INTO steps (run, reference_date, step, outcome, seconds, at, summary, "
                "facts) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        failpoint("journal.recorded")

    def save(self, delivery: Delivery, *, replacing: frozenset[State] | None = None) -> bool:
        """
        Insert or replace a delivery by its id; see the port.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002.
        """
        reasons = [[r.code, r.about, r.sentence] for r in delivery.reasons]
        row = (
            delivery.id.report,
            delivery.id.reference_date.isoformat(),
            delivery.id.version,
            delivery.state.value,
            None if delivery.completeness is None else delivery.completeness.value,
            delivery.timeliness.value,
            delivery.due_at.isoformat(),
            None if delivery.sent_at is None else instant_text(delivery.sent_at),
            delivery.file_name,
            delivery.sha256,
            json.dumps(reasons, ensure_ascii=False),
            delivery.exceptions,
        )
        with transaction(self._state.db, self._state.path) as db:
            before = db.execute(
                "SELECT state FROM deliveries WHERE report = ? AND reference_date = ? "
                "AND version = ?",
                row[:3],
            ).fetchone()
            if before is not None and replacing is not None and State(before[0]) not in replacing:
                return False
            db.execute(
                "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        failpoint("journal.saved")
        return True

    def deliveries(
        self, *, report: str | None = None, reference_date: date | None = None
    ) -> tuple[Delivery, ...]:
        """
        Return deliveries, newest reference date and version first.

        `due_at` has the offset it was saved with.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """
        day = None if reference_date is None else reference_date.isoformat()
        with answering(self._state.path):
            rows = self._state.db.execute(
                "SELECT report, reference_date, version, state, completeness, timeliness, due_at, "
                "sent_at, file_name, sha256, reasons, exceptions FROM deliveries "
                "WHERE (?1 IS NULL OR report = ?1) AND (?2 IS NULL OR reference_date = ?2) "
                "ORDER BY reference_date DESC, report, version DESC",
                (report, day),
            ).fetchall()
        return tuple(_delivery(row) for row in rows)

    def steps(self, reference_date: date) -> tuple[StepEvent, ...]:
        """
        Return the outcomes of a day, oldest first.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """
        with answering(self._state.path):
            rows = self._state.db.execute(
                "SELECT run, reference_date, step, outcome, seconds, at, summary, facts "
                "FROM steps WHERE reference_date = ? ORDER BY id",
                (reference_date.isoformat(),),
            ).fetchall()
        return tuple(
            StepEvent(
                run=row[0],
                reference_date=date.fromisoformat(row[1]),
                step=row[2],
                outcome=row[3],
                seconds=row[4],
                at=datetime.fromisoformat(row[5]),
                summary=row[6],
                facts=json.loads(row[7]),
            )
            for row in rows
        )

    def runs(self, outcomes: Iterable[str]) -> tuple[tuple[date, str], ...]:
        """
        Return the day and name of each run that has a step with one of these outcomes.

        They are in the order in which they began to have one.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """
        with answering(self._state.path):
            rows = self._state.db.execute(
                "SELECT reference_date, run FROM steps "
                "WHERE outcome IN (SELECT value FROM json_each(?)) "
                "GROUP BY reference_date, run ORDER BY min(id)",
                (json.dumps(sorted(outcomes)),),
            ).fetchall()
        return tuple((date.fromisoformat(day), run) for day, run in rows)

    def close(self) -> None:
        """Give up the connection; the next call opens it again."""
        self._state.close()


_Row = tuple[
    str, str, int, str, str | None, str, str, str | None, str, str, str, int
]  # the columns of `deliveries`, in the order of the SELECT


def _delivery(row: _Row) -> Delivery:
    report, day, version, state, completeness, timeliness, due, sent, name, sha256, why, more = row
    return Delivery(
        id=DeliveryId(report=report, reference_date=date.fromisoformat(day), version=version),
        state=State(state),
        completeness=None if completeness is None else Completeness(completeness),
        timeliness=Timeliness(timeliness),
        due_at=datetime.fromisoformat(due),
        sent_at=None if sent is None else datetime.fromisoformat(sent),
        file_name=name,
        sha256=sha256,
        reasons=tuple(Reason(code=c, about=a, sentence=s) for c, a, s in json.loads(why)),
        exceptions=more,
    )
