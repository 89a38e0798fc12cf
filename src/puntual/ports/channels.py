"""How one receiver is told: the channels, and the outbox that outlives a crash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from puntual.model.notice import Message
from puntual.model.route import Channel, Posted, Send


class Channels(Protocol):
    """Hands a message to a receiver; the same message again has the same id."""

    def send(self, channel: Channel, message: Message) -> str:
        """
        Hand the message over, and return what the receiver answered.

        Raises:
            TransientError: D2001 the receiver does not answer, or asks to come again: it may have
                taken the message; D2007 it was not reached.
            PermanentError: D2002 it refuses the message; D2003 a secret is not set. The message
                was not taken, as after D2007.
        """


class Outbox(Protocol):
    """What is to be told to whom, and what came of it; durable when a call returns."""

    def unsettled(self) -> tuple[Posted, ...]:
        """
        Return the notices that are open, or of which something is still to be sent.

        Oldest first.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """

    def history(self, limit: int) -> tuple[Posted, ...]:
        """
        Return the newest notices, open or not, newest first.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """

    def save(self, number: int, sends: Iterable[Send]) -> None:
        """
        Write sends of a notice down, all or none, in place of those of their message and target.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002 nothing, or all, was done; call it again.
        """
