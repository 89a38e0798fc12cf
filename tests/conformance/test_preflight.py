"""What `puntual doctor` finds on this machine, and on one that is not fit."""

from __future__ import annotations

import os
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path

import pytest

from puntual.local.pointers import SqlitePointers
from puntual.local.preflight import examine
from puntual.runner.clock import FixedClock, SystemClock


def levels(state: Path, **over: object) -> dict[str, str]:
    given = {"zones": ("America/Mexico_City",), "clock": SystemClock(), "enough": 1, "least": 1}
    found = examine(state, **(given | over))  # type: ignore[arg-type]
    return {name: level for name, level, _ in found}


def test_a_fit_machine_passes_everything_and_keeps_no_litter(tmp_path: Path) -> None:
    SqlitePointers(tmp_path / "state.db").close()
    assert set(levels(tmp_path).values()) == {"ok"}
    assert os.listdir(tmp_path) == ["state.db"]


def test_the_state_folder_is_made(tmp_path: Path) -> None:
    assert levels(tmp_path / ".puntual")["state folder"] == "ok"


def test_a_state_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert levels(tmp_path / "file") == {"state folder": "fail"}


def test_little_space_warns_and_none_fails(tmp_path: Path) -> None:
    assert levels(tmp_path, enough=1 << 60)["disk space"] == "warn"
    assert levels(tmp_path, enough=1 << 60, least=1 << 60)["disk space"] == "fail"


def test_a_state_file_that_others_may_read_warns(tmp_path: Path) -> None:
    (tmp_path / "state.db").touch(0o644)
    (tmp_path / "state.db").chmod(0o644)
    assert levels(tmp_path)["state files"] == "warn"


def test_a_zone_that_does_not_exist_fails(tmp_path: Path) -> None:
    found = examine(tmp_path, zones=("Mars/Olympus",), clock=SystemClock())
    assert [(level, sentence) for name, level, sentence in found if name == "zone data"] == [
        ("fail", "there is no zone Mars/Olympus: install tzdata"),
        ("ok", "UTC is known"),
    ]


def test_a_zone_whose_file_cannot_be_read_fails_by_its_fault(tmp_path: Path) -> None:
    unreadable = tmp_path / "zones/Mars/Tharsis"
    unreadable.parent.mkdir(parents=True)
    unreadable.symlink_to("/proc/self/mem")  # a regular file whose first byte is an I/O error
    kept = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([str(tmp_path / "zones"), *kept])
    try:
        found = examine(tmp_path / "state", zones=("Mars/Tharsis",), clock=SystemClock())
    finally:
        zoneinfo.reset_tzpath(kept)
    assert ("zone data", "fail") in [(name, level) for name, level, _ in found]
    (sentence,) = (s for name, level, s in found if (name, level) == ("zone data", "fail"))
    assert sentence.startswith("T1003 the data of the time zone Mars/Tharsis cannot be read")


@pytest.mark.parametrize("year", [1970, 2199])
def test_a_clock_in_another_century_fails(tmp_path: Path, year: int) -> None:
    assert levels(tmp_path, clock=FixedClock(datetime(year, 1, 1, tzinfo=UTC)))["clock"] == "fail"


@pytest.mark.row("f15")
def test_f15_a_clock_that_was_set_back_fails(tmp_path: Path) -> None:
    (tmp_path / "state.db").touch(0o600)
    assert levels(tmp_path, clock=FixedClock(datetime(2025, 1, 1, tzinfo=UTC)))["clock"] == "fail"
