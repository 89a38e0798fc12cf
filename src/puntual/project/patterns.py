"""Checks the small notations in a project's texts: placeholders, strptime forms, RE2 patterns."""

from __future__ import annotations

import codecs
import re
import string
import warnings

from puntual.project.complaints import suggest

_STRFTIME = frozenset("YmdyjHMSBbaAUWVGupI")
_STRPTIME = frozenset("YmdyjHMSfBbaAzZpIg")
_NOT_RE2 = re.compile(r"\(\?(=|!|<=|<!|>|P=|\()|\\[1-9]|[*+?}]\+")


def placeholder_errors(
    text: str, known: frozenset[str], *, needed: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """
    Return what is wrong with the placeholders of a text; nothing if all is well.

    Args:
        text: Such as `{report}_{reference_date:%Y%m%d}.txt`.
        known: The placeholders that may stand in it.
        needed: Those that must.
    """
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        return (f"'{text}' is no pattern: {str(error).lower()}",)
    wrong: list[str] = []
    seen: set[str] = set()
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        seen.add(name)
        wrong.extend(_placeholder(name, spec or "", conversion, known))
    wrong.extend(f"'{text}' needs {{{name}}}" for name in sorted(needed - seen))
    return tuple(wrong)


def sum_columns(text: str) -> tuple[str, ...]:
    """Return the columns of a text's `{sum:column}` placeholders."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return ()
    return tuple(spec for _, name, spec, _ in parts if name == "sum" and spec)


def _placeholder(
    name: str, spec: str, conversion: str | None, known: frozenset[str]
) -> tuple[str, ...]:
    if name not in known:
        hint = suggest(name, known)
        return (f"unknown placeholder {{{name}}}" + (f"; {hint}" if hint else ""),)
    if conversion:
        return (f"{{{name}!{conversion}}} has a conversion; there are none",)
    if name == "reference_date":
        return () if is_date_format(spec, parse=False) else (f"{{{name}:{spec}}} is no date form",)
    if name == "sum":
        return () if spec else ("{sum} needs a column: {sum:balance}",)
    return (f"{{{name}:{spec}}} has a form; it takes none",) if spec else ()


def is_date_format(text: str, *, parse: bool) -> bool:
    """Return whether every `%` starts a directive of strptime (or strftime)."""
    if not parse and text == "":
        return True
    known = _STRPTIME if parse else _STRFTIME
    rest = text.replace("%%", "")
    directives = re.findall("%(-?.?)", rest)
    return bool(directives) and all(d.lstrip("-") in known and d != "-" for d in directives)


def pattern_error(text: str) -> str:
    """Return why a text is no RE2 pattern; "" if it is one, as far as Python can tell."""
    if _NOT_RE2.search(text):
        return "look-around, back references and possessive quantifiers are not in RE2"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, FutureWarning, DeprecationWarning, OverflowError) as error:
        return str(error)
    return ""


def is_encoding(name: str) -> bool:
    """Return whether there is a text encoding of that name."""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return bool(getattr(info, "_is_text_encoding", True))
