"""Typed reading of decoded JSON: each reader returns the value or refuses its shape (V2002)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import NoReturn, TypeVar

from puntual.errors import EvidenceError
from puntual.evidence import digest as digests
from puntual.model.manifest import Digest

T = TypeVar("T")

_COUNT = re.compile(r"0|[1-9][0-9]{0,37}")
_AMOUNT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def record(value: object, keys: frozenset[str], where: str) -> Mapping[str, object]:
    """Return an object that has exactly these keys."""
    found = mapping(value, where)
    if found.keys() != keys:
        refuse(where, f"the keys {', '.join(sorted(keys))}", f"{', '.join(sorted(found))}")
    return found


def mapping(value: object, where: str) -> Mapping[str, object]:
    """Return an object."""
    if not isinstance(value, dict):
        refuse(where, "an object", type(value).__name__)
    return value


def mapping_of(value: object, read: Callable[[object, str], T], where: str) -> dict[str, T]:
    """Return an object whose values have one shape."""
    return {k: read(v, f"{where}.{k}") for k, v in mapping(value, where).items()}


def items(value: object, read: Callable[[object, str], T], where: str) -> tuple[T, ...]:
    """Return a list whose members have one shape."""
    if not isinstance(value, list):
        refuse(where, "a list", type(value).__name__)
    return tuple(read(v, f"{where}[{i}]") for i, v in enumerate(value))


def text(value: object, where: str) -> str:
    """Return a text."""
    if not isinstance(value, str):
        refuse(where, "text", type(value).__name__)
    return value


def count(value: object, where: str) -> int:
    """Return a count that is written as text without sign or leading zeros."""
    return int(_matched(_COUNT, value, where, "a count, as text"))


def amount(value: object, where: str) -> Decimal:
    """Return an exact decimal that is written as text without exponent."""
    found = Decimal(_matched(_AMOUNT, value, where, "a decimal, as text"))
    if found.is_zero() and found.is_signed():
        refuse(where, "zero without a sign", "a negative zero")
    return found


def digest(value: object, where: str) -> Digest:
    """Return a SHA-256."""
    found = text(value, where)
    if not digests.is_digest(found):
        refuse(where, "64 lower-case hex digits", f"a text of {len(found)} characters")
    return found


def base64_of(value: object, where: str, expected: str = "Base64 in its one spelling") -> bytes:
    """Return the bytes that a text says in Base64, as this program would write it."""
    found = text(value, where)
    try:
        data = base64.b64decode(found, validate=True)
    except ValueError:
        refuse(where, expected, "another text")
    if base64.b64encode(data).decode() != found:
        refuse(where, expected, "another text")
    return data


def day(value: object, where: str) -> date:
    """Return a date that is written as YYYY-MM-DD."""
    found = _matched(_DAY, value, where, "a date, YYYY-MM-DD")
    try:
        return date.fromisoformat(found)
    except ValueError:
        refuse(where, "a date of the calendar", found)


def refuse(where: str, expected: str, observed: str) -> NoReturn:
    """
    Refuse a shape.

    Raises:
        EvidenceError: V2002, always.
    """
    raise EvidenceError(
        "V2002",
        f"{where} does not have the shape of its format",
        where=where,
        expected=expected,
        observed=observed,
        next_step="compare the file with the copy that was delivered",
    )


def _matched(pattern: re.Pattern[str], value: object, where: str, expected: str) -> str:
    found = text(value, where)
    if pattern.fullmatch(found) is None:
        refuse(where, expected, f"a text of {len(found)} characters")
    return found
