"""Port `Outbox` on SQLite: a table beside the notices, in the journal's file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

from puntual.local.connection import Connection
from puntual.local.notices import SCHEMA as NOTICES
from puntual.local.state import answering, instant_text, transaction
from puntual.model.check import Severity
from puntual.model.notice import Notice, Obligation, Phase, SendState
from puntual.model.route import (
    NOT_TAKEN,
    Channel,
    Console,
    Email,
    Posted,
    Send,
    TextFile,
    Webhook,
)

_SENDS = """
CREATE TABLE IF NOT EXISTS sends (
  message TEXT NOT NULL,
  target TEXT NOT NULL,
  notice INTEGER NOT NULL REFERENCES notices (id),
  phase TEXT NOT NULL,
  channel TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  next_at TEXT NOT NULL,
  told_at TEXT,
  receipt TEXT NOT NULL,
  code TEXT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (message, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sends_by_notice ON sends (notice);
"""
_NOTICE = """
SELECT id, report, reference_date, cause, severity, text, opened_at, resolved_at,
       coalesce((SELECT ended FROM endings AS e WHERE e.notice = n.id), '')
"""
_CERTAIN = ", ".join(f"'{code}'" for code in sorted(NOT_TAKEN))
# Who may have heard of it: as `Send.may_be_heard` says.
_UNSETTLED = f"""
{_NOTICE} FROM notices AS n
WHERE resolved_at IS NULL
   OR EXISTS (SELECT 1 FROM sends AS s WHERE s.notice = n.id AND s.state = 'queued')
   OR EXISTS (
     SELECT 1 FROM sends AS s
     WHERE s.notice = n.id AND s.phase = 'opened'
       AND (
         s.state = 'told' OR s.receipt <> '' OR (s.attempts > 0 AND s.code NOT IN ({_CERTAIN}))
       )
       AND NOT EXISTS (
         SELECT 1 FROM sends AS r
         WHERE r.notice = n.id AND r.phase = 'resolved' AND r.target = s.target
       )
   )
ORDER BY id
"""
_HISTORY = f"{_NOTICE} FROM notices AS n ORDER BY id DESC LIMIT ?"
_KINDS: dict[str, type[Console] | type[TextFile] | type[Email] | type[Webhook]] = {
    "console": Console,
    "file": TextFile,
    "email": Email,
    "webhook": Webhook,
}
_WORDS = {kind: word for word, kind in _KINDS.items()}

_Row = tuple[int, str, str, str, str, str, str, str | None, str]


class SqliteOutbox:
    """The outbox in a state file; a send is durable when `save` returns."""

    def __init__(self, path: Path) -> None:
        self._state = Connection(path, NOTICES + _SENDS)

    def unsettled(self) -> tuple[Posted, ...]:
        """
        Return what is open or still to be told, oldest first; see the port.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """
        with answering(self._state.path):
            return tuple(map(self._posted, self._state.db.execute(_UNSETTLED).fetchall()))

    def history(self, limit: int) -> tuple[Posted, ...]:
        """
        Return the newest notices, newest first; see the port.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """
        with answering(self._state.path):
            return tuple(map(self._posted, self._state.db.execute(_HISTORY, (limit,)).fetchall()))

    def save(self, number: int, sends: Iterable[Send]) -> None:
        """
        Write sends of a notice down, all or none; see the port.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002.
        """
        rows = [(send.message, send.target, number, *_facts(send)) for send in sends]
        with transaction(self._state.db, self._state.path) as db:
            db.executemany(
                "INSERT OR REPLACE INTO sends VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )

    def close(self) -> None:
        """Give up the connection; the next call opens it again."""
        self._state.close()

    def _posted(self, row: _Row) -> Posted:
        number, report, day, cause, severity, text, opened, resolved, ended = row
        notice = Notice(
            obligation=Obligation(report=report, reference_date=date.fromisoformat(day)),
            cause=cause,
            severity=Severity(severity),
            text=text,
            opened_at=datetime.fromisoformat(opened),
            resolved_at=None if resolved is None else datetime.fromisoformat(resolved),
            ended=ended,
        )
        sends = self._state.db.execute(
            "SELECT message, phase, target, channel, state, attempts, next_at, told_at, receipt, "
            "code, error FROM sends WHERE notice = ? ORDER BY phase, target",
            (number,),
        ).fetchall()
        return Posted(number=number, notice=notice, sends=tuple(_send(*one) for one in sends))


def _facts(send: Send) -> tuple[str | int | None, ...]:
    return (
        send.phase.value,
        json.dumps({"kind": _WORDS[type(send.channel)], **asdict(send.channel)}, sort_keys=True),
        send.state.value,
        send.attempts,
        instant_text(send.next_at),
        None if send.told_at is None else instant_text(send.told_at),
        send.receipt,
        send.code,
        send.error,
    )


def _send(
    message: str,
    phase: str,
    target: str,
    channel: str,
    state: str,
    attempts: int,
    next_at: str,
    told_at: str | None,
    receipt: str,
    code: str,
    error: str,
) -> Send:
    return Send(
        message=message,
        phase=Phase(phase),
        target=target,
        channel=_channel(channel),
        state=SendState(state),
        attempts=attempts,
        next_at=datetime.fromisoformat(next_at),
        told_at=None if told_at is None else datetime.fromisoformat(told_at),
        receipt=receipt,
        code=code,
        error=error,
    )


def _channel(text: str) -> Channel:
    facts = json.loads(text)
    return _KINDS[facts.pop("kind")](**facts)
