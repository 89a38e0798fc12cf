"""
Who is to be told of a notice, when it is tried again, and which messages have become needless.

Design 4.15: few alerts, each followed by its resolution, which goes to whoever was told; what
healed before anybody could be told is not sent. Nothing here sends.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import assert_never

from puntual.model.notice import (
    ARRIVALS,
    AT_RISK,
    CALENDAR_ENDED,
    HELD,
    MISSED,
    MISSED_START,
    NOT_ALLOWED,
    NOT_FULL,
    REJECTED,
    UNSIGNED,
    Audience,
    Message,
    Notice,
    Phase,
    SendState,
)
from puntual.model.route import (
    NOT_TAKEN,
    UNHEARD,
    Channel,
    Console,
    Email,
    Posted,
    Route,
    Send,
    TextFile,
    Webhook,
)

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
_OPERATIONS, _DATA, _COMPLIANCE = (
    frozenset({a}) for a in (Audience.OPERATIONS, Audience.DATA, Audience.COMPLIANCE)
)
_CONCERNS = {
    HELD: _DATA,
    ARRIVALS: _DATA,
    AT_RISK: _OPERATIONS | _COMPLIANCE,
    MISSED: _OPERATIONS | _COMPLIANCE,
    MISSED_START: _OPERATIONS,
    CALENDAR_ENDED: _OPERATIONS,
    NOT_ALLOWED: _OPERATIONS | _COMPLIANCE,
    NOT_FULL: _OPERATIONS | _DATA | _COMPLIANCE,
    REJECTED: _DATA | _COMPLIANCE,
    UNSIGNED: _OPERATIONS | _COMPLIANCE,
}
_FAMILIES = {
    "T": _OPERATIONS,
    "D": _OPERATIONS,
    "C": _OPERATIONS,
    "S1": _OPERATIONS,
    "S": _DATA,
    "Q": _DATA,
    "R": _DATA,
    "L": _DATA,
    "P": _COMPLIANCE,
    "V": _OPERATIONS | _COMPLIANCE,
}
_CODE = re.compile(r"[A-Z][0-9]{4}")


def audiences(cause: str) -> frozenset[Audience]:
    """Return whom a cause concerns; one that is not known concerns everybody."""
    if is_fault(cause):
        return _FAMILIES.get(cause[:2]) or _FAMILIES.get(cause[0]) or frozenset(Audience)
    return _CONCERNS.get(cause.partition(":")[0], frozenset(Audience))


def is_fault(cause: str) -> bool:
    """Say whether a cause is the code of a fault, which is over when a run comes past it."""
    return _CODE.fullmatch(cause) is not None


def message(project: str, notice: Notice, phase: Phase, zone: tzinfo = UTC) -> Message:
    """Return a message of a notice, its times in a zone; its id follows from the notice alone."""
    opened, resolved = (_id(project, notice, p) for p in (Phase.OPENED, Phase.RESOLVED))
    is_opening = phase is Phase.OPENED
    return Message(
        id=opened if is_opening else resolved,
        answers="" if is_opening else opened,
        project=project,
        phase=phase,
        notice=notice,
        zone=zone,
    )


def queue(posted: Posted, routes: Iterable[Route], project: str, now: datetime) -> tuple[Send, ...]:
    """
    Return the sends of a notice that are new, or have changed, before anything is sent.

    Args:
        posted: The notice and its sends so far.
        routes: As the project declares them now.
        project: Name of the project.
        now: UTC.

    Returns:
        Of an open notice an opening for each receiver of each route that it takes and that has
        none; of a resolved one a resolution for each receiver who was told, or may have been
        (one that refused it, or was never reached, knows of nothing), and its openings that
        are not told yet as dropped.
    """
    if posted.notice.resolved_at is None:
        return tuple(_openings(posted, routes, project, now))
    return tuple(_resolutions(posted, project, now))


def due(posted: Posted, now: datetime) -> tuple[Send, ...]:
    """Return what is to be tried now, openings first."""
    found = [s for s in posted.sends if s.state is SendState.QUEUED and s.next_at <= now]
    return tuple(sorted(found, key=lambda s: (s.phase is Phase.RESOLVED, s.target)))


def failed(send: Send, code: str, error: str, now: datetime) -> Send:
    """
    Return a send after a failure: tried again later, and never given up.

    The n-th wait is min(1 min * 2**(n-1), 1 h); a receiver who refuses today may be repaired.
    """
    wait = FIRST_WAIT * 2 ** min(send.attempts, 6)
    return replace(
        send,
        receipt=UNHEARD if send.may_be_heard or code not in NOT_TAKEN else send.receipt,
        attempts=send.attempts + 1,
        next_at=now + min(wait, LONGEST_WAIT),
        code=code,
        error=error,
    )


def told(send: Send, receipt: str, now: datetime) -> Send:
    """Return a send that its receiver has taken."""
    return replace(
        send,
        state=SendState.TOLD,
        attempts=send.attempts + 1,
        told_at=now,
        receipt=receipt,
        code="",
        error="",
    )


def target(route: Route, channel: Channel) -> str:
    """Return the name of one receiver of a route; it holds no secret."""
    return f"{route.name}/{_address(channel)}"


def _openings(
    posted: Posted, routes: Iterable[Route], project: str, now: datetime
) -> Iterator[Send]:
    known = {send.target for send in posted.sends}
    failing = any(send.failing for send in posted.sends)
    concerned = audiences(posted.notice.cause)
    opening = _id(project, posted.notice, Phase.OPENED)
    for route in routes:
        if posted.notice.severity not in route.severities or not concerned & route.audiences:
            continue
        if route.fallback and not failing:
            continue
        for channel in route.channels:
            name = target(route, channel)
            if name not in known:
                yield Send(
                    message=opening, phase=Phase.OPENED, target=name, channel=channel, next_at=now
                )


def _resolutions(posted: Posted, project: str, now: datetime) -> Iterator[Send]:
    resolution = _id(project, posted.notice, Phase.RESOLVED)
    answered = {s.target for s in posted.sends if s.phase is Phase.RESOLVED}
    for send in posted.sends:
        if send.phase is Phase.RESOLVED:
            continue
        if send.state is SendState.QUEUED:
            yield replace(send, state=SendState.DROPPED)
        if send.may_be_heard and send.target not in answered:
            yield replace(
                send,
                message=resolution,
                phase=Phase.RESOLVED,
                state=SendState.QUEUED,
                attempts=0,
                next_at=now,
                told_at=None,
                receipt="",
                code="",
                error="",
            )


def _id(project: str, notice: Notice, phase: Phase) -> str:
    facts = (project, str(notice.obligation), notice.cause, notice.opened_at.isoformat(), phase)
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def _address(channel: Channel) -> str:
    match channel:
        case Console():
            return "console"
        case TextFile():
            return f"file:{channel.path}"
        case Email():
            return f"email:{channel.to}"
        case Webhook():
            # Not the path: many a webhook's is its secret.
            return f"webhook:{channel.url.partition('//')[2].partition('/')[0] or channel.url}"
        case _:
            assert_never(channel)
