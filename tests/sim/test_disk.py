"""The simulated disk loses what was not synced, and nothing else."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from puntual.local.disk import make_folder, sync_folder, write_synced
from puntual.local.objects import LocalObjects
from sim.disk import Loss, SimulatedDisk, installed


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SimulatedDisk]:
    root = tmp_path / "lake"
    root.mkdir()
    made = SimulatedDisk((str(root),), effect=lambda kind, path: None, dead=lambda: False)
    with installed(made):
        yield made


def crash(disk: SimulatedDisk, loss: Loss) -> dict[str, bytes]:
    disk.crash(loss, random.Random(1))
    root = Path(disk.roots[0])
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)


def test_bytes_that_were_not_synced_are_lost_though_their_name_is_durable(
    disk: SimulatedDisk,
) -> None:
    root = Path(disk.roots[0])
    write(root / "a", b"volatile")
    sync_folder(root)
    assert crash(disk, Loss.BYTES) == {"a": b""}


def test_a_name_whose_folder_was_not_synced_is_lost_though_its_bytes_are_durable(
    disk: SimulatedDisk,
) -> None:
    root = Path(disk.roots[0])
    write_synced(root / "a", b"durable", 0o600)
    assert crash(disk, Loss.NAMES) == {}


def test_a_renamed_file_goes_back_to_what_its_name_meant_before(disk: SimulatedDisk) -> None:
    root = Path(disk.roots[0])
    write_synced(root / "a", b"old", 0o600)
    sync_folder(root)
    write_synced(root / "b", b"new", 0o600)
    os.rename(root / "b", root / "a")
    assert crash(disk, Loss.NAMES) == {"a": b"old"}


def test_a_folder_whose_name_was_not_synced_takes_its_files_along(disk: SimulatedDisk) -> None:
    root = Path(disk.roots[0])
    (root / "f").mkdir()
    write_synced(root / "f" / "a", b"durable", 0o600)
    sync_folder(root / "f")
    assert crash(disk, Loss.NAMES) == {}


def test_what_was_synced_as_the_product_does_survives_every_crash(disk: SimulatedDisk) -> None:
    root = Path(disk.roots[0])
    make_folder(root / "x" / "y")
    ref = LocalObjects(root).put_bytes("x/y", b"bytes", suffix=".bin")
    for loss in Loss:
        assert crash(disk, loss)[ref.name] == b"bytes"


def test_a_process_that_dies_leaves_everything_to_the_next(disk: SimulatedDisk) -> None:
    write(Path(disk.roots[0]) / "a", b"in the page cache")
    assert crash(disk, Loss.NOTHING) == {"a": b"in the page cache"}
