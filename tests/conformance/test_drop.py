"""A folder as a drop: lists, reads small, pins; follows nothing and moves nothing."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from puntual.errors import PermanentError
from puntual.local.drop import LocalDrop


def test_files_that_match_are_listed_by_name_with_size_and_age(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b_2.csv", "b_1.csv", "b_1.csv.ok", "other.csv", ".b_0.csv"):
        (tmp_path / "in" / name).write_text("1234")
    os.utime(tmp_path / "in" / "b_1.csv", (time.time() - 100, time.time() - 100))
    found = LocalDrop(tmp_path).list("in/b_*.csv")
    assert [f.name for f in found] == ["in/b_1.csv", "in/b_2.csv"]
    assert [f.bytes for f in found] == [4, 4]
    assert 99 < found[0].age < 200
    assert found[1].age < 60


def test_a_folder_may_be_matched_too(tmp_path: Path) -> None:
    for folder in ("a1", "a2", "b1"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").touch()
    assert [f.name for f in LocalDrop(tmp_path).list("a*/x.csv")] == ["a1/x.csv", "a2/x.csv"]


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert LocalDrop(tmp_path).list("no/such/*.csv") == ()


@pytest.mark.row("h9")
def test_links_pipes_and_folders_are_not_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "b.csv").mkdir()
    os.mkfifo(tmp_path / "in" / "c.csv")
    drop = LocalDrop(tmp_path)
    assert drop.list("in/*.csv") == ()
    assert [drop.read_small(f"in/{n}.csv", 10) for n in "abc"] == [None, None, None]


@pytest.mark.row("h9")
def test_a_name_that_is_no_text_is_shown_as_text_and_still_read(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff\x1b\n.csv")).write_text("1")
    (found,) = LocalDrop(tmp_path).list("*.csv")
    assert found.name == "a\\xff\\x1b\\n.csv"
    folder = tmp_path / "pins"
    folder.mkdir()
    pinned = LocalDrop(tmp_path).pin(found, str(folder))
    assert pinned is not None
    assert Path(pinned).read_text() == "1"


@pytest.mark.row("f11")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir(mode=0o000)
    with pytest.raises(PermanentError, match="S1301"):
        LocalDrop(tmp_path).list("in/*.csv")


@pytest.mark.row("h10")
def test_a_small_file_is_read_and_a_large_one_refused(tmp_path: Path) -> None:
    (tmp_path / "control.json").write_bytes(b"{}" * 50)
    drop = LocalDrop(tmp_path)
    assert drop.read_small("control.json", 100) == b"{}" * 50
    assert drop.read_small("none.json", 100) is None
    with pytest.raises(PermanentError, match="S1302"):
        drop.read_small("control.json", 99)


def test_the_digest_is_that_of_the_bytes_as_they_lie_there_and_none_of_a_file_that_is_gone(
    tmp_path: Path,
) -> None:
    drop = LocalDrop(tmp_path)
    path = tmp_path / "a.csv"
    path.write_bytes(b"1\n")
    (found,) = drop.list("*.csv")
    assert drop.digest(found) == hashlib.sha256(b"1\n").hexdigest()
    path.write_bytes(b"2\n")
    assert drop.digest(found) == hashlib.sha256(b"2\n").hexdigest()
    path.unlink()
    assert drop.digest(found) is None


@pytest.mark.row("f38")
def test_a_pinned_copy_stays_when_the_source_replaces_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("first")
    (tmp_path / "pins").mkdir()
    drop = LocalDrop(tmp_path)
    (file,) = drop.list("a.csv")
    pinned = drop.pin(file, str(tmp_path / "pins"))
    assert pinned is not None
    (tmp_path / "a.csv").write_text("other")
    assert Path(pinned).read_text() == "first"


@pytest.mark.row("f38")
def test_a_file_that_changed_since_it_was_listed_is_not_pinned(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("first")
    (tmp_path / "pins").mkdir()
    drop = LocalDrop(tmp_path)
    (file,) = drop.list("a.csv")
    with (tmp_path / "a.csv").open("a") as growing:
        growing.write(" and more")
    assert drop.pin(file, str(tmp_path / "pins")) is None
    (file,) = drop.list("a.csv")
    (tmp_path / "a.csv").unlink()
    (tmp_path / "a.csv").symlink_to("/etc/hostname")
    assert drop.pin(file, str(tmp_path / "pins")) is None
    assert list((tmp_path / "pins").iterdir()) == []
