"""Bytes with what is packed in them: Base64 (envelopes, proofs) and gzip (manifests)."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator

_DEEP = 4
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_GZIP = b"\x1f\x8b\x08"


def layers(data: bytes, deep: int = _DEEP) -> Iterator[bytes]:
    """Yield bytes, then all that Base64 or gzip holds in them, to a depth of four."""
    yield data
    if deep == 0:
        return
    if data.startswith(_GZIP):
        yield from layers(zlib.decompress(data, wbits=31), deep - 1)
    for found in _BASE64.findall(data):
        if len(found) % 4:
            continue
        try:
            inner = base64.b64decode(found, validate=True)
        except binascii.Error:
            continue
        yield from layers(inner, deep - 1)


def holds(data: bytes, text: str) -> bool:
    """Say whether a text stands in bytes, packed or not."""
    return any(text.encode() in layer for layer in layers(data))
