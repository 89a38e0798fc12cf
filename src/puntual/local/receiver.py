"""One OpenLineage event posted to a receiver by HTTP (`POST`, one event a request)."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import SplitResult

from puntual.errors import PermanentError, PuntualError, TransientError
from puntual.local.webhook import COME_AGAIN, posted

CONTENT = "application/json; charset=utf-8"
TIMEOUT = 10
"""Seconds that a receiver is waited for."""


def post(url: SplitResult, event: bytes) -> None:
    """
    Hand an event over; a redirection is not followed (`failures.md` h15).

    Raises:
        TransientError: D2005 no answer in time, or one that asks to come again.
        PermanentError: D2006 refused.
    """
    where = url.hostname or "?"
    headers = {"Content-Type": CONTENT, "User-Agent": "puntual"}
    try:
        status = posted(url, TIMEOUT, event, headers)
    except ssl.SSLCertVerificationError as exc:
        raise _refused(where, "its certificate is not trusted") from exc
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise _silent(where, str(exc) or type(exc).__name__) from exc
    if 200 <= status < 300:
        return
    if status >= 500 or status in COME_AGAIN:
        raise _silent(where, f"HTTP {status}")
    redirected = ", a redirection, which is not followed" if 300 <= status < 400 else ""
    raise _refused(where, f"HTTP {status}{redirected}")


def _silent(where: str, observed: str) -> PuntualError:
    return TransientError(
        "D2005",
        f"the receiver of events at {where} does not take one now",
        where=where,
        expected="an answer 2xx",
        observed=observed[:200],
        next_step="Nothing is lost: run the same command again; what was taken is not sent again.",
    )


def _refused(where: str, observed: str) -> PuntualError:
    return PermanentError(
        "D2006",
        f"the receiver of events at {where} refuses one",
        where=where,
        expected="an answer 2xx",
        observed=observed[:200],
        next_step="Correct --to or the receiver, then run again: what was taken is not sent again.",
    )
