"""
Text as it may be shown to a person: on a terminal, in a notice, in a document's human copy.

What a source, a file name or a package chose as text may hold escape sequences, line ends,
bidirectional controls and zero-width characters (`failures.md` h7, h8). They are kept wherever
bytes are evidence, and shown as escapes wherever somebody reads.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable

FORMULA = frozenset("=+-@\t\r\0")
"""What a spreadsheet takes for the beginning of a formula (OWASP ASVS 5.3.10, and NUL)."""


def printable(text: str) -> str:
    r"""
    Return a text as one line without any character that moves, hides or reverses others.

    Such a character comes out as Python writes it (`\x1b`, `\u202e`); a printable text is
    returned as it is.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def in_ascii(text: str) -> str:
    r"""
    Return a text in printable ASCII, everything else as Python writes it (`ni\xf1o.csv`).

    So names of files stand in manifests, where they are keys of canonical JSON as well.
    """
    shown = text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
    return shown.encode("ascii", "backslashreplace").decode("ascii")


def told_apart(left: str, right: str) -> tuple[str, str]:
    r"""
    Return two different texts so that a person sees how they differ.

    Where they look alike (a blank at the end, another kind of blank, `ñ` of one character or of
    two), both are quoted, and blanks, marks and letters of another width are written as escapes:
    `'c1'` and `'c1\x20'`.
    """
    if left == right or _looks(left) != _looks(right):
        return left, right
    return f"'{_escaped(left)}'", f"'{_escaped(right)}'"


def _looks(text: str) -> str:
    """Return a text without what an eye passes over."""
    same = unicodedata.normalize("NFKC", text)
    return "".join(c for c in same if unicodedata.category(c)[0] not in "ZC")


def _escaped(text: str) -> str:
    return "".join(
        f"\\x{ord(c):02x}"
        if c == " "
        else c.encode("unicode_escape").decode()
        if unicodedata.category(c)[0] in "ZCM" or unicodedata.normalize("NFKC", c) != c
        else c
        for c in text
    )


def group_in_words(by: Iterable[str], key: Iterable[str | None]) -> str:
    """
    Return a group as its columns with their values, so that no two groups read the same.

    As in `client_id "null", branch "north, 2"`.
    """
    return ", ".join(
        f"{printable(name)} {value_in_words(value)}" for name, value in zip(by, key, strict=True)
    )


def value_in_words(value: str | None) -> str:
    """
    Return a value among others, so that no two values read the same.

    A null is `null`. A text that could be taken for it, for an end of a value or for a blank
    stands in the quotes of JSON.
    """
    if value is None:
        return "null"
    if not value.isprintable():
        return json.dumps(value)
    taken = not value.strip() or value.lower() == "null"
    plain = value.strip() == value and not taken and not {",", '"'} & set(value)
    return value if plain else json.dumps(value, ensure_ascii=False)


_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_QUOTES = str.maketrans({'"': "&quot;", "'": "&#x27;"})


def markup(text: str, *, quotes: bool = True) -> str:
    """Return a text as HTML says it; `quotes` too where it may stand in an attribute."""
    found = text.translate(_MARKUP)
    return found.translate(_QUOTES) if quotes else found


def no_formula(text: str) -> str:
    """
    Return a text that no spreadsheet computes: an apostrophe stands before what would begin one.

    For copies that people open, never for the regulator's file, whose bytes are the layout's
    (`failures.md` h6).
    """
    return f"'{text}" if text[:1] in FORMULA and text else text
