"""A drop lists, reads small, pins; follows nothing and moves nothing. Kept by each store."""

from __future__ import annotations

import glob
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.s3 import Faults

from puntual.aws.bucket import Bucket
from puntual.aws.drop import S3Drop
from puntual.errors import PermanentError
from puntual.local.drop import LocalDrop
from puntual.ports.drop import Drop, PassedOver

Put = Callable[[str, bytes], object]


class DropSuite:
    """Every promise of Drop; subclass it with `drop`, `put` and `remove` fixtures."""

    def test_files_that_match_are_listed_by_name_with_size_and_age(
        self, drop: Drop, put: Put
    ) -> None:
        for name in ("b_2.csv", "b_1.csv", "b_1.csv.ok", "other.csv", ".b_0.csv"):
            put(f"in/{name}", b"1234")
        found = drop.list("in/b_*.csv")
        assert [f.name for f in found] == ["in/b_1.csv", "in/b_2.csv"]
        assert [f.bytes for f in found] == [4, 4]
        assert all(-2 < f.age < 60 for f in found)

    def test_a_folder_may_be_matched_too_and_a_star_stays_within_one(
        self, drop: Drop, put: Put
    ) -> None:
        for folder in ("a1", "a2", "b1", "a3/deeper"):
            put(f"{folder}/x.csv", b"")
        assert [f.name for f in drop.list("a*/x.csv")] == ["a1/x.csv", "a2/x.csv"]
        assert drop.list("a*.csv") == ()

    def test_a_file_is_found_by_the_path_that_a_listing_gave(self, drop: Drop, put: Put) -> None:
        put("in/a[1].csv", b"1")
        put("in/a[1].csv.ok", b"")
        (found,) = drop.list("in/*.csv")
        (marker,) = drop.list(glob.escape(found.path) + ".ok")
        assert marker.name == "in/a[1].csv.ok"

    def test_a_folder_that_is_not_there_is_empty(self, drop: Drop) -> None:
        assert drop.list("no/such/*.csv") == ()
        assert drop.passed_over("no/such/*.csv") == ()

    def test_a_folder_with_a_files_name_is_passed_over_and_said(self, drop: Drop, put: Put) -> None:
        put("in/b.csv/part-0", b"1")
        assert drop.list("in/*.csv") == ()
        assert drop.passed_over("in/*.csv") == (PassedOver(name="in/b.csv", kind="a folder"),)

    @pytest.mark.row("h10")
    def test_a_small_file_is_read_and_a_large_one_refused(self, drop: Drop, put: Put) -> None:
        put("control.json", b"{}" * 50)
        assert drop.read_small("control.json", 100) == b"{}" * 50
        assert drop.read_small("none.json", 100) is None
        with pytest.raises(
            PermanentError, match=r"S1302.*100 bytes.* at most 99 are read|more than 99 bytes"
        ):
            drop.read_small("control.json", 99)

    def test_the_digest_is_that_of_the_bytes_as_they_lie_there_and_none_of_a_file_that_is_gone(
        self, drop: Drop, put: Put, remove: Callable[[str], object]
    ) -> None:
        put("a.csv", b"1\n")
        (found,) = drop.list("*.csv")
        assert drop.digest(found) == hashlib.sha256(b"1\n").hexdigest()
        put("a.csv", b"2\n")
        assert drop.digest(found) == hashlib.sha256(b"2\n").hexdigest()
        remove("a.csv")
        assert drop.digest(found) is None

    @pytest.mark.row("f38")
    def test_a_pinned_copy_stays_when_the_source_replaces_its_file(
        self, drop: Drop, put: Put, tmp_path: Path
    ) -> None:
        (tmp_path / "pins").mkdir()
        put("a.csv", b"first")
        (file,) = drop.list("a.csv")
        pinned = drop.pin(file, str(tmp_path / "pins"))
        assert pinned is not None
        put("a.csv", b"other")
        assert Path(pinned).read_bytes() == b"first"

    @pytest.mark.row("f38")
    def test_a_file_that_changed_since_it_was_listed_is_not_pinned(
        self, drop: Drop, put: Put, remove: Callable[[str], object], tmp_path: Path
    ) -> None:
        (tmp_path / "pins").mkdir()
        put("a.csv", b"first")
        (file,) = drop.list("a.csv")
        put("a.csv", b"first and more")
        assert drop.pin(file, str(tmp_path / "pins")) is None
        (file,) = drop.list("a.csv")
        remove("a.csv")
        assert drop.pin(file, str(tmp_path / "pins")) is None
        assert list((tmp_path / "pins").iterdir()) == []


class TestLocal(DropSuite):
    @pytest.fixture
    def drop(self, tmp_path: Path) -> LocalDrop:
        return LocalDrop(tmp_path / "project")

    @pytest.fixture
    def put(self, tmp_path: Path) -> Put:
        def write(name: str, data: bytes) -> None:
            path = tmp_path / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        return write

    @pytest.fixture
    def remove(self, tmp_path: Path) -> Callable[[str], object]:
        return lambda name: (tmp_path / "project" / name).unlink()


class TestS3(DropSuite):
    @pytest.fixture
    def incoming(self, lake: Bucket) -> Bucket:
        return lake.below("incoming")

    @pytest.fixture
    def drop(self, incoming: Bucket) -> S3Drop:
        return S3Drop(incoming)

    @pytest.fixture
    def put(self, incoming: Bucket) -> Put:
        return incoming.overwrite

    @pytest.fixture
    def remove(self, incoming: Bucket) -> Callable[[str], object]:
        return incoming.hide

    def test_the_age_of_an_object_is_that_since_it_was_put(
        self, incoming: Bucket, put: Put
    ) -> None:
        put("a.csv", b"1")
        (found,) = S3Drop(incoming, now=lambda: time.time() + 100).list("a.csv")
        assert 98 < found.age < 160

    @pytest.mark.row("f38")
    def test_o1_of_one_that_is_replaced_while_it_is_read_nothing_is_pinned(
        self, drop: S3Drop, put: Put, tmp_path: Path, injected: Faults
    ) -> None:
        put("a.csv", b"first")
        (file,) = drop.list("a.csv")
        injected.meanwhile("GetObject", lambda: put("a.csv", b"other"))
        assert drop.pin(file, str(tmp_path)) is None
        (file,) = drop.list("a.csv")
        injected.meanwhile("HeadObject", lambda: None)  # at the beginning; then at the end
        injected.meanwhile("HeadObject", lambda: put("a.csv", b"third"))
        assert drop.pin(file, str(tmp_path)) is None
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.row("f11")
    def test_a_drop_that_may_not_be_read_is_said_with_the_permission_that_is_missing(
        self, drop: S3Drop, put: Put, injected: Faults
    ) -> None:
        put("a.csv", b"1")
        injected.answer("ListObjectsV2", 403, "AccessDenied")
        with pytest.raises(PermanentError, match="S1301") as caught:
            drop.list("*.csv")
        assert "missing: s3:ListBucket" in caught.value.observed
        injected.answer("GetObject", 403, "AccessDenied")
        with pytest.raises(PermanentError, match="S1301"):
            drop.read_small("a.csv", 10)

    @pytest.mark.row("h9")
    @pytest.mark.parametrize("pattern", ["s3://another-bucket/*.csv", "/etc/*", "../state/*"])
    def test_what_lies_outside_of_the_drop_is_not_listed(
        self, drop: S3Drop, lake: Bucket, pattern: str
    ) -> None:
        lake.overwrite("state/secret", b"1")
        assert drop.list(pattern) == ()

    @pytest.mark.row("h9")
    def test_a_name_with_letters_that_move_others_is_shown_as_text_and_still_read(
        self, drop: S3Drop, put: Put, tmp_path: Path
    ) -> None:
        put("a\u202e\x1b.csv", b"1")
        (found,) = drop.list("*.csv")
        assert found.name == "a\\u202e\\x1b.csv"
        pinned = drop.pin(found, str(tmp_path))
        assert pinned is not None
        assert Path(pinned).read_bytes() == b"1"


@pytest.mark.row("h9")
def test_links_pipes_and_folders_are_not_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "b.csv").mkdir()
    os.mkfifo(tmp_path / "in" / "c.csv")
    drop = LocalDrop(tmp_path)
    assert drop.list("in/*.csv") == ()
    for name, kind in (("a", "a symbolic link"), ("b", "a folder"), ("c", "a pipe")):
        with pytest.raises(PermanentError, match=f"S1303 in/{name}.csv is {kind}"):
            drop.read_small(f"in/{name}.csv", 10)


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


@pytest.mark.row("h7", "h9")
def test_of_two_names_that_look_alike_where_they_are_shown_both_are_listed(tmp_path: Path) -> None:
    for name, text in ((b"a\xff.csv", "byte"), (b"a\\xff.csv", "backslash, x, f, f")):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text(text)
    found = LocalDrop(tmp_path).list("*.csv")
    assert [(f.name, Path(f.path).read_text()) for f in found] == [
        ("a\\\\xff.csv", "backslash, x, f, f"),
        ("a\\xff.csv", "byte"),
    ]


@pytest.mark.row("f11")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir(mode=0o000)
    with pytest.raises(PermanentError, match="S1301"):
        LocalDrop(tmp_path).list("in/*.csv")


def test_the_age_of_a_file_is_that_since_it_last_changed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    os.utime(tmp_path / "a.csv", (time.time() - 100, time.time() - 100))
    (found,) = LocalDrop(tmp_path).list("a.csv")
    assert 99 < found.age < 200


@pytest.mark.row("f38")
def test_a_file_that_became_a_link_is_not_pinned(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("first")
    (tmp_path / "pins").mkdir()
    drop = LocalDrop(tmp_path)
    (file,) = drop.list("a.csv")
    (tmp_path / "a.csv").unlink()
    (tmp_path / "a.csv").symlink_to("/etc/hostname")
    assert drop.pin(file, str(tmp_path / "pins")) is None
    assert list((tmp_path / "pins").iterdir()) == []
