"""A zone that is not there is the project's fault; one that cannot be read is the machine's."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from core.project.base import FILES, write

from puntual.errors import PermanentError, ProjectError
from puntual.project.read import lint
from puntual.project.zones import is_zone, zone

UNREADABLE = "/proc/self/mem"
"""A regular file that opens; reading its first byte is an input/output error."""


@pytest.fixture
def zones(tmp_path: Path) -> Iterator[Path]:
    """Lend a folder in which zone files are looked for first."""
    kept = zoneinfo.TZPATH
    folder = tmp_path / "zoneinfo"
    (folder / "Mars").mkdir(parents=True)
    zoneinfo.reset_tzpath([str(folder), *kept])
    yield folder
    zoneinfo.reset_tzpath(kept)


def test_a_zone_file_that_cannot_be_read_is_a_technical_fault_that_names_it(zones: Path) -> None:
    (zones / "Mars/Elysium").symlink_to(UNREADABLE)
    with pytest.raises(PermanentError) as raised:
        zone("Mars/Elysium")
    fault = raised.value
    assert str(fault) == "T1003 the data of the time zone Mars/Elysium cannot be read"
    assert fault.observed == "Input/output error"


def test_a_zone_file_that_could_not_be_read_once_is_looked_at_again(zones: Path) -> None:
    (zones / "Mars/Hellas").symlink_to(UNREADABLE)
    with pytest.raises(PermanentError):
        is_zone("Mars/Hellas")
    (zones / "Mars/Hellas").unlink()
    (zones / "Mars/Hellas").write_bytes(files("tzdata").joinpath("zoneinfo/UTC").read_bytes())
    assert is_zone("Mars/Hellas")


def test_a_project_is_not_called_wrong_for_a_zone_file_that_cannot_be_read(
    tmp_path: Path, zones: Path
) -> None:
    (zones / "Mars/Arcadia").symlink_to(UNREADABLE)
    settings = FILES["puntual.yaml"].replace("America/Mexico_City", "Mars/Arcadia")
    assert "time_zone: Mars/Arcadia" in settings
    with pytest.raises(PermanentError) as raised:
        lint(write(tmp_path / "project", {**FILES, "puntual.yaml": settings}))
    assert raised.value.code == "T1003"


@pytest.mark.parametrize(
    "name", ["America", "Mars/Olympus", "UTC/Olympus", "../UTC", "", "X" * 5000]
)
def test_a_name_without_a_zone_file_is_the_fault_of_the_project(name: str) -> None:
    assert not is_zone(name)
    with pytest.raises(ProjectError) as raised:
        zone(name)
    assert raised.value.code == "C1015"
