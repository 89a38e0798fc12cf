"""What lies under the name of a file and is none: it is said, not waited for, not skipped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from core.project.base import shown, write

from puntual.errors import Complaint
from puntual.project.read import lint


def _nowhere(place: Path) -> None:
    place.symlink_to("gone")


def _loop(place: Path) -> None:
    place.symlink_to(place.name)


def _folder(place: Path) -> None:
    place.mkdir()


KINDS = [os.mkfifo, _loop, _nowhere, _folder]


def _errors(root: Path) -> list[Complaint]:
    project, complaints, _ = lint(root)
    errors = [c for c in complaints if c.severity == "error"]
    assert (project is None) == bool(errors)
    return errors


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "path",
    [
        "puntual.yaml",
        "reports/credit_daily/layout.yaml",
        "reports/credit_daily/report.yaml",
        "reports/credit_daily/report.sql",
        "reports/credit_daily/emergency.sql",
        "checks/more.yaml",
        "checks/more.sql",
        "controls/more.yaml",
        "models/more.sql",
        "contracts/more.odcs.yaml",
        "calendars/more.yaml",
        "policies/more.yaml",
    ],
)
def test_what_stands_for_a_file_and_cannot_be_read_as_one_is_an_error(
    tmp_path: Path, kind: Callable[[Path], None], path: str
) -> None:
    write(tmp_path)
    place = tmp_path / path
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    kind(place)
    found = [c for c in _errors(tmp_path) if c.file == path]
    assert [c.code for c in found] == ["C1001"], shown(tuple(found))
    assert "cannot be read: " in found[0].message


@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize("path", ["checks", "controls", "policies", "reports/weekly"])
def test_what_stands_for_a_folder_and_is_none_is_an_error(
    tmp_path: Path, kind: Callable[[Path], None], path: str
) -> None:
    write(tmp_path)
    place = tmp_path / path
    if place.is_dir():
        place.rename(tmp_path / "aside")
    kind(place)
    found = [c for c in _errors(tmp_path) if c.file == path]
    assert [c.code for c in found] == ["C1001"]


def test_an_editors_lock_and_a_note_are_no_errors(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "checks" / ".#checks.yaml").symlink_to("eva@desk.4711")
    (tmp_path / "reports" / "README").write_text("who asks for which report")
    before = lint(write(tmp_path / "other"))[0]
    project, complaints, _ = lint(tmp_path)
    assert (project is not None, shown(complaints)) == (True, "")
    assert before is not None
    assert project is not None
    assert project.digest == before.digest
