"""Collects what is wrong in a project's files, and shows it as a person reads it (`ux.md` 9)."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from puntual.errors import Complaint
from puntual.model.shown import printable
from puntual.project.files import SourceFile

_LONGEST_LINE = 160


class Spot(Protocol):
    """Whatever stands somewhere in a file: a YAML node, a piece of SQL."""

    @property
    def line(self) -> int:
        """Line, from 1; 0 for the file as a whole."""

    @property
    def column(self) -> int:
        """Column, from 1."""

    @property
    def width(self) -> int:
        """How many characters it takes on its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A place in a file."""

    line: int = 0
    column: int = 0
    width: int = 1


WHOLE = At()
"""The file as a whole."""


@dataclass(frozen=True, slots=True)
class Complaints:
    """What has been found so far; the same thing is kept once."""

    found: dict[Complaint, None] = field(default_factory=dict)

    def add(
        self,
        code: str,
        message: str,
        source: SourceFile,
        spot: Spot = WHOLE,
        *,
        hint: str = "",
        severity: str = "error",
        secret: bool = False,
    ) -> None:
        """
        Keep one complaint.

        Args:
            code: Stable code.
            message: What is wrong, in one sentence.
            source: The file.
            spot: Where in it.
            hint: What to do.
            severity: `error` or `warning`.
            secret: The line holds a secret and is not shown.
        """
        complaint = Complaint(
            code=code,
            message=message,
            file=source.path,
            line=spot.line,
            column=spot.column,
            source="" if secret else source.line(spot.line),
            width=max(1, spot.width),
            hint=hint,
            severity=severity,
        )
        self.found[complaint] = None

    def sorted(self) -> tuple[Complaint, ...]:
        """Return them by file, line, column and code."""
        return tuple(
            sorted(self.found, key=lambda c: (c.file, c.line, c.column, c.code, c.message))
        )

    @property
    def errors(self) -> int:
        """How many stop the project."""
        return sum(c.severity == "error" for c in self.found)


def suggest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return `did you mean 'mx-cnbv'?` for the nearest known name, else the known names."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=cutoff)
    if near:
        return f"did you mean '{near[0]}'?"
    if 0 < len(names) <= 8:
        return "known: " + ", ".join(names)
    return ""


def show(complaint: Complaint) -> str:
    """
    Lay a complaint out as `file:line:column  CODE  message`, its line, a caret and the hint.

    Control characters of the file are shown as escapes, so that they reach no terminal
    (`failures.md` h8); a long line is cut around the caret.
    """
    place = complaint.file
    if complaint.line:
        place += f":{complaint.line}:{complaint.column}"
    note = "warning: " if complaint.severity == "warning" else ""
    first = f"{_printable(place)}  {complaint.code}  {note}{_printable(complaint.message)}"
    if not (complaint.line and complaint.source):
        return first + (f"\n    {_printable(complaint.hint)}" if complaint.hint else "")
    column = min(max(complaint.column, 1), len(complaint.source) + 1)
    start = max(0, column - 1 - _LONGEST_LINE // 2) if len(complaint.source) > _LONGEST_LINE else 0
    before = _printable(complaint.source[start : column - 1])
    rest = _printable(complaint.source[column - 1 : start + _LONGEST_LINE])
    caret = "^" * max(1, min(_cells(rest), complaint.width))
    number = f"{complaint.line:>6} │ "
    lines = [
        first,
        f"{number}{before}{rest}",
        f"{' ' * 7}│ {' ' * _cells(before)}{caret} {_printable(complaint.hint)}".rstrip(),
    ]
    return "\n".join(lines)


def _printable(text: str) -> str:
    return printable(text.replace("\t", " "))


def _cells(text: str) -> int:
    """Count terminal cells: wide characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
