"""Every promise of `Objects`, kept by each store."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from puntual.errors import EvidenceError, PermanentError
from puntual.local.disk import translated
from puntual.local.objects import LocalObjects
from puntual.local.overlay import Overlay
from puntual.model.manifest import ObjectRef
from puntual.ports.objects import Objects

PREFIX = "curated/card_events/reference_date=2026-11-20/build=0a1b2c3d4e5f"
SHA_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


class ObjectsSuite:
    """Every promise of Objects; subclass it with an `objects` fixture."""

    def test_an_object_is_named_by_the_sha256_of_its_bytes(self, objects: Objects) -> None:
        ref = objects.put_bytes(PREFIX, b"abc", suffix=".bin", records=3, role="raw")
        assert ref == ObjectRef(
            name=f"{PREFIX}/{SHA_OF_ABC}.bin", sha256=SHA_OF_ABC, bytes=3, records=3, role="raw"
        )
        assert objects.read(ref) == b"abc"

    def test_storing_the_same_bytes_again_gives_the_same_name(self, objects: Objects) -> None:
        first = objects.put_bytes(PREFIX, b"abc", suffix=".bin")
        assert objects.put_bytes(PREFIX, b"abc", suffix=".bin") == first
        assert objects.read(first) == b"abc"

    def test_an_empty_object_is_an_object(self, objects: Objects) -> None:
        ref = objects.put_bytes(PREFIX, b"", suffix=".csv")
        assert ref.bytes == 0
        assert objects.read(ref) == b""

    def test_a_file_of_ours_is_moved_into_the_store(self, objects: Objects) -> None:
        path = Path(objects.scratch("step")) / "out.parquet"
        path.write_bytes(b"abc")
        ref = objects.put_file(PREFIX, str(path), suffix=".parquet", detail={"shard": "0"})
        assert not path.exists()
        assert ref.detail == {"shard": "0"}
        assert objects.read(ref) == b"abc"

    def test_a_file_of_the_source_is_copied_and_stays(
        self, objects: Objects, tmp_path: Path
    ) -> None:
        path = tmp_path / "inbox.csv"
        path.write_bytes(b"abc")
        ref = objects.put_file("raw/x", str(path), suffix=".csv", move=False)
        path.write_bytes(b"changed afterwards")
        assert objects.read(ref) == b"abc"

    def test_a_file_with_a_second_name_is_not_shared(
        self, objects: Objects, tmp_path: Path
    ) -> None:
        path, other = tmp_path / "a", tmp_path / "b"
        path.write_bytes(b"abc")
        os.link(path, other)
        ref = objects.put_file("raw/x", str(path), suffix=".csv")
        other.write_bytes(b"xyz")
        assert objects.read(ref) == b"abc"

    def test_an_object_is_found_by_prefix_and_digest(self, objects: Objects) -> None:
        objects.put_bytes("manifests", b"abc", suffix=".json")
        assert objects.read_named("manifests", SHA_OF_ABC, ".json") == b"abc"

    def test_a_digest_that_names_nothing_is_missing(self, objects: Objects) -> None:
        with pytest.raises(EvidenceError, match="V1001"):
            objects.read_named("manifests", SHA_OF_ABC, ".json")

    @pytest.mark.row("h9")
    @pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "a//b", "a\\b", "a\0b"])
    def test_a_name_that_leaves_the_store_is_not_read(self, objects: Objects, name: str) -> None:
        with pytest.raises(EvidenceError, match="V1001"):
            objects.read(ObjectRef(name=name, sha256=SHA_OF_ABC, bytes=3))

    @pytest.mark.parametrize("prefix", ["../x", "a/..", "/tmp", "", ".tmp"])
    def test_a_prefix_that_leaves_the_store_is_not_written(
        self, objects: Objects, prefix: str
    ) -> None:
        with pytest.raises(ValueError, match="object name"):
            objects.put_bytes(prefix, b"abc", suffix=".bin")

    def test_a_scratch_folder_is_empty_again_for_the_next_attempt(self, objects: Objects) -> None:
        folder = objects.scratch("curate-x")
        (Path(folder) / "litter").write_bytes(b"of an attempt that died")
        assert objects.scratch("curate-x") == folder
        assert os.listdir(folder) == []
        objects.discard(folder)
        objects.discard(folder)
        assert not Path(folder).exists()


class TestLocal(ObjectsSuite):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> LocalObjects:
        return LocalObjects(tmp_path / "lake")

    @pytest.fixture
    def stored(self, objects: LocalObjects) -> ObjectRef:
        return objects.put_bytes(PREFIX, b"0123456789", suffix=".bin")

    @pytest.mark.row("f7")
    @pytest.mark.parametrize(
        ("damage", "code"),
        [
            (b"", "V1001"),
            (b"012345678", "V1001"),
            (b"01234567890", "V1001"),
            (b"0123456788", "V1002"),
            (b"\x000123456789"[:10], "V1002"),
        ],
    )
    def test_f7_damage_is_found_before_the_object_is_used(
        self, objects: LocalObjects, stored: ObjectRef, damage: bytes, code: str
    ) -> None:
        path = Path(objects.locate(stored))
        path.write_bytes(damage)
        with pytest.raises(EvidenceError, match=code):
            objects.read(stored)
        with pytest.raises(EvidenceError, match=code):
            objects.verify(stored)

    @pytest.mark.row("f7")
    def test_what_another_store_wrote_is_confirmed_by_its_bytes_and_what_it_wrote_itself_is_known(
        self, objects: LocalObjects, stored: ObjectRef, tmp_path: Path
    ) -> None:
        LocalObjects(tmp_path / "lake").confirm(stored)
        Path(objects.find(stored)).write_bytes(b"0123456788")
        objects.confirm(stored)
        with pytest.raises(EvidenceError, match="V1002"):
            LocalObjects(tmp_path / "lake").confirm(stored)

    @pytest.mark.row("f6", "f7")
    def test_no_engine_is_led_to_bytes_that_another_store_wrote_and_are_damaged(
        self, objects: LocalObjects, stored: ObjectRef, tmp_path: Path
    ) -> None:
        Path(objects.locate(stored)).write_bytes(b"0123456788")
        later = LocalObjects(tmp_path / "lake")
        with pytest.raises(EvidenceError, match="V1002"):
            later.locate(stored)
        assert later.find(stored) == objects.find(stored)

    def test_what_is_not_in_the_upper_store_is_read_in_the_lower_one(
        self, objects: LocalObjects, stored: ObjectRef, tmp_path: Path
    ) -> None:
        over = Overlay(tmp_path / "upper", LocalObjects(tmp_path / "lake"))
        assert over.read(stored) == b"0123456789"
        mine = over.put_bytes("raw/x", b"mine", suffix=".bin")
        assert over.locate(mine).startswith(str(tmp_path / "upper"))
        with pytest.raises(EvidenceError, match="V1001"):
            objects.read(mine)

    @pytest.mark.row("f7")
    def test_damage_is_told_with_what_was_expected_and_found(
        self, objects: LocalObjects, stored: ObjectRef
    ) -> None:
        Path(objects.locate(stored)).write_bytes(b"0123456788")
        with pytest.raises(EvidenceError) as caught:
            objects.verify(stored)
        assert stored.sha256 in caught.value.expected
        assert hashlib.sha256(b"0123456788").hexdigest() in caught.value.observed
        assert caught.value.where == stored.name

    @pytest.mark.row("h9")
    def test_a_symlink_in_an_objects_place_is_no_object(
        self, objects: LocalObjects, stored: ObjectRef, tmp_path: Path
    ) -> None:
        path = Path(objects.locate(stored))
        elsewhere = tmp_path / "elsewhere"
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
        with pytest.raises(EvidenceError, match="V1001"):
            objects.locate(stored)
        with pytest.raises(EvidenceError, match="V1001"):
            objects.read_named(PREFIX, stored.sha256, ".bin")

    def test_storing_again_heals_damaged_bytes(
        self, objects: LocalObjects, stored: ObjectRef
    ) -> None:
        Path(objects.locate(stored)).write_bytes(b"0123456788")
        objects.put_bytes(PREFIX, b"0123456789", suffix=".bin")
        assert objects.read(stored) == b"0123456789"

    def test_nothing_temporary_is_left(self, objects: LocalObjects, tmp_path: Path) -> None:
        source = tmp_path / "inbox.csv"
        source.write_bytes(b"abc")
        objects.put_file("raw/x", str(source), suffix=".csv", move=False)
        objects.put_bytes(PREFIX, b"abc", suffix=".bin")
        assert os.listdir(tmp_path / "lake" / ".tmp") == []

    def test_i8_what_dead_attempts_left_is_swept(
        self, objects: LocalObjects, stored: ObjectRef, tmp_path: Path
    ) -> None:
        (Path(objects.scratch("curate-x")) / "half.parquet").write_bytes(b"half")
        (tmp_path / "lake" / ".tmp" / "f00").write_bytes(b"half")
        objects.sweep()
        assert not (tmp_path / "lake" / ".tmp").exists()
        assert objects.read(stored) == b"0123456789"

    def test_a_copy_keeps_the_bytes_and_nothing_else(
        self, objects: LocalObjects, tmp_path: Path
    ) -> None:
        source = tmp_path / "inbox.csv"
        source.write_bytes(b"abc")
        source.chmod(0o777)
        ref = objects.put_file("raw/x", str(source), suffix=".csv", move=False)
        assert os.stat(objects.locate(ref)).st_mode & 0o777 == 0o640

    @pytest.mark.row("h9")
    def test_a_symlink_is_not_followed_into_the_store(
        self, objects: LocalObjects, tmp_path: Path
    ) -> None:
        secret, link = tmp_path / "secret", tmp_path / "inbox.csv"
        secret.write_bytes(b"abc")
        link.symlink_to(secret)
        with pytest.raises(PermanentError, match="T1003"):
            objects.put_file("raw/x", str(link), suffix=".csv", move=False)

    @pytest.mark.row("f3")
    def test_f3_a_full_disk_is_named_and_nothing_is_visible(self) -> None:
        full = Path("/dev/full")
        if not full.exists():
            pytest.skip("this system has no /dev/full")

        with (
            pytest.raises(PermanentError, match="T1001") as caught,
            translated("the lake"),
            full.open("wb", buffering=0) as file,
        ):
            file.write(b"abc")
        assert "disk full at the lake" in caught.value.message

    @pytest.mark.row("f11")
    def test_f11_a_folder_that_may_not_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "lake").write_bytes(b"a file where the folder should be")
        with pytest.raises(PermanentError, match="T1002") as caught:
            LocalObjects(tmp_path / "lake").put_bytes(PREFIX, b"abc", suffix=".bin")
        assert str(tmp_path / "lake") in caught.value.where


class TestOverlay(ObjectsSuite):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> Overlay:
        return Overlay(tmp_path / "upper", LocalObjects(tmp_path / "lower"))


@pytest.mark.row("f27", "f57")
def test_what_one_process_has_in_work_no_other_one_writes_into(tmp_path: Path) -> None:
    zombie, later = LocalObjects(tmp_path), LocalObjects(tmp_path)
    half = Path(zombie.scratch("curate-x")) / "rows.parquet"
    whole = Path(later.scratch("curate-x")) / "rows.parquet"
    whole.write_bytes(b"whole")
    half.write_bytes(b"half")
    assert later.read(later.put_file("curated/x", str(whole), suffix=".parquet")) == b"whole"
    later.sweep()
    assert not half.exists()
