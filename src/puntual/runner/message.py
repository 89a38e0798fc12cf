"""How a message reads: lines for people, a CloudEvent for programs; never a value of the data."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from puntual.model.notice import Message, Phase
from puntual.model.shown import printable
from puntual.planner.alert import audiences

LONGEST = 500
"""Characters of a line; what is longer is cut (`failures.md` h8)."""


def subject(message: Message) -> str:
    """Return one line: which project, what, of which obligation."""
    first = _lines(message)[0]
    word = "resolved: " if message.phase is Phase.RESOLVED else ""
    return _short(f"[{message.project}] {word}{first}")


def lines(message: Message) -> list[str]:
    """Return what people read; the first line says what it is about (ux.md 10)."""
    notice = message.notice
    if message.phase is Phase.OPENED:
        return _lines(message)
    first = _lines(message)[0]
    why = [_short(notice.ended)] if notice.ended else []
    return [
        f"resolved {_minute(notice.resolved_at, message)}: {first}",
        *why,
        f"open since {_minute(notice.opened_at, message)}",
    ]


def event(message: Message) -> dict[str, object]:
    """
    Return a message as a CloudEvent (CloudEvents 1.0.2, section 3, and its JSON format).

    `id` is the message's own, so that `source` and `id` name it once (section 3.1.1).
    """
    notice = message.notice
    at = notice.opened_at if message.phase is Phase.OPENED else notice.resolved_at
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": f"puntual/{message.project}",
        "type": f"Notice.{message.phase.value.capitalize()}",
        "subject": str(notice.obligation),
        "time": (at or notice.opened_at).astimezone(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "schema": "puntual/notice/1",
            "report": notice.obligation.report,
            "reference_date": notice.obligation.reference_date.isoformat(),
            "cause": notice.cause,
            "severity": notice.severity.value,
            "audiences": sorted(audiences(notice.cause)),
            "opened_at": notice.opened_at.astimezone(UTC).isoformat(),
            "resolved_at": (
                notice.resolved_at.astimezone(UTC).isoformat() if notice.resolved_at else None
            ),
            "answers": message.answers or None,
            "ended": notice.ended or None,
            "text": "\n".join(lines(message)),
        },
    }


def event_bytes(message: Message) -> bytes:
    """Return the CloudEvent as JSON in one line; the same message gives the same bytes."""
    return json.dumps(event(message), ensure_ascii=False, sort_keys=True).encode()


def _lines(message: Message) -> list[str]:
    return [_short(line) for line in message.notice.text.splitlines()] or [message.notice.cause]


def _short(line: str) -> str:
    shown = printable(line)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _minute(at: datetime | None, message: Message) -> str:
    return "" if at is None else at.astimezone(message.zone).strftime("%Y-%m-%d %H:%M %Z")
