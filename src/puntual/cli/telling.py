"""Sends what the outbox has: at the end of a run, in the watch, by hand; never an exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from puntual.cli import text
from puntual.cli.places import journal_path
from puntual.errors import PermanentError, TransientError
from puntual.local.outbox import SqliteOutbox
from puntual.local.pointers import lock_lease
from puntual.model.notice import SendState
from puntual.model.route import Send
from puntual.ports.clock import Clock

if TYPE_CHECKING:
    from puntual.model.project import Project

LEASE = "notify"


def tell(
    root: Path, project: Project, clock: Clock, *, journal: Path | None = None
) -> tuple[Send, ...]:
    """
    Send everything that is due, unless another process is at it.

    What fails is said on standard error and stays in the outbox; nothing is raised for it, for
    it must not change how a run ends.

    Args:
        root: The project's folder.
        project: Says who is told.
        clock: The time.
        journal: The file that holds the outbox, where it has not its own name yet.

    Returns:
        What was tried and nobody has taken.
    """
    try:
        with _alone(root) as alone, closing(SqliteOutbox(journal or journal_path(root))) as outbox:
            if not alone or not (project.notices or outbox.unsettled()):
                return ()
            # Its imports (ssl, smtplib) are what a run without routes does not need.
            from puntual.local.channels import LocalChannels
            from puntual.project.zones import zones_of
            from puntual.runner.notify import Post, tell

            channels = LocalChannels(root, os.environ, text.complain)
            post = Post(outbox=outbox, channels=channels, clock=clock, zones=zones_of(project))
            return tell(post, project.notices, project.name, _said)
    except (TransientError, PermanentError) as fault:
        text.complain(f"notices are not sent: {fault.code} {fault.message}")
        return ()


@contextmanager
def afterwards(root: Path, project: Project, clock: Clock) -> Iterator[None]:
    """Send what is due when a run has ended, however it ended."""
    try:
        yield
    finally:
        if journal_path(root).is_file():
            tell(root, project, clock)


def unheard(project: Project) -> str:
    """Return that nobody is told of anything, where the project says so; else ""."""
    from puntual.model.project import AWS

    if project.notices or project.place == AWS:
        return ""  # on AWS the topics of the deployment tell whoever subscribes to them
    return "nobody is told: puntual.yaml declares no route under 'notices'"


def failing_line(failing: int) -> str:
    """Return what `status` and `notices` say of messages that nobody has taken."""
    what = "message has" if failing == 1 else "messages have"
    return f" ! {failing} {what} not been taken by the receiver        next: puntual notices"


def _said(send: Send) -> None:
    if send.state is SendState.TOLD:
        text.complain(f"told {send.target}: {send.phase.value}")
    else:
        text.complain(f"not told: {send.target}: {send.code} {send.error}")


@contextmanager
def _alone(root: Path) -> Iterator[bool]:
    lock = lock_lease(journal_path(root), LEASE)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)
