"""
Tells people: what is open or resolved goes through the outbox to each receiver.

It decides nothing; who is told, and when again, is `planner.alert`'s answer. What is to be sent
is durable before it is sent, so a crash between the two sends it at the next call: at least
once, with an id by which a receiver drops a repeat (`failures.md` 72, 73).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from pathlib import PurePath
from traceback import extract_tb
from typing import Protocol

from puntual.errors import PuntualError
from puntual.model.route import Posted, Route, Send
from puntual.planner import alert
from puntual.ports.channels import Channels, Outbox
from puntual.ports.clock import Clock
from puntual.runner import route
from puntual.runner.flow import Failed


class Told(Protocol):
    """Hears of each attempt, for a log."""

    def __call__(self, send: Send) -> None:
        """A send was tried; its state says whether it was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """
    What telling needs.

    Attributes:
        outbox: What is to be told.
        channels: Hand it over.
        clock: The time.
        zones: Report → the zone in which people read its times; UTC where it is not known.
    """

    outbox: Outbox
    channels: Channels
    clock: Clock
    zones: Mapping[str, tzinfo] = field(default_factory=dict)


def tell(post: Post, routes: Iterable[Route], project: str, told: Told) -> tuple[Send, ...]:
    """
    Send everything that is due now, each once.

    Args:
        post: The ports.
        routes: As the project declares them.
        project: Its name.
        told: Hears of each attempt.

    Returns:
        What nobody has taken yet though it was tried: a failure to notify is itself told.

    Raises:
        PermanentError: T1001, T1002, T1003, T2004 the outbox cannot be written.
        TransientError: T2002.
    """
    declared = tuple(routes)
    failing: list[Send] = []
    for posted in post.outbox.unsettled():
        tried = _tell_one(post, posted, declared, project, told)
        failing += [send for send in tried.sends if send.failing]
    return tuple(failing)


def _tell_one(
    post: Post, posted: Posted, routes: tuple[Route, ...], project: str, told: Told
) -> Posted:
    now = post.clock.now()
    while True:
        # Again after an attempt: one that failed opens the way to the routes that are a fallback.
        changed = alert.queue(posted, routes, project, now)
        if changed:
            post.outbox.save(posted.number, changed)
            posted = _with(posted, changed)
        waiting = alert.due(posted, now)
        if not waiting:
            return posted
        for send in waiting:
            after = _try(post, posted, send, project)
            post.outbox.save(posted.number, (after,))
            posted = _with(posted, (after,))
            told(after)


def _try(post: Post, posted: Posted, send: Send, project: str) -> Send:
    """Send once; whatever one channel does, the others are told, and that it failed is seen."""
    zone = post.zones.get(posted.notice.obligation.report, UTC)
    message = alert.message(project, posted.notice, send.phase, zone)
    try:
        with route.attempt():
            receipt = post.channels.send(send.channel, message)
    except Failed as failed:
        return alert.failed(send, *_why(failed), post.clock.now())
    return alert.told(send, receipt, post.clock.now())


def _why(failed: Failed) -> tuple[str, str]:
    """Return code and sentence; what an unexpected exception says may hold values or secrets."""
    fault = failed.fault
    if isinstance(fault, PuntualError):
        return fault.code, fault.message
    frames = extract_tb(fault.__traceback__ if fault else None)
    at = f" at {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return "D2004", f"a channel failed as nobody expected: {failed.name}{at}; please report it"


def _with(posted: Posted, changed: Iterable[Send]) -> Posted:
    sends = {(s.message, s.target): s for s in posted.sends}
    sends |= {(s.message, s.target): s for s in changed}
    return replace(posted, sends=tuple(sends.values()))
