"""`puntual doctor`, and the quick part of it that a run begins with."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from support.small import (
    CALENDAR,
    DAY,
    SETTINGS,
    good_day,
    puntual,
    run_day,
    write_project,
)

from puntual.local.fitness import folder_fault

NOBODY = 65534


def _levels(root: Path, *more: str) -> dict[str, tuple[str, str]]:
    answers = puntual(root, "doctor", "--json", *more).data["answers"]
    assert isinstance(answers, list)
    found: dict[str, tuple[str, str]] = {}
    for answer in answers:
        worst = found.get(answer["about"], ("ok", ""))
        if worst[0] == "ok":
            found[answer["about"]] = (answer["level"], answer["sentence"])
    return found


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = good_day(tmp_path_factory.mktemp("sent"))
    assert run_day(root).code == 0
    return root


@pytest.fixture
def root(sent: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sent, tmp_path / "project"))


def test_everything_is_looked_at_and_nothing_fails_on_a_fit_machine(root: Path) -> None:
    found = _levels(root)
    assert {level for level, _ in found.values()} <= {"ok", "warn"}
    assert {
        "run",
        "zone data",
        "calendar mx-test",
        "report payments_daily",
        "source payments",
        "warehouse duckdb",
        "commit log",
        "litter",
    } <= found.keys()


@pytest.mark.row("f11")
@pytest.mark.parametrize(
    "pattern",
    ["inbox/{reference_date:%Y%m%d}/pay*.csv", "inbox/pay*.csv", "inbox/[pq]{reference_date}.csv"],
)
def test_a_drop_whose_folder_is_not_there_is_said_wherever_the_date_stands_in_its_pattern(
    tmp_path: Path, pattern: str
) -> None:
    settings = SETTINGS.replace("inbox/payments_{reference_date:%Y%m%d}*.csv", pattern)
    write_project(tmp_path, **{"puntual.yaml": settings})
    assert _levels(tmp_path)["source payments"] == ("warn", "folder inbox/ does not exist yet")
    (tmp_path / "inbox").mkdir()
    assert _levels(tmp_path)["source payments"] == ("ok", "folder inbox/ can be read")


@pytest.mark.row("f11")
def test_a_folder_that_is_none_stops_the_run_before_anything_is_landed(tmp_path: Path) -> None:
    good_day(tmp_path)
    (tmp_path / "evidence").write_text("a file in the way")
    assert _levels(tmp_path)["run"][0] == "fail"
    ran = run_day(tmp_path)
    assert (ran.code, ran.err.split()[0]) == (3, "T1002")
    assert not list((tmp_path / ".puntual/lake/raw").rglob("*.csv"))
    assert "T1002" in puntual(tmp_path, "status").out


@pytest.mark.row("f11")
def test_a_destination_that_is_no_folder_fails_here_though_a_run_only_warns_of_it(
    tmp_path: Path,
) -> None:
    good_day(tmp_path)
    (tmp_path / "out").write_text("a file in the way")
    level, sentence = _levels(tmp_path)["run"]
    assert (level, sentence.split()[0]) == ("fail", "D1001")
    assert puntual(tmp_path, "doctor").code == 3


@pytest.mark.row("f11")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to be denied")
def test_a_folder_of_another_owner_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o755)
    for path in (tmp_path, *tmp_path.parents):
        if path != Path("/") and path.owner() == "root":
            path.chmod(path.stat().st_mode | 0o011)
    child = os.fork()
    if child == 0:  # pragma: no cover - in a process of its own
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        fault = folder_fault(folder / "lake")
        os._exit(0 if fault is not None and fault.code == "T1002" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.row("f15", "f16")
def test_a_clock_that_was_set_back_stops_the_run(root: Path) -> None:
    later = (datetime.now(UTC) + timedelta(hours=3)).timestamp()
    os.utime(root / ".puntual/journal.db", (later, later))
    level, sentence = _levels(root)["run"]
    assert (level, sentence.split()[0]) == ("fail", "T1005")
    ran = run_day(root, day="2026-03-03", as_of="2026-03-04T05:00:00-06:00")
    assert (ran.code, ran.err.split()[0]) == (3, "T1005")


@contextmanager
def _service(ahead: timedelta) -> Iterator[str]:
    """Serve an HTTP `Date` that is so far ahead, on the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(204)
            at = datetime.now(UTC) + ahead
            self.send_header("Date", format_datetime(at, usegmt=True))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.row("f16")
@pytest.mark.parametrize(
    ("ahead", "level"), [((0, 0), "ok"), ((20, 21), "warn"), ((90, 91), "fail"), ((0, 90), "warn")]
)
def test_the_clock_is_compared_with_services_that_somebody_named(
    root: Path, ahead: tuple[int, int], level: str
) -> None:
    first, second = (timedelta(seconds=s) for s in ahead)
    with _service(first) as one, _service(second) as two:
        found = _levels(root, "--clock-service", one, "--clock-service", two)
    assert found["clock services"][0] == level, found["clock services"]


@pytest.mark.row("f16")
def test_one_service_alone_proves_nothing(root: Path) -> None:
    with _service(timedelta()) as one:
        found = _levels(root, "--clock-service", one, "--clock-service", "http://127.0.0.1:9/")
    assert found["clock services"] == ("warn", "1 of 2 services answered, 2 must agree")


@pytest.mark.row("f18")
def test_a_calendar_that_ends_before_the_next_due_date_is_a_warning(tmp_path: Path) -> None:
    write_project(tmp_path)
    found = _levels(tmp_path, "--as-of", "2026-12-31T12:00:00-06:00")
    assert found["report payments_daily"][0] == "warn"
    assert "C1502" in found["report payments_daily"][1]
    assert found["calendar mx-test"][0] == "warn"
    ended = CALENDAR.replace('"2026-12-31"', '"2026-03-31"')
    (tmp_path / "calendars/mx-test.yaml").write_text(ended)
    found = _levels(tmp_path, "--as-of", "2026-04-02T12:00:00-06:00")
    assert found["calendar mx-test"][0] == "fail"


@pytest.mark.row("f8")
def test_a_state_file_that_says_something_else_than_the_log_is_found(root: Path) -> None:
    with sqlite3.connect(root / ".puntual/state.db") as db:
        db.execute("UPDATE pointers SET manifest = ? WHERE name LIKE 'load:%'", ("0" * 64,))
    db.close()
    assert _levels(root)["commit log"][0] == "fail"
    (root / ".puntual/state.db").unlink()
    assert puntual(root, "status").code == 0
    assert _levels(root)["commit log"][0] == "ok"


def test_a_warehouse_that_does_not_open_is_found(root: Path) -> None:
    (root / ".puntual/warehouse.duckdb").write_bytes(b"no database" * 1000)
    assert _levels(root)["warehouse duckdb"][0] == "fail"
    assert puntual(root, "doctor").code == 3


@pytest.mark.row("f3")
def test_a_disk_without_room_for_a_day_like_the_last_stops_the_run(root: Path) -> None:
    """The last days are said to have taken more than any disk has."""
    ran = _run_with_days_of(root, 1 << 60)
    # By the machine's own clock: before its calendar ends, a run warns of that first.
    said = [line for line in ran.stderr.splitlines() if not line.startswith("puntual: warning: ")]
    assert (ran.returncode, said[0].split()[0]) == (3, "T1004"), ran.stderr
    warned = _run_with_days_of(root, shutil.disk_usage(root).free // 2)
    assert "disk space may become short" in warned.stdout, warned.stderr


def _run_with_days_of(root: Path, size: int) -> subprocess.CompletedProcess[str]:
    hook = (
        "from puntual.cli import fit\n"
        "from puntual.cli.main import main\n"
        f"fit.day_bytes = lambda store: {size}\n"
        f"raise SystemExit(main(['-C', {str(root)!r}, 'run', '-d', {DAY!r}]))\n"
    )
    return subprocess.run([sys.executable, "-c", hook], capture_output=True, text=True, check=False)
