"""E-mail of notices by SES: the same bytes that a mail server would get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from puntual.aws.faults import Fault, translated
from puntual.errors import PermanentError, TransientError
from puntual.model.notice import Message
from puntual.model.route import Email
from puntual.runner.mail import mail

SLOW = Fault(
    kind=TransientError,
    code="D2001",
    message="SES does not take a notice now",
    expected="a sending rate within the account's quota, and sending not paused",
    next_step="Nothing is lost: the notice waits in the outbox and is tried again.",
)
REFUSED = Fault(
    kind=PermanentError,
    code="D2002",
    message="SES refuses a notice",
    expected="a sender and, in the sandbox, a receiver that SES has verified",
    next_step="Verify the identity in SES, or correct the route; what waits is then sent.",
)
FAULTS: Mapping[str, Fault] = {
    **dict.fromkeys(("TooManyRequestsException", "LimitExceededException"), SLOW),
    "SendingPausedException": SLOW,
    **dict.fromkeys(
        (
            "MessageRejected",
            "MailFromDomainNotVerifiedException",
            "AccountSuspendedException",
            "BadRequestException",
            "NotFoundException",
        ),
        REFUSED,
    ),
}
"""Codes of SES that mean something of their own here."""


class SesMail:
    """Hands e-mails to SES; host, port and credentials of a route are not used."""

    def __init__(self, client: Any) -> None:
        """Keep the client of `sesv2`."""
        self._client = client

    def send(self, channel: Email, message: Message) -> str:
        """
        Hand a message over, and return the id that SES gave it.

        Its own `Message-ID` is the message's id, so that a repeat is known to a reader.

        Raises:
            TransientError: D2001, T5001, T5002: it may have been sent.
            PermanentError: D2002 the sender or receiver is not verified, or the message is
                refused; T5004, T5007, T5008.
        """
        where = f"SES for {channel.sender.rpartition('@')[2]}"
        with translated(where, service="ses", also=FAULTS):
            answer = self._client.send_email(
                FromEmailAddress=channel.sender,
                Destination={"ToAddresses": [channel.to]},
                Content={"Raw": {"Data": mail(channel, message).as_bytes()}},
            )
        return str(answer["MessageId"])
