"""SHA-256 as 64 lower-case hex digits: the only digest that names bytes here."""

from __future__ import annotations

import hashlib
import re

from puntual.model.manifest import Digest

_DIGEST = re.compile(r"[0-9a-f]{64}")


def sha256(data: bytes) -> Digest:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    """Say whether a text has the form of a SHA-256: 64 lower-case hex digits."""
    return _DIGEST.fullmatch(text) is not None
