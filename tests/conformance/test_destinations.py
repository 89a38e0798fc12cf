"""Every promise of `Destinations`, kept by a folder."""

from __future__ import annotations

import hashlib
import os
from datetime import date
from pathlib import Path

import pytest

from puntual.errors import EvidenceError, PermanentError
from puntual.local.folder import FolderDestinations
from puntual.model.delivery import DeliveryId
from puntual.model.report import Folder

OUT = Folder(path="out")
DELIVERY = DeliveryId(report="credit_daily", reference_date=date(2026, 11, 20), version=1)
FILES = {"evidence/manifest.json": b"{}", "credit_20261120_v1.txt": b"H|BANK\nT|0\n"}


@pytest.fixture
def destinations(tmp_path: Path) -> FolderDestinations:
    return FolderDestinations(tmp_path)


def test_files_are_placed_and_their_digests_read_back(
    destinations: FolderDestinations, tmp_path: Path
) -> None:
    receipt = destinations.deliver(OUT, DELIVERY, FILES)
    assert receipt.destination == str(tmp_path / "out")
    assert receipt.files == {n: hashlib.sha256(d).hexdigest() for n, d in FILES.items()}
    for name, data in FILES.items():
        assert (tmp_path / "out" / name).read_bytes() == data


@pytest.mark.row("f74")
def test_f74_sending_the_same_bytes_again_is_harmless(
    destinations: FolderDestinations, tmp_path: Path
) -> None:
    first = destinations.deliver(OUT, DELIVERY, FILES)
    before = (tmp_path / "out" / "credit_20261120_v1.txt").stat()
    assert destinations.deliver(OUT, DELIVERY, FILES) == first
    assert (tmp_path / "out" / "credit_20261120_v1.txt").stat().st_ino == before.st_ino


@pytest.mark.row("f74")
def test_a_file_with_other_bytes_is_never_overwritten_and_nothing_is_placed(
    destinations: FolderDestinations, tmp_path: Path
) -> None:
    taken = tmp_path / "out" / "credit_20261120_v1.txt"
    taken.parent.mkdir()
    taken.write_bytes(b"somebody else's")
    with pytest.raises(EvidenceError, match="D1002") as caught:
        destinations.deliver(OUT, DELIVERY, FILES)
    assert hashlib.sha256(b"somebody else's").hexdigest() in caught.value.observed
    assert taken.read_bytes() == b"somebody else's"
    assert os.listdir(tmp_path / "out") == ["credit_20261120_v1.txt"]


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


@pytest.mark.row("h9")
@pytest.mark.parametrize("name", ["../report.txt", "/etc/report.txt", "a/../../b", "a\0b", ""])
def test_h9_a_name_that_leaves_the_folder_is_refused(
    destinations: FolderDestinations, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match="file name"):
        destinations.deliver(OUT, DELIVERY, {name: b"x"})
    assert not (tmp_path / "out").exists()


def test_nothing_temporary_is_left(destinations: FolderDestinations, tmp_path: Path) -> None:
    destinations.deliver(OUT, DELIVERY, FILES)
    assert sorted(os.listdir(tmp_path / "out")) == ["credit_20261120_v1.txt", "evidence"]
    assert os.listdir(tmp_path / "out" / "evidence") == ["manifest.json"]


def test_a_package_with_other_bytes_is_put_aside_whole_and_one_with_the_same_stays(
    destinations: FolderDestinations, tmp_path: Path
) -> None:
    destinations.deliver(OUT, DELIVERY, {"pack/a.txt": b"before", "pack/b.txt": b"same"})

    assert destinations.put_aside(OUT, "pack", {"b.txt": b"same", "c.txt": b"new"}) == ""
    assert destinations.put_aside(OUT, "pack", {"a.txt": b"after"}) == "pack.unfinished-1"

    assert not (tmp_path / OUT.path / "pack").exists()
    assert (tmp_path / OUT.path / "pack.unfinished-1" / "a.txt").read_bytes() == b"before"
    assert destinations.put_aside(OUT, "pack", {"a.txt": b"after"}) == ""
