"""The machine's clock beside what HTTP services say in their `Date` (RFC 9110 §6.6.1)."""

from __future__ import annotations

import http.client
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from puntual.ports.clock import Clock

LEAST = 2
"""Services that must answer: one alone may be wrong itself."""

ALERT = timedelta(seconds=5)
STOP = timedelta(seconds=60)

_PATIENCE = 5.0
_HALF = timedelta(seconds=0.5)
"""`Date` is cut off to whole seconds: on the average it is half a second old."""


def offset_of(url: str, clock: Clock) -> timedelta | None:
    """
    Return how far a service is ahead of the clock; None if it gives no answer.

    One HEAD request is sent; no redirect is followed, no other address is asked.

    Args:
        url: `https://…` or `http://…`.
        clock: The machine's.
    """
    parts = urlsplit(url)
    kinds = {"https": http.client.HTTPSConnection, "http": http.client.HTTPConnection}
    if parts.scheme not in kinds or not parts.hostname:
        return None
    try:
        connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=_PATIENCE)
        try:
            before = clock.now()
            connection.request("HEAD", parts.path or "/")
            said = connection.getresponse().getheader("Date")
            after = clock.now()
        finally:
            connection.close()
        if said is None:
            return None
        date = parsedate_to_datetime(said)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    at = date.replace(tzinfo=UTC) if date.tzinfo is None else date
    middle: datetime = before + (after - before) / 2
    return at + _HALF - middle


def judged(offsets: Sequence[timedelta | None]) -> tuple[str, str]:
    """
    Judge a clock by what services say (`failures.md` 5, row 16).

    Args:
        offsets: How far each is ahead of it; None for one that gave no answer.

    Returns:
        `ok`, `warn` (more than 5 s, or fewer than two answers, or answers that disagree) or
        `fail` (more than 60 s), and a sentence.
    """
    known = [o.total_seconds() for o in offsets if o is not None]
    if len(known) < LEAST:
        return "warn", f"{len(known)} of {len(offsets)} services answered, {LEAST} must agree"
    middle = statistics.median(known)
    spread = max(known) - min(known)
    said = f"{len(known)} services say that it is {abs(middle):.1f} s "
    said += "behind" if middle > 0 else "ahead"
    if spread > ALERT.total_seconds():
        return "warn", f"the services disagree by {spread:.1f} s; ask another one"
    if abs(middle) > STOP.total_seconds():
        return "fail", f"{said}: set the clock (`timedatectl`)"
    if abs(middle) > ALERT.total_seconds():
        return "warn", f"{said}: see that it is kept in step (chrony, systemd-timesyncd)"
    return "ok", said
