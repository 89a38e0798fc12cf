"""
Time stamps of an authority: RFC 3161 over HTTP (RFC 3161 §3.4), for a checkpoint.

The request is DER of a fixed form and is written here by hand; whether a token is right is
`rfc3161-client`'s or `openssl ts`'s answer, at the verifier's.
"""

from __future__ import annotations

import hashlib
import http.client
import queue
import threading
import urllib.request

SECONDS = 5.0
"""
A delivery does not wait longer, whatever the authority does: its name may not resolve, or its
answer may come byte by byte. Without a token it goes without one, and says so.
"""

MOST = 64 * 1024

_SHA256 = bytes.fromhex("300d06096086480165030402010500")
"""AlgorithmIdentifier of SHA-256."""


class Authority:
    """A time stamp authority that is reached by a URL."""

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        self._url = url
        self._seconds = seconds

    def token(self, data: bytes) -> bytes | None:
        """
        Ask for a time stamp of some bytes and return the response as it came; None if none came.

        An authority that does not answer is no reason to be late (`evidence.md` 4.6).
        """
        answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._ask, args=(data, answers), daemon=True).start()
        try:
            found = answers.get(timeout=self._seconds)
        except queue.Empty:
            return None
        return found if len(found) <= MOST and _granted(found) else None

    def _ask(self, data: bytes, answers: queue.SimpleQueue[bytes]) -> None:
        """Ask in a thread of its own, which nobody waits for longer than is right."""
        asked = urllib.request.Request(  # noqa: S310 - the URL is the operator's own
            self._url,
            data=request(data),
            headers={"Content-Type": "application/timestamp-query"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(asked, timeout=self._seconds) as answer:  # noqa: S310
                answers.put(answer.read(MOST + 1))
        except (OSError, ValueError, http.client.HTTPException):
            answers.put(b"")


def request(data: bytes) -> bytes:
    """
    Return a TimeStampReq of version 1 for the SHA-256 of some bytes, asking for certificates.

    There is no nonce: the same checkpoint gives the same request, and a replayed token of the
    same bytes is as good as a new one.
    """
    imprint = _tagged(0x30, _SHA256 + _tagged(0x04, hashlib.sha256(data).digest()))
    return _tagged(0x30, b"\x02\x01\x01" + imprint + b"\x01\x01\xff")


def _granted(response: bytes) -> bool:
    """
    Say whether a TimeStampResp begins with PKIStatus granted (0) or grantedWithMods (1).

    What else it holds, and whether that is right, is for the verifier to say.
    """
    if len(response) < 8 or response[0] != 0x30:
        return False
    start = 2 + (response[1] & 0x7F if response[1] & 0x80 else 0)
    status = response[start : start + 5]
    return len(status) == 5 and status[2:4] == b"\x02\x01" and status[4] < 2


def _tagged(tag: int, body: bytes) -> bytes:
    assert len(body) < 128  # noqa: S101 - a request has one size
    return bytes([tag, len(body)]) + body
