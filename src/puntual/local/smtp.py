"""An e-mail, handed to a mail server (RFC 5321)."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from email.message import EmailMessage

from puntual.errors import PermanentError, PuntualError, TransientError
from puntual.model.notice import Message
from puntual.model.route import Email
from puntual.runner.mail import mail

_TEMPORARY = range(400, 500)


def send(channel: Email, message: Message, secret: Callable[[str], str]) -> str:
    """
    Hand a message to the mail server, and return its answer.

    Args:
        channel: Server, addresses, and the names of the credentials.
        message: What is said.
        secret: Returns what `env:NAME` stands for.

    Raises:
        TransientError: D2001 no answer, or one that asks to come again (4yz); D2007 no connection
            was made.
        PermanentError: D2002 refused, by the server (5yz), since it does not prove who it is, or
            since an address or a credential is not ASCII (RFC 5321 section 4.1.2);
            D2003 a credential is not set.
    """
    where = f"{channel.host}:{channel.port}"
    credentials = (secret(channel.user), secret(channel.password)) if channel.user else None
    try:
        with smtplib.SMTP(channel.host, channel.port, timeout=channel.timeout) as server:
            if channel.starttls:
                server.starttls(context=ssl.create_default_context())
            if credentials is not None:
                server.login(*credentials)
            return _handed(server, channel, mail(channel, message))
    except smtplib.SMTPResponseException as exc:
        raise _refused(where, exc.smtp_code, str(exc.smtp_error)) from exc
    except ssl.SSLCertVerificationError as exc:
        raise _permanent(where, "a certificate that this machine trusts", exc.reason) from exc
    except smtplib.SMTPNotSupportedError as exc:
        raise _permanent(where, "STARTTLS and AUTH as declared", str(exc)) from exc
    except UnicodeError as exc:  # its words would show a letter of a credential
        raise _permanent(where, "addresses and credentials in ASCII", "other letters") from exc
    except (ConnectionRefusedError, socket.gaierror) as exc:
        raise _transient(where, str(exc) or type(exc).__name__, code="D2007") from exc
    except (OSError, smtplib.SMTPException) as exc:
        raise _transient(where, str(exc) or type(exc).__name__) from exc


def _handed(server: smtplib.SMTP, channel: Email, made: EmailMessage) -> str:
    server.ehlo_or_helo_if_needed()
    for code, said in (server.mail(channel.sender), server.rcpt(channel.to)):
        if code >= _TEMPORARY.start:
            raise smtplib.SMTPResponseException(code, said.decode("utf-8", "replace"))
    code, said = server.data(made.as_bytes())
    if code >= _TEMPORARY.start:
        raise smtplib.SMTPResponseException(code, said.decode("utf-8", "replace"))
    return f"{code} {said.decode('utf-8', 'replace')}"


def _refused(where: str, code: int, said: str) -> PuntualError:
    answer = f"{code} {said}"
    if code in _TEMPORARY:
        return _transient(where, answer)
    return _permanent(where, "250, the message taken", answer)


def _transient(where: str, observed: str, code: str = "D2001") -> TransientError:
    return TransientError(
        code,
        f"the mail server {where} does not take a notice now: {observed}",
        where=where,
        expected="a mail server that answers",
        observed=observed,
        next_step="Nothing is lost: it is tried again. puntual notices shows what waits.",
    )


def _permanent(where: str, expected: str, observed: str) -> PermanentError:
    return PermanentError(
        "D2002",
        f"the mail server {where} refuses a notice: {observed}",
        where=where,
        expected=expected,
        observed=observed,
        next_step="Correct the route in puntual.yaml: host, port, addresses, credentials.",
    )
