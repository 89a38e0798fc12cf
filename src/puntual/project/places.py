"""Complains about a project that was read and found right, at the place that is to blame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from puntual.errors import Complaint
from puntual.project.complaints import Complaints
from puntual.project.files import Folder
from puntual.project.section import Section, open_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """
    What is wrong with a project as a whole, and the key that is to blame.

    Attributes:
        code: Stable code.
        message: What is wrong, in one sentence.
        hint: What to do.
        severity: `error` or `warning`.
        file: Path of a YAML file, relative to the project.
        keys: The key, and those it stands under; the last one that is there is shown.
        otherwise: The key at the top that is shown when not even the first one is there.
    """

    code: str
    message: str
    hint: str
    severity: str
    file: str
    keys: tuple[str, ...]
    otherwise: str


def complaints_of(root: Path, blames: tuple[Blame, ...]) -> tuple[Complaint, ...]:
    """
    Return the complaints with line, column and source line, sorted by place.

    Args:
        root: The project's folder.
        blames: What is wrong; their files were read before.
    """
    folder, complaints = Folder(root=root), Complaints()
    for blame in blames:
        top = open_yaml(folder, blame.file, complaints, blame.file, pick=_same)
        if top is not None:
            _complain(top, blame)
    return complaints.sorted()


def _complain(top: Section, blame: Blame) -> None:
    section, spot = top, top.spot(blame.otherwise)
    for key in blame.keys:
        entry = section.mapping.entry(key)
        if entry is None:
            break
        spot = section.spot(key)
        section = Section(entry.value, section.source, Complaints(), key)
    top.complain(blame.code, blame.message, spot, hint=blame.hint, severity=blame.severity)


def _same(section: Section) -> Section:
    return section
