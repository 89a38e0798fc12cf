"""
Port `Channels` on AWS: SNS, one topic for each severity, and SES for a route's own addresses.

Who is told by a topic is who subscribes to it. A route's console, file or webhook, which a
function does not have, is its topic there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from puntual.aws.faults import DENIED, KEY, Fault, translated
from puntual.aws.mail import SesMail
from puntual.errors import PermanentError, TransientError
from puntual.model.notice import Message
from puntual.model.route import Channel, Email
from puntual.runner.message import event, lines, subject

MAX_BYTES = 256 << 10
"""Of one message of SNS."""

_SUBJECT = 100
"""Characters of a subject; more are refused."""

SILENT = Fault(
    kind=TransientError,
    code="D2001",
    message="the topic does not take a notice now",
    expected="an answer in time",
    next_step="Nothing is lost: the notice waits in the outbox and is tried again.",
)
REFUSED = Fault(
    kind=PermanentError,
    code="D2002",
    message="the topic refuses a notice",
    expected="a topic that `puntual deploy` has made",
    next_step="Deploy the project again, or correct the topic; what waits is then sent.",
)
FAULTS: Mapping[str, Fault] = {
    **dict.fromkeys(
        ("InternalError", "InternalErrorException", "Throttled", "ThrottledException"), SILENT
    ),
    **dict.fromkeys(("NotFound", "NotFoundException"), REFUSED),
    **dict.fromkeys(("InvalidParameter", "InvalidParameterException", "EndpointDisabled"), REFUSED),
    **dict.fromkeys(("AuthorizationError", "AuthorizationErrorException"), DENIED),
    **dict.fromkeys(("KMSAccessDenied", "KMSDisabled", "KMSNotFound", "KMSOptInRequired"), KEY),
}
"""Codes of SNS that mean something of their own here."""


class Topics:
    """Publishes notices; a subscriber may filter by severity, cause, phase and report."""

    def __init__(self, client: Any, topics: Mapping[str, str], mail: SesMail | None = None) -> None:
        """
        Keep the clients.

        Args:
            client: Of `sns`.
            topics: Severity → ARN of its topic.
            mail: Sends what a route sends by e-mail; None: that goes to the topic as well.
        """
        self._client = client
        self._topics = topics
        self._mail = mail

    def send(self, channel: Channel, message: Message) -> str:
        """
        Hand a message over, and return the id that SNS or SES gave it; see the port.

        E-mail gets lines for people; every other protocol the CloudEvent, whose `id` tells a
        repeat from another message.

        Raises:
            TransientError: D2001, T5001, T5002: it may have been published.
            PermanentError: D2002 there is no such topic, or it refuses; T5004, T5005, T5007,
                T5008.
        """
        if isinstance(channel, Email) and self._mail is not None:
            return self._mail.send(channel, message)
        severity = message.notice.severity.value
        topic = self._topics.get(severity)
        if topic is None:
            raise REFUSED.raised(f"topic of {severity}", "no topic of this severity is deployed")
        told = {
            "default": json.dumps(event(message), ensure_ascii=False, sort_keys=True),
            "email": "\n".join(lines(message)),
        }
        attributes = {
            "severity": severity,
            "cause": message.notice.cause,
            "phase": message.phase.value,
            "report": message.notice.obligation.report,
        }
        with translated(f"topic of {severity}", service="sns", also=FAULTS):
            answer = self._client.publish(
                TopicArn=topic,
                Subject=_subject(message),
                Message=json.dumps(told, ensure_ascii=False),
                MessageStructure="json",
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes.items()
                },
            )
        return str(answer["MessageId"])


def _subject(message: Message) -> str:
    """Return a subject as SNS takes it: ASCII, one line, at most 100 characters."""
    text = subject(message).encode("ascii", "replace").decode()
    plain = "".join(c if c.isprintable() else "?" for c in text).strip()
    return plain[:_SUBJECT] or message.notice.cause
