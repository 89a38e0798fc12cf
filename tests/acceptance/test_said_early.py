"""What does not answer is said at once, and is not waited for; what is said is true."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.small import (
    AS_OF,
    CALENDAR,
    CORE_CONTRACT,
    DAY,
    SETTINGS,
    drop,
    good_day,
    puntual,
    run_day,
    vouch,
    write_project,
)

CORE = """\
  core: {kind: database, connection: env:CORE_DB, query: SELECT 1 AS id, control: snapshot}
models:
"""
STEPS = "run: {steps: {land: {timeout: 6, retries: 1, interval: 1}}}\n"


@pytest.fixture
def silent() -> Iterator[dict[str, str]]:
    """A database whose port accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield {"CORE_DB": f"postgresql://u:p@127.0.0.1:{server.getsockname()[1]}/x"}


def _with_core(root: Path) -> Path:
    settings = SETTINGS.replace("models:\n", CORE) + STEPS
    write_project(root, **{"puntual.yaml": settings, "contracts/core.odcs.yaml": CORE_CONTRACT})
    drop(root)
    vouch(root, 4, "330.35")
    return root


def test_doctor_waits_ten_seconds_for_a_database_that_never_answers(
    tmp_path: Path, silent: dict[str, str]
) -> None:
    began = time.monotonic()
    ran = puntual(_with_core(tmp_path), "doctor", "--as-of", AS_OF, env=silent)
    assert time.monotonic() - began < 60
    assert ran.code == 3
    assert "✗ source core" in ran.out
    assert "nothing within 10 s" in ran.out
    assert "✓ commit log" in ran.out


def test_a_run_says_at_once_that_a_database_does_not_answer(
    tmp_path: Path, silent: dict[str, str]
) -> None:
    ran = run_day(_with_core(tmp_path), env=silent)
    assert ran.code == 3, ran.out + ran.err
    first = ran.err.splitlines()[0]
    assert first.startswith("puntual: warning: source core: it does not answer: nothing within 4 s")


def test_a_run_says_that_its_calendar_ends_soon(tmp_path: Path) -> None:
    good_day(tmp_path)
    ends = CALENDAR.replace("2026-12-31", "2026-03-31")
    (tmp_path / "calendars/mx-test.yaml").write_text(ends)
    ran = run_day(tmp_path)
    assert ran.code == 0, ran.err
    assert "warning: calendar mx-test: valid until 2026-03-31, 28 days" in ran.err


def test_a_run_of_a_right_project_warns_of_nothing(tmp_path: Path) -> None:
    ran = run_day(good_day(tmp_path))
    assert (ran.code, "warning" in ran.err) == (0, False)


@pytest.mark.parametrize("kind", ["a pipe, a socket or a device", "a symbolic link"])
def test_a_control_record_that_is_no_file_holds_and_is_named(tmp_path: Path, kind: str) -> None:
    good_day(tmp_path)
    place = tmp_path / "control/payments_20260302.json"
    place.unlink()
    if kind == "a symbolic link":
        place.symlink_to(place.name)
    else:
        os.mkfifo(place)
    ran = run_day(tmp_path)
    assert ran.code == 1, ran.err
    assert f"S2020  control/payments_20260302.json is {kind}; it was not read" in ran.out
    assert "has not come" not in ran.out


@pytest.mark.row("f8")
def test_status_says_that_the_log_is_not_what_was_recorded(tmp_path: Path) -> None:
    assert run_day(good_day(tmp_path)).code == 0
    sorted((tmp_path / ".puntual/state.commits").glob("*.json"))[-1].unlink()
    said = puntual(tmp_path, "status", "--as-of", AS_OF)
    assert said.code == 3
    assert said.out.splitlines()[0].startswith(" ✗ V1003")
    assert "V1003" in said.err
    asked = puntual(tmp_path, "status", "--json", "--as-of", AS_OF)
    assert asked.code == 3
    assert [fault["code"] for fault in json.loads(asked.out)["data"]["faults"]] == ["V1003"]


@pytest.mark.row("f7")
@pytest.mark.parametrize("kind", ["report", "attest", "deliver"])
def test_a_run_does_not_call_done_what_it_cannot_read(tmp_path: Path, kind: str) -> None:
    assert run_day(good_day(tmp_path)).code == 0
    commits = sorted((tmp_path / ".puntual/state.commits").glob("*.json"))
    found = [
        pointer["sha256"]
        for path in commits
        for pointer in json.loads(path.read_text())["commit"]["pointers"]
        if pointer["name"] == f"{kind}:payments_daily/{DAY}"
    ]
    (tmp_path / f".puntual/lake/manifests/{found[-1]}.json").unlink()
    ran = run_day(tmp_path)
    assert ran.code == 3
    assert "V1001" in ran.err
    assert "nothing to do" not in ran.out
    assert "●  payments_daily" not in ran.out
    assert " ● payments_daily" not in ran.out
    assert "its record cannot be read: V1001" in ran.out


def test_the_package_is_a_command() -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "puntual", "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "doctor" in done.stdout) == (0, True)
