"""Who is told of a notice and by which channel, as `notices:` in `puntual.yaml` declares it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from puntual.model.check import Severity
from puntual.model.notice import Audience, Notice, Phase, SendState


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Standard error of the process that sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """
    A file of one JSON object a line, appended to.

    Attributes:
        path: Relative to the project, or absolute.
    """

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """
    One address that is written to by SMTP (RFC 5321).

    Attributes:
        host: The mail server's name.
        port: Its port.
        sender: Address in `From`.
        to: The one address that is written to.
        starttls: Whether the connection must be encrypted before anything is said (RFC 3207).
        user: `env:NAME` of the user's name; "" for none.
        password: `env:NAME` of the password; "" for none.
        timeout: Seconds for each answer of the server.
    """

    host: str
    port: int
    sender: str
    to: str
    starttls: bool = True
    user: str = ""
    password: str = ""
    timeout: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """
    An address that takes CloudEvents 1.0 by HTTP POST.

    Attributes:
        url: `https://…`, `http://…`, or `env:NAME` of one that is itself a secret.
        secret: `env:NAME` of the key that signs the body (HMAC-SHA-256); "" for none.
        timeout: Seconds for the connection and for each answer.
    """

    url: str
    secret: str = ""
    timeout: int = 10


UNHEARD = "no answer was heard"
"""Receipt of a send of which an attempt may have reached its receiver."""

NOT_TAKEN = frozenset({"D2002", "D2003", "D2007"})
"""Codes of failures after which it is certain that the receiver has not taken the message."""

Channel = Console | TextFile | Email | Webhook
"""How one receiver is told; a further kind is a further member here and in `local.channels`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    Who is told of what.

    Attributes:
        name: In `puntual.yaml`.
        channels: One for each receiver.
        severities: Of the notices that take this route.
        audiences: Whom it reaches; a notice takes it when it concerns one of them.
        fallback: Taken only by what another route has tried to tell and could not.
    """

    name: str
    channels: tuple[Channel, ...]
    severities: frozenset[Severity] = frozenset(Severity)
    audiences: frozenset[Audience] = frozenset(Audience)
    fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """
    One message to one receiver, as the outbox has it.

    Attributes:
        message: Its id.
        phase: Opening or resolution.
        target: Route and receiver, such as `operators/email:ops@bank.example`.
        channel: How; kept with the send, so that a resolution goes where the alert went.
        state: `queued`, `told` or `dropped`.
        attempts: How often it was tried.
        next_at: UTC; before it nothing is tried.
        told_at: UTC; None until the receiver has taken it.
        receipt: What the receiver answered; `UNHEARD` where it may have taken an attempt and
            its answer was not heard, which only a later answer changes.
        code: Of the last failure; "" for none.
        error: What failed last, in a sentence.
    """

    message: str
    phase: Phase
    target: str
    channel: Channel
    state: SendState = SendState.QUEUED
    attempts: int = 0
    next_at: datetime
    told_at: datetime | None = None
    receipt: str = ""
    code: str = ""
    error: str = ""

    @property
    def failing(self) -> bool:
        """Whether it was tried, and nobody has been told."""
        return self.state is SendState.QUEUED and self.attempts > 0

    @property
    def may_be_heard(self) -> bool:
        """
        Whether its receiver has taken it, or may have: only the answer is known as lost.

        A journal of before `UNHEARD` holds attempts without a receipt, of which the code of the
        last one is all that is known.
        """
        if self.state is SendState.TOLD or self.receipt == UNHEARD:
            return True
        return self.attempts > 0 and self.code not in NOT_TAKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """
    A notice with everything that was, or is to be, sent of it.

    Attributes:
        number: Of the notice in the outbox.
        notice: What people are told.
        sends: By message and target.
    """

    number: int
    notice: Notice
    sends: tuple[Send, ...]
