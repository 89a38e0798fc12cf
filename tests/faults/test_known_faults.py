"""What only the machine can be at fault for is said as such; what a kill leaves is removed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from puntual.engines.duckdb.session import Limits, open_session, translate
from puntual.engines.duckdb_warehouse import fault
from puntual.errors import PermanentError, machine_fault
from puntual.local.catalog import SqliteCatalog
from puntual.local.disk import machine_faults
from puntual.local.folder import FolderDestinations
from puntual.model.delivery import DeliveryId
from puntual.model.report import Folder

FULL = 'IO Error: Could not write file "/lake/x.parquet": No space left on device'
DELIVERY = DeliveryId(report="daily", reference_date=date(2026, 3, 2), version=1)


@pytest.mark.row("f3", "f4")
@pytest.mark.parametrize(
    ("said", "code"),
    [(FULL, "T1001"), ("IO Error: Input/output error", "T1003"), ("disk quota exceeded", None)],
)
def test_the_words_of_the_operating_system_are_known_in_a_librarys_message(
    said: str, code: str | None
) -> None:
    found = machine_fault(said, "load:movements")
    assert (found.code if found else None) == code


@pytest.mark.row("f3")
def test_a_full_disk_is_no_fault_of_the_engine_nor_of_the_warehouse() -> None:
    full = duckdb.IOException(FULL)
    engine = translate(full, limits=Limits(), code="T3002", where="curate:payments")
    assert (engine.code, engine.where) == ("T1001", "curate:payments")
    assert fault(full, "warehouse table movements", "T4002").code == "T1001"


@pytest.mark.row("f3")
def test_a_full_disk_that_no_adapter_met_is_known_at_the_border_of_the_process() -> None:
    with pytest.raises(PermanentError, match="T1001 disk full at x"), machine_faults("land"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x.arrows")


def test_any_other_error_of_the_operating_system_stays_a_bug() -> None:
    with pytest.raises(FileNotFoundError), machine_faults("land"):
        raise FileNotFoundError(errno.ENOENT, "gone")


@pytest.mark.row("f1")
def test_a_delivery_removes_what_a_killed_one_of_this_project_left_and_nothing_else(
    tmp_path: Path,
) -> None:
    ours, theirs = FolderDestinations(tmp_path / "ours"), FolderDestinations(tmp_path / "theirs")
    shared = Folder(path=str(tmp_path / "out"))
    for destinations, name in ((ours, "a"), (theirs, "b")):
        destinations.deliver(shared, DELIVERY, {f"{name}.txt": b"1"})
    left = {d: tmp_path / "out" / f".puntual-{d.mine}-{'0' * 32}" for d in (ours, theirs)}
    for path in left.values():
        path.write_bytes(b"half")
    ours.deliver(shared, DELIVERY, {"a.txt": b"1"})
    assert not left[ours].exists()
    assert left[theirs].exists()


@pytest.mark.row("f1")
def test_views_that_a_killed_run_was_making_are_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".catalog.duckdb.0123"
    left.write_bytes(b"half")
    SqliteCatalog(tmp_path / "catalog.db").close()
    assert sorted(os.listdir(tmp_path)) == ["catalog.db", "catalog.duckdb"]


def test_an_engine_that_cannot_be_opened_is_a_known_fault(tmp_path: Path) -> None:
    limits = Limits(memory="no number")
    with (
        pytest.raises(PermanentError, match="T3002"),
        open_session(str(tmp_path), limits=limits, zone="UTC"),
    ):
        pass


@pytest.mark.row("f3")
def test_when_not_even_the_fault_can_be_told_the_exit_code_is_no_finding(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "puntual.cli.main", "-C", str(tmp_path), "status"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=full, check=False)
    assert done.returncode == 3


def test_a_reader_that_goes_away_is_no_finding_and_no_traceback() -> None:
    command = [sys.executable, "-m", "puntual.cli.main", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 3
