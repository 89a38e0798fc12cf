"""What lies in a project and is not read, so that no rule is ignored in silence."""

from __future__ import annotations

from difflib import get_close_matches

from puntual.project.complaints import Complaints
from puntual.project.files import Folder, SourceFile

ENDINGS = {
    "contracts": (".odcs.yaml",),
    "models": (".sql",),
    "checks": (".yaml", ".sql"),
    "controls": (".yaml",),
    "calendars": (".yaml",),
    "policies": (".yaml",),
}
"""Folder → how the names of the files end that are read in it."""

_REPORTS = "reports"
_REPORT_FILES = frozenset({"report.yaml", "report.sql", "layout.yaml", "emergency.sql"})
_HARMLESS = (".md", ".txt")
_RULES = (".yaml", ".yml", ".sql")
"""Endings, in small letters, of what was meant to be read: it is an error, not a warning."""

_NEAR = 0.7
"""How alike a folder's name is to one that is read (`policy` and `policies` are 0.71)."""


def strangers(folder: Folder, complaints: Complaints) -> None:
    """
    Complain of files that lie where they are not read, and of what cannot be looked into.

    One that is named as rules are is an error: a check in it would hold nothing. Of others a
    warning is given, and of notes none. A folder that cannot be read, and a link or pipe in
    place of one, is an error too: nobody can say what it would have held.
    """
    for place, endings in ENDINGS.items():
        _unreadable(folder, complaints, place)
        for path in folder.all_names(place):
            right = _is_plain(path, 1) and path.endswith(endings)
            if not right:
                _stranger(folder, complaints, path, 1, endings)
    _unreadable(folder, complaints, _REPORTS)
    for path in folder.names(_REPORTS):
        if not folder.is_file(path):
            _unreadable(folder, complaints, path)
    for path in folder.all_names(_REPORTS):
        if not (_is_plain(path, 2) and _name(path) in _REPORT_FILES):
            _stranger(folder, complaints, path, 2, tuple(sorted(_REPORT_FILES)))
    _misspelt(folder, complaints)


def _unreadable(folder: Folder, complaints: Complaints, path: str) -> None:
    """Complain of what stands where a folder of the project should and cannot be read as one."""
    if refused := folder.closed(path):
        source = SourceFile(path=path)
        complaints.add(refused.code, f"the folder {refused.message}", source)


def _misspelt(folder: Folder, complaints: Complaints) -> None:
    """Complain of rules in a folder whose name is nearly that of one that is read."""
    known = (*ENDINGS, _REPORTS)
    for name in folder.folders("."):
        near = get_close_matches(name.lower(), known, 1, _NEAR)
        if name in known or not near:
            continue
        for path in folder.all_names(name):
            if path.lower().endswith(_RULES):
                message = f"this file is not read: no folder is called '{name}'"
                _complain(folder, complaints, path, message, f"did you mean '{near[0]}'?")


def _stranger(
    folder: Folder, complaints: Complaints, path: str, depth: int, endings: tuple[str, ...]
) -> None:
    message = f"this file is not read; read here: {' or '.join(endings)}"
    if path.lower().endswith(_RULES):
        hint = "" if _is_plain(path, depth) else "not in a folder below, nor with a dot before it"
        _complain(folder, complaints, path, message, hint)
    elif _is_plain(path, depth) and not path.endswith(_HARMLESS):
        _complain(folder, complaints, path, message, "", severity="warning")


def _is_plain(path: str, depth: int) -> bool:
    """Say whether a file lies where files are read, and is none that a tool hides."""
    return path.count("/") == depth and not _name(path).startswith(".")


def _complain(
    folder: Folder,
    complaints: Complaints,
    path: str,
    message: str,
    hint: str,
    *,
    severity: str = "error",
) -> None:
    source = folder.seen.get(path) or folder.read(path)[0]
    folder.seen.pop(path, None)
    complaints.add("C1021", message, source, hint=hint, severity=severity)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
