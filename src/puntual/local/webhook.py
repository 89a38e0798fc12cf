"""A message as a CloudEvent, posted by HTTP (CloudEvents HTTP binding 1.0.2, structured mode)."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from puntual.errors import PermanentError, PuntualError, TransientError
from puntual.model.notice import Message
from puntual.model.route import Webhook
from puntual.runner.message import event_bytes

SIGNATURE = "Puntual-Signature"
CONTENT = "application/cloudevents+json; charset=utf-8"
COME_AGAIN = frozenset({408, 425, 429})
"""Answers below 500 that ask to come again."""
_LONGEST = 200


def send(channel: Webhook, message: Message, secret: Callable[[str], str]) -> str:
    """
    Post a message, and return the status of the answer.

    The body is signed where a secret is declared: `Puntual-Signature: sha256=` and the
    HMAC-SHA-256 of its bytes in hex (RFC 2104). A redirection is not followed: it would carry
    the notice to a host that nobody declared (`failures.md` h15).

    Args:
        channel: Address, name of the secret, timeout in seconds.
        message: What is said.
        secret: Returns what `env:NAME` stands for.

    Raises:
        TransientError: D2001 no answer in time, or one that asks to come again; D2007 no
            connection was made.
        PermanentError: D2002 refused; D2003 a secret is not set.
    """
    body = event_bytes(message)
    headers = {"Content-Type": CONTENT, "User-Agent": "puntual"}
    if channel.secret:
        key = secret(channel.secret).encode()
        headers[SIGNATURE] = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
    address = secret(channel.url) if channel.url.startswith("env:") else channel.url
    try:
        url = urlsplit(address)
        where, _ = url.hostname or "?", url.port
    except ValueError as exc:  # its words may hold the address, which may be a secret
        named = channel.url if channel.url.startswith("env:") else "?"
        raise _permanent(named, "its address is no URL") from exc
    try:
        status = posted(url, channel.timeout, body, headers)
    except ssl.SSLCertVerificationError as exc:
        raise _permanent(where, f"its certificate is not trusted: {exc.reason}") from exc
    except (ConnectionRefusedError, socket.gaierror) as exc:
        raise _transient(where, str(exc) or type(exc).__name__, code="D2007") from exc
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise _transient(where, str(exc) or type(exc).__name__) from exc
    if 200 <= status < 300:
        return f"HTTP {status}"
    raise _refused(where, status)


def posted(url: SplitResult, timeout: int, body: bytes, headers: dict[str, str]) -> int:
    """
    Post bytes once, and return the status of the answer; a redirection is not followed.

    Raises:
        OSError: No answer within the timeout, in seconds, for one read or write.
        HTTPException: Another answer than HTTP.
        ValueError: The address is none.
    """
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        connection = http.client.HTTPSConnection(
            url.hostname or "", url.port, timeout=timeout, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=timeout)
    try:
        connection.request("POST", path, body=body, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _refused(where: str, status: int) -> PuntualError:
    if status >= 500 or status in COME_AGAIN:
        return _transient(where, f"HTTP {status}")
    redirected = ", a redirection, which is not followed" if 300 <= status < 400 else ""
    return _permanent(where, f"HTTP {status}{redirected}")


def _transient(where: str, observed: str, code: str = "D2001") -> TransientError:
    return TransientError(
        code,
        f"the webhook at {where} does not take a notice now: {observed[:_LONGEST]}",
        where=where,
        expected="an answer 2xx",
        observed=observed[:_LONGEST],
        next_step="Nothing is lost: it is tried again. puntual notices shows what waits.",
    )


def _permanent(where: str, observed: str) -> PermanentError:
    return PermanentError(
        "D2002",
        f"the webhook at {where} refuses a notice: {observed[:_LONGEST]}",
        where=where,
        expected="an answer 2xx",
        observed=observed[:_LONGEST],
        next_step="Correct the route in puntual.yaml, or the receiver.",
    )
