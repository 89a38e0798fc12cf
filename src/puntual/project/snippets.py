"""A piece of SQL and where it stands, in a file of its own or inside YAML."""

from __future__ import annotations

from dataclasses import dataclass

from puntual.project.complaints import At, Complaints, Spot
from puntual.project.files import SourceFile
from puntual.project.section import Section
from puntual.project.yaml import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """
    A piece of SQL.

    Attributes:
        text: The SQL.
        source: The file it stands in.
        lines: For each of its lines, the line in the file and the column where it begins.
        exact: False when places inside it cannot be told; then the first place is meant.
    """

    text: str
    source: SourceFile
    lines: tuple[tuple[int, int], ...]
    exact: bool = True

    def at(self, offset: int, width: int = 1) -> At:
        """Return the place in the file of a character of the SQL."""
        if not self.exact:
            return At(line=self.lines[0][0], column=self.lines[0][1])
        before = self.text[:offset]
        line, column = self.lines[min(before.count("\n"), len(self.lines) - 1)]
        return At(line=line, column=column + offset - (before.rfind("\n") + 1), width=width)

    def complain(
        self,
        complaints: Complaints,
        code: str,
        message: str,
        spot: Spot,
        *,
        hint: str = "",
        severity: str = "error",
    ) -> None:
        """Complain at a place in it."""
        complaints.add(code, message, self.source, spot, hint=hint, severity=severity)


def from_file(source: SourceFile) -> Snippet:
    """Return the SQL of a whole file."""
    text = source.text.replace("\r\n", "\n")
    lines = tuple((n + 1, 1) for n in range(text.count("\n") + 1))
    return Snippet(text=text, source=source, lines=lines)


def from_key(section: Section, key: str) -> Snippet | None:
    """Return the SQL that stands as a key's value; None if there is none to read."""
    text = section.text(key)
    node = section.mapping.get(key)
    if not text.strip() or not isinstance(node, Scalar):
        return None
    return from_scalar(node, text, section.source)


def from_scalar(node: Scalar, text: str, source: SourceFile) -> Snippet:
    """Return the SQL that a value in YAML is."""
    if node.style == "|":
        indents = _block(node, text, source)
        if indents:
            return Snippet(text=text, source=source, lines=indents)
    quote = 1 if node.style in ("'", '"') else 0
    place = (node.line, node.column + quote)
    written = source.line(node.line)[place[1] - 1 :]
    exact = node.style in ("", "'", '"') and written.startswith(text)
    return Snippet(text=text, source=source, lines=(place,), exact=exact)


def _block(node: Scalar, text: str, source: SourceFile) -> tuple[tuple[int, int], ...]:
    """Find where each line of a literal block begins; nothing if they cannot be matched."""
    places = []
    for number, line in enumerate(text.split("\n")):
        written = source.line(node.line + 1 + number)
        if not written.endswith(line):
            return ()
        places.append((node.line + 1 + number, len(written) - len(line) + 1))
    return tuple(places)
