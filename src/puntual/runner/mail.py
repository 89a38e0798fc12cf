"""A message as an e-mail (RFC 5322), for whoever hands it over."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from puntual.model.notice import Message, Phase
from puntual.model.route import Email
from puntual.runner.message import lines, subject

_WIRE = SMTP.clone(cte_type="7bit")
"""Lines end with CR LF (RFC 5321 section 2.3.8); no server need know 8BITMIME."""


def mail(channel: Email, message: Message) -> EmailMessage:
    """
    Return the e-mail of a message; the same message gives the same bytes.

    Its `Message-ID` is the message's own id, and a resolution answers the alert's, so that a
    reader shows one thread (RFC 5322 section 3.6.4).
    """
    notice = message.notice
    found = EmailMessage(policy=_WIRE)
    found["From"], found["To"] = channel.sender, channel.to
    found["Subject"] = subject(message)
    opened = message.phase is Phase.OPENED
    at = notice.opened_at if opened else notice.resolved_at or notice.opened_at
    found["Date"] = format_datetime(at)
    found["Message-ID"] = _id(message.id, channel)
    if message.answers:
        found["In-Reply-To"] = found["References"] = _id(message.answers, channel)
    found["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    found.set_content("\n".join(lines(message)) + "\n", charset="utf-8")
    return found


def _id(digest: str, channel: Email) -> str:
    return f"<{digest}@{channel.sender.rpartition('@')[2]}>"
