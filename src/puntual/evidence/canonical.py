"""
Canonical JSON bytes, RFC 8785, of values without floats, and their strict reader.

Money, counts and positions are strings (`evidence.md` 3): an integer is accepted only inside
±(2^53 − 1), a float never. Text is not normalised. Keys are ASCII, so that every language
sorts them alike. The reader repairs nothing: bytes that are not canonical are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn, cast

import rfc8785

from puntual.errors import EvidenceError

MAX_BYTES = 64 * 1024 * 1024
"""Largest document that is read, `evidence.md` 5."""

MAX_VALUES = 1_000_000
"""Most values of a document that is read: each costs some 100 bytes and microseconds."""

MAX_DEPTH = 64
"""Deepest nesting that is written or read."""

_SAFE = 2**53 - 1
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def encode(value: object) -> bytes:
    """
    Encode a JSON value as its one canonical form.

    Args:
        value: None, bool, int, str, and mappings and sequences of these.

    Raises:
        EvidenceError: V2001 a float, a Decimal or another type, an integer beyond 2^53 − 1, a
            key that is not ASCII text, a text that is not Unicode, or too deep.
    """
    return rfc8785.dumps(cast("Any", _plain(value, "$", 0)))


def decode(data: bytes) -> object:
    """
    Read canonical bytes back; `encode` of the answer gives the same bytes.

    Raises:
        EvidenceError: V2001 not JSON, larger than `MAX_BYTES` or `MAX_VALUES`, duplicate keys,
            a float, or not in canonical form.
    """
    if len(data) > MAX_BYTES:
        _refuse("$", f"{len(data)} bytes", f"at most {MAX_BYTES} bytes")
    if _marks(data) > MAX_VALUES and _marks(_STRING.sub(b"", data)) > MAX_VALUES:
        _refuse("$", "more values", f"at most {MAX_VALUES:,} values")
    try:
        value: object = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_no_float,
            parse_int=_integer,
            parse_constant=_no_float,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as exc:
        raise EvidenceError(
            "V2001",
            "these bytes are not canonical JSON",
            expected="UTF-8 JSON in the form of RFC 8785",
            observed=type(exc).__name__,
            next_step="compare the file with the copy that was delivered",
        ) from exc
    if encode(value) != data:
        _refuse("$", "another spelling of the same values", "the canonical form of RFC 8785")
    return value


def number(value: Decimal) -> str:
    """
    Spell an exact decimal: no exponent, its scale kept, zero without a sign.

    Raises:
        EvidenceError: V2001 it is not finite.
    """
    if not value.is_finite():
        _refuse("$", "a number that is not finite", "a finite decimal")
    return format(value.copy_abs() if value.is_zero() else value, "f")


def _marks(data: bytes) -> int:
    """Count what stands before values: at least one for each but the outermost."""
    return sum(map(data.count, (b",", b":", b"[", b"{")))


def _plain(value: object, where: str, depth: int) -> object:
    if depth > MAX_DEPTH:
        _refuse(where, "deeper nesting", f"at most {MAX_DEPTH} levels")
    match value:
        case None | bool():
            return value
        case int():
            if abs(value) > _SAFE:
                _refuse(where, "an integer beyond 2^53", "a string of digits")
            return int(value)
        case str():
            return _text(value, where)
        case Mapping():
            return {_key(k, where): _plain(v, f"{where}.{k}", depth + 1) for k, v in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [_plain(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
        case _:
            return _refuse(
                where, f"a {type(value).__name__}", "text, integer, boolean, null, list or map"
            )


def _text(value: str, where: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        _refuse(where, "a lone surrogate", "Unicode text")
    return str(value)


def _key(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.isascii():
        _refuse(where, "a key that is not ASCII text", "ASCII keys")
    return str(value)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        _refuse("$", "a key that stands twice in one object", "unique keys")
    return value


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > _SAFE:
        _refuse("$", "an integer beyond 2^53", "a string of digits")
    return int(text)


def _no_float(text: str) -> NoReturn:
    _refuse("$", "a floating-point number", "a string of digits")


def _refuse(where: str, observed: str, expected: str) -> NoReturn:
    raise EvidenceError(
        "V2001",
        f"not a canonical value: {observed}",
        where=where,
        expected=expected,
        observed=observed,
        next_step="write exact numbers as strings; compare a read file with its original",
    )
