"""
Stream records that a producer's library packed into one, taken apart: each is landed by itself.

The Kinesis Producer Library writes several user records as one record of the stream: four magic
bytes, a Protocol Buffers message with the records and a table of their partition keys, and the
MD5 of the message. What only looks like that (another checksum, a message that cannot be read)
is a record like any other (`aws.md` K11, `failures.md` 29). Tags and explicit hash keys are not
kept, for they are the transport's. Amazon's own consumer drops user records that came into a shard
which is not theirs, for the producer puts them again; here both are kept, as of any producer that
puts twice, and the contract's key tells the second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from puntual.ports.stream import StreamPage

MAGIC = b"\xf3\x89\x9a\xc2"

_MD5 = 16
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_KEYS, _RECORDS = 1, 3
_KEY, _DATA = 1, 3


def apart(page: StreamPage) -> StreamPage:
    """
    Return a page with each user record in place of the record that it was packed into.

    They have the sequence number and the arrival of that record, and the order that they had in
    it: a user record is told by its sequence number and its place among those that have the same.
    A page without packed records is returned as it is.
    """
    packed = [i for i, payload in enumerate(page.payloads) if payload.startswith(MAGIC)]
    found = {i: users for i in packed if (users := _users(page.payloads[i])) is not None}
    if not found:
        return page
    rows = [
        (page.sequences[i], page.arrivals[i], key, data)
        for i in range(len(page.sequences))
        for key, data in found.get(i, [(page.keys[i], page.payloads[i])])
    ]
    sequences, arrivals, keys, payloads = zip(*rows, strict=True)
    return StreamPage(
        sequences=sequences, arrivals=arrivals, keys=keys, payloads=payloads, behind=page.behind
    )


def _users(payload: bytes) -> list[tuple[str, bytes]] | None:
    """Return (partition key, data) of each packed record; None where none was packed."""
    message, checksum = payload[len(MAGIC) : -_MD5], payload[-_MD5:]
    if hashlib.md5(message, usedforsecurity=False).digest() != checksum:
        return None
    keys: list[str] = []
    records: list[tuple[int, bytes]] = []
    try:
        for number, value in _fields(message):
            if number == _KEYS and isinstance(value, bytes):
                keys.append(value.decode())
            elif number == _RECORDS and isinstance(value, bytes):
                fields = dict(_fields(value))
                index, data = fields[_KEY], fields[_DATA]
                if not (isinstance(index, int) and isinstance(data, bytes)):
                    return None
                records.append((index, data))
        return [(keys[index], data) for index, data in records] or None
    except (ValueError, IndexError, KeyError):
        return None


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """
    Yield (number, value) of each field of a message.

    Raises:
        ValueError: It is cut off, or of no known form.
    """
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        form = tag & 7
        if form == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(form)
        if form == _BYTES:
            size, at = _varint(message, at)
        if size is None or at + size > len(message):
            raise ValueError("no field of a message")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number and the place after it; seven bits a byte, the lowest first."""
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("no number of a message")
