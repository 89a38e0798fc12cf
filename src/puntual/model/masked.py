"""
Values that may not be shown, shown as what may: that they are there, how long, and which are equal.

A mask is made with a salt that belongs to one day's reconciliation or one delivery, so that equal
values look equal within it and a table of digests made elsewhere is worth nothing. The salt is
made from the project's secret: who has not got that, and few values to try, cannot check a guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """A text that stands for a value already, and over which no mask is laid."""

    text: str


def pseudonym(secret: bytes, text: str) -> Pseudonym:
    """
    Return what stands for a text wherever its value may not: its length, and a keyed digest.

    The same secret gives the same text the same pseudonym, and two texts never share one in
    practice: of a million, a pair does with a chance of 10^-17 (96 bits). Without the secret no
    guess can be checked (`evidence.md` 2, 10).

    Args:
        secret: 32 bytes of the project; b"" only where there is none, and then a guess can be.
        text: The value.
    """
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), key=secret, digest_size=12)
    return Pseudonym(f"‹{len(text)} chars #{digest.hexdigest()}›")


def salt_of(secret: bytes, about: str) -> str:
    """
    Return the salt of the masks of one day or delivery.

    Args:
        secret: 32 bytes of the project, that stand in no output.
        about: What the masks are shown of, such as a manifest's digest; that may be printed.
    """
    return hashlib.blake2b(about.encode(), key=secret, digest_size=32).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """
    What may be shown of a day.

    Attributes:
        public: Dataset → its columns that are shown as they are; of another dataset, none.
        salt: Of this day.
        off: Show everything (`--unmask`).
    """

    public: Mapping[str, frozenset[str]] = field(default_factory=dict)
    salt: str = ""
    off: bool = False

    def shown(self, dataset: str, column: str, value: object) -> str | None:
        """Return a value as text, masked where its column is classified; None is a null."""
        if value is None:
            return None
        if isinstance(value, Pseudonym):
            return value.text
        text = exact_text(value)
        if self.off or column in self.public.get(dataset, frozenset()):
            return text
        return self.of(value)

    def of(self, value: object) -> str:
        """Return what may be shown of any value but a null: the same of values that are equal."""
        return self.masked(equal_text(value))

    def masked(self, text: str) -> str:
        """Return what may be shown of any text: how long it is, and a digest of 6 digits."""
        return f"‹{len(text)} chars #{_digest(self.salt, text.encode('utf-8', 'replace'))}›"

    def masked_bytes(self, data: bytes) -> str:
        """Return what may be shown of bytes."""
        return f"‹{len(data)} bytes #{_digest(self.salt, data)}›"


def _digest(salt: str, data: bytes) -> str:
    return hashlib.blake2b(data, key=salt.encode()[:64], digest_size=3).hexdigest()


def exact_text(value: object) -> str:
    """Return a value as text that loses nothing; a float has no place here and is said so."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


def equal_text(value: object) -> str:
    """
    Return a value as text that is the same for equal values: instants in UTC, decimals unscaled.

    An instant of the year 1 or 9999 for which UTC has no date stays as it is written.
    """
    if isinstance(value, Decimal) and value.is_finite():
        text = format(value if value else Decimal(0), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime) and value.tzinfo is not None:
        with suppress(OverflowError):
            return value.astimezone(UTC).isoformat()
    return exact_text(value)


def escaped(data: bytes) -> str:
    r"""Return bytes as one line of ASCII that says them exactly: `\n`, `\t`, `\\`, `\xe9`."""
    return "".join(_ESCAPES.get(b) or (chr(b) if 32 <= b < 127 else f"\\x{b:02x}") for b in data)


_ESCAPES = {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}
