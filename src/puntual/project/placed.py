"""Finds where a piece of SQL of a project stands, to complain about it after it was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from puntual.errors import Complaint
from puntual.project.complaints import Complaints
from puntual.project.files import Folder, SourceFile
from puntual.project.snippets import Snippet, from_file, from_scalar
from puntual.project.yaml import Mapping, Node, Scalar, Sequence, load


class Placed:
    """Complaints about SQL of a project that was read and found right."""

    def __init__(self, root: Path) -> None:
        """Begin with none; files are read anew when there is one."""
        self._folder = Folder(root=root)
        self._complaints = Complaints()

    def complain(
        self, code: str, message: str, files: Iterable[str], sql: str, offset: int, *, hint: str
    ) -> None:
        """
        Complain at a character of a piece of SQL.

        Args:
            code: Stable code.
            message: What is wrong.
            files: Where it may stand: `.sql` whole, or a value in YAML; folders of such files.
            sql: The SQL.
            offset: The character.
            hint: What to do.
        """
        first: SourceFile | None = None
        for path in self._paths(files):
            source, refused = self._folder.read(path)
            if refused:
                continue
            first = first or source
            for snippet in _snippets(source):
                if snippet.text.startswith(sql):
                    snippet.complain(self._complaints, code, message, snippet.at(offset), hint=hint)
                    return
        self._complaints.add(code, message, first or SourceFile(path=next(iter(files))), hint=hint)

    def found(self) -> tuple[Complaint, ...]:
        """Return what was complained about, sorted by place."""
        return self._complaints.sorted()

    def _paths(self, files: Iterable[str]) -> Iterator[str]:
        for path in files:
            if "." in path:
                yield path
            else:
                yield from (n for n in self._folder.names(path) if n.endswith((".yaml", ".sql")))


def _snippets(source: SourceFile) -> Iterator[Snippet]:
    if source.path.endswith(".sql"):
        yield from_file(source)
        return
    for scalar in _texts(load(source, Complaints())):
        yield from_scalar(scalar, str(scalar.value), source)


def _texts(node: Node | None) -> Iterator[Scalar]:
    match node:
        case Mapping():
            for entry in node.entries:
                yield from _texts(entry.value)
        case Sequence():
            for item in node.items:
                yield from _texts(item)
        case Scalar():
            if isinstance(node.value, str):
                yield node
