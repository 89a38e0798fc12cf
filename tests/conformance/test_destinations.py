"""Every promise of `Destinations`, kept by each kind of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from support.s3 import Faults

from puntual.aws.bucket import Bucket
from puntual.aws.destinations import S3Destinations
from puntual.errors import EvidenceError, PermanentError, TransientError
from puntual.local.folder import FolderDestinations
from puntual.model.delivery import DeliveryId
from puntual.model.report import Folder
from puntual.ports.destinations import Destinations

OUT = Folder(path="out")
DELIVERY = DeliveryId(report="credit_daily", reference_date=date(2026, 11, 20), version=1)
FILES = {"evidence/manifest.json": b"{}", "credit_20261120_v1.txt": b"H|BANK\nT|0\n"}

Put = Callable[[str, bytes], object]
Lying = Callable[[], Mapping[str, bytes]]


class DestinationsSuite:
    """Every promise of Destinations; subclass it with `destinations`, `put` and `lying`."""

    def test_files_are_placed_and_their_digests_read_back(
        self, destinations: Destinations, lying: Lying
    ) -> None:
        receipt = destinations.deliver(OUT, DELIVERY, FILES)
        assert receipt.destination.endswith("/out")
        assert receipt.files == {n: hashlib.sha256(d).hexdigest() for n, d in FILES.items()}
        assert lying() == FILES

    @pytest.mark.row("f74")
    def test_f74_sending_the_same_bytes_again_is_harmless(
        self, destinations: Destinations, lying: Lying
    ) -> None:
        first = destinations.deliver(OUT, DELIVERY, FILES)
        assert destinations.deliver(OUT, DELIVERY, FILES) == first
        assert lying() == FILES

    @pytest.mark.row("f74")
    def test_a_file_with_other_bytes_is_never_overwritten_and_nothing_is_placed(
        self, destinations: Destinations, put: Put, lying: Lying
    ) -> None:
        put("credit_20261120_v1.txt", b"somebody else's")
        with pytest.raises(EvidenceError, match="D1002") as caught:
            destinations.deliver(OUT, DELIVERY, FILES)
        assert hashlib.sha256(b"somebody else's").hexdigest() in caught.value.observed
        assert lying() == {"credit_20261120_v1.txt": b"somebody else's"}

    @pytest.mark.row("h9")
    @pytest.mark.parametrize("name", ["../report.txt", "/etc/report.txt", "a/../../b", "a\0b", ""])
    def test_h9_a_name_that_leaves_the_folder_is_refused(
        self, destinations: Destinations, lying: Lying, name: str
    ) -> None:
        with pytest.raises(ValueError, match="file name"):
            destinations.deliver(OUT, DELIVERY, {name: b"x"})
        assert lying() == {}

    def test_a_package_with_other_bytes_is_put_aside_whole_and_one_with_the_same_stays(
        self, destinations: Destinations, lying: Lying
    ) -> None:
        destinations.deliver(OUT, DELIVERY, {"pack/a.txt": b"before", "pack/b.txt": b"same"})

        assert destinations.put_aside(OUT, "pack", {"b.txt": b"same", "c.txt": b"new"}) == ""
        assert destinations.put_aside(OUT, "pack", {"a.txt": b"after"}) == "pack.unfinished-1"

        assert lying() == {
            "pack.unfinished-1/a.txt": b"before",
            "pack.unfinished-1/b.txt": b"same",
        }
        assert destinations.put_aside(OUT, "pack", {"a.txt": b"after"}) == ""
        destinations.deliver(OUT, DELIVERY, {"pack/a.txt": b"again"})
        assert destinations.put_aside(OUT, "pack", {"a.txt": b"after"}) == "pack.unfinished-2"


class TestFolder(DestinationsSuite):
    @pytest.fixture
    def destinations(self, tmp_path: Path) -> FolderDestinations:
        return FolderDestinations(tmp_path)

    @pytest.fixture
    def put(self, tmp_path: Path) -> Put:
        def write(name: str, data: bytes) -> None:
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / name).write_bytes(data)

        return write

    @pytest.fixture
    def lying(self, tmp_path: Path) -> Lying:
        out = tmp_path / "out"
        return lambda: {
            path.relative_to(out).as_posix(): path.read_bytes()
            for path in out.rglob("*")
            if path.is_file()
        }

    def test_a_file_that_lies_there_is_left_alone(
        self, destinations: FolderDestinations, tmp_path: Path
    ) -> None:
        destinations.deliver(OUT, DELIVERY, FILES)
        before = (tmp_path / "out" / "credit_20261120_v1.txt").stat()
        destinations.deliver(OUT, DELIVERY, FILES)
        assert (tmp_path / "out" / "credit_20261120_v1.txt").stat().st_ino == before.st_ino


class TestS3(DestinationsSuite):
    @pytest.fixture
    def destinations(self, lake: Bucket) -> S3Destinations:
        return S3Destinations(lake)

    @pytest.fixture
    def put(self, lake: Bucket) -> Put:
        return lake.below("out").overwrite

    @pytest.fixture
    def lying(self, lake: Bucket) -> Lying:
        return lambda: _contents(lake.below("out"))

    def test_a_destination_may_be_another_bucket_and_never_a_machines_folder(
        self, destinations: S3Destinations, lake: Bucket
    ) -> None:
        address = f"s3://{lake.bucket}/{lake.prefix}regulator/in"
        receipt = destinations.deliver(Folder(path=address), DELIVERY, FILES)
        assert receipt.destination == address
        assert _contents(lake.below("regulator/in")) == FILES
        with pytest.raises(PermanentError, match="D1001"):
            destinations.deliver(Folder(path="/mnt/regulator"), DELIVERY, FILES)

    @pytest.mark.row("f65", "f74")
    def test_o7_a_file_whose_answer_was_lost_is_delivered_once(
        self, destinations: S3Destinations, lake: Bucket, lying: Lying, injected: Faults
    ) -> None:
        injected.lose("PutObject")
        destinations.deliver(OUT, DELIVERY, FILES)
        assert lying() == FILES
        versions = lake.s3.list_object_versions(Bucket=lake.bucket, Prefix=lake.prefix)
        assert len(versions["Versions"]) == len(FILES)

    @pytest.mark.row("f74")
    def test_o3_a_name_that_another_takes_meanwhile_is_not_taken_from_it(
        self, destinations: S3Destinations, put: Put, injected: Faults
    ) -> None:
        injected.meanwhile("PutObject", lambda: put("credit_20261120_v1.txt", b"somebody else's"))
        with pytest.raises(EvidenceError, match="D1002"):
            destinations.deliver(OUT, DELIVERY, {"credit_20261120_v1.txt": b"ours"})

    def test_what_does_not_read_back_as_it_was_written_is_not_delivered(
        self, destinations: S3Destinations, put: Put, injected: Faults
    ) -> None:
        injected.meanwhile("GetObject", lambda: None)
        injected.meanwhile("GetObject", lambda: put("a.txt", b"altered"))
        with pytest.raises(EvidenceError, match="D1002") as caught:
            destinations.deliver(OUT, DELIVERY, {"a.txt": b"ours"})
        assert "read back" in caught.value.message

    @pytest.mark.row("f65")
    def test_a_refusal_names_the_permission_and_a_busy_bucket_is_waited_for(
        self, destinations: S3Destinations, injected: Faults
    ) -> None:
        injected.answer("PutObject", 403, "AccessDenied")
        with pytest.raises(PermanentError, match="D1001") as caught:
            destinations.deliver(OUT, DELIVERY, FILES)
        assert "missing: s3:PutObject" in caught.value.observed
        injected.answer("PutObject", 503, "SlowDown", times=2)
        with pytest.raises(TransientError, match="T5002"):
            destinations.deliver(OUT, DELIVERY, FILES)
        destinations.deliver(OUT, DELIVERY, FILES)

    def test_one_that_died_while_it_put_a_package_aside_is_finished_by_the_next(
        self, destinations: S3Destinations, lying: Lying, injected: Faults
    ) -> None:
        destinations.deliver(OUT, DELIVERY, {"pack/a.txt": b"before", "pack/b.txt": b"same"})
        refuse_the_second = partial(injected.answer, "DeleteObject", 403, "AccessDenied")
        injected.meanwhile("DeleteObject", refuse_the_second)
        with pytest.raises(PermanentError, match="D1001"):
            destinations.put_aside(OUT, "pack", {"a.txt": b"after"})
        assert destinations.put_aside(OUT, "pack", {"a.txt": b"after"}) == "pack.unfinished-2"
        assert not any(name.startswith("pack/") for name in lying())


def _contents(bucket: Bucket) -> Mapping[str, bytes]:
    names = [found.name for found in bucket.listed("")]
    read = bucket.read_many(names)
    return {name: found.data for name, found in zip(names, read, strict=True) if found is not None}


@pytest.fixture
def destinations(tmp_path: Path) -> FolderDestinations:
    return FolderDestinations(tmp_path)


@pytest.mark.row("h9")
def test_a_symlink_in_a_files_place_is_refused(
    destinations: FolderDestinations, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").write_bytes(FILES["credit_20261120_v1.txt"])
    (tmp_path / "out" / "credit_20261120_v1.txt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermanentError, match="D1001"):
        destinations.deliver(OUT, DELIVERY, FILES)


def test_a_destination_that_is_no_folder_is_named(
    destinations: FolderDestinations, tmp_path: Path
) -> None:
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(PermanentError, match="D1001") as caught:
        destinations.deliver(OUT, DELIVERY, FILES)
    assert caught.value.where == str(tmp_path / "out")


def test_an_absolute_folder_is_taken_as_it_is(
    destinations: FolderDestinations, tmp_path: Path
) -> None:
    receipt = destinations.deliver(Folder(path=str(tmp_path / "mnt")), DELIVERY, FILES)
    assert receipt.destination == str(tmp_path / "mnt")


def test_nothing_temporary_is_left(destinations: FolderDestinations, tmp_path: Path) -> None:
    destinations.deliver(OUT, DELIVERY, FILES)
    assert sorted(os.listdir(tmp_path / "out")) == ["credit_20261120_v1.txt", "evidence"]
    assert os.listdir(tmp_path / "out" / "evidence") == ["manifest.json"]
