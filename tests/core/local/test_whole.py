"""Small files have their name whole or not at all, and only what is litter is swept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from puntual.local import disk, whole

DIES = """
import sys
from pathlib import Path
from puntual.local import disk, whole
if sys.argv[1] == "place":
    whole.place(Path(sys.argv[2]), b"new", 0o600)
else:
    whole.replace(Path(sys.argv[2]), b"new", 0o600)
"""


@pytest.mark.row("f2", "f27")
@pytest.mark.parametrize("call", ["place", "replace"])
def test_a_file_that_is_being_written_is_not_swept_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "name"
    seen: list[list[Path]] = []

    def meanwhile(name: str) -> None:
        if name == "file.synced":
            whole.sweep(tmp_path)
            seen.append(whole.abandoned(tmp_path))

    monkeypatch.setattr("puntual.local.disk.failpoint", meanwhile)
    getattr(whole, call)(path, b"new", 0o600)
    assert seen == [[]]
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["name"]


@pytest.mark.row("f2")
@pytest.mark.parametrize("point", ["file.written", "file.synced", "file.named"])
@pytest.mark.parametrize("call", ["place", "replace"])
def test_what_a_killed_writer_left_is_named_and_swept(
    tmp_path: Path, call: str, point: str
) -> None:
    path = tmp_path / "name"
    done = subprocess.run(
        [sys.executable, "-c", DIES, call, str(path)],
        env=os.environ | {"PUNTUAL_FAILPOINTS": f"{point}=kill"},
        check=False,
    )
    assert done.returncode == -9
    left = [p for p in tmp_path.iterdir() if p != path]
    assert whole.abandoned(tmp_path) == left
    whole.sweep(tmp_path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"new"] * (point == "file.named")


def test_a_name_that_is_taken_is_not_taken_again(tmp_path: Path) -> None:
    assert whole.place(tmp_path / "name", b"first", 0o600)
    assert not whole.place(tmp_path / "name", b"second", 0o600)
    assert (tmp_path / "name").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["name"]


def test_a_temporary_file_that_was_swept_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = disk.create
    made: list[str] = []

    def created(path: Path, mode: int) -> object:
        file = create(path, mode)
        made.append(path.name)
        if len(made) == 1:
            whole.sweep(tmp_path)
        return file

    monkeypatch.setattr(whole, "create", created)
    assert whole.place(tmp_path / "name", b"new", 0o600)
    assert len(made) == 2
    assert (tmp_path / "name").read_bytes() == b"new"


def test_other_files_and_folders_that_are_not_there_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".puntual-notes").write_text("somebody's")
    whole.sweep(tmp_path)
    whole.sweep(tmp_path / "missing")
    assert os.listdir(tmp_path) == [".puntual-notes"]
