"""A night of the watch on a simulated clock, and the real process: refused, stopped, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.small import REPORT, Ran, drop, good_day, puntual, vouch, write_project

from puntual.local.journal import SqliteJournal
from puntual.local.outbox import SqliteOutbox
from puntual.model.route import Posted

ROUTE = "notices:\n  record: {file: told.jsonl}\n"


def _watch(root: Path, begin: str, end: str, *more: str) -> Ran:
    """Watch from one wall-clock time in Mexico City to another, landing nothing before runs."""
    return puntual(
        root, "watch", "--as-of", f"2026-03-{begin}:00-06:00", "--until", f"2026-03-{end}:00-06:00",
        "--land-every", "0", *more,
    )  # fmt: skip


def _told(root: Path) -> list[tuple[str, str, str | None]]:
    """Return (cause, opened, resolved) of every notice, by wall clock."""

    def clock(posted: Posted) -> tuple[str, str, str | None]:
        notice = posted.notice
        ended = notice.resolved_at
        return notice.cause, f"{notice.opened_at:%H:%M}", f"{ended:%H:%M}" if ended else None

    with closing(SqliteOutbox(root / ".puntual/journal.db")) as outbox:
        return [clock(posted) for posted in reversed(outbox.history(20))]


def _state(root: Path) -> list[tuple[str, str]]:
    with closing(SqliteJournal(root / ".puntual/journal.db")) as journal:
        return [(d.state.value, d.timeliness.value) for d in journal.deliveries()]


@pytest.mark.row("f13")
def test_the_run_starts_at_its_hour_and_a_delivered_day_is_left_alone(tmp_path: Path) -> None:
    root = good_day(tmp_path)
    ran = _watch(root, "02T20:00", "03T07:30")
    assert ran.code == 0, ran.err
    lines = [line for line in ran.out.splitlines() if line.startswith("2026")]
    assert lines == [
        "2026-03-02 20:00 CST  watching small-bank",
        "2026-03-02 20:00 CST  nobody is told: puntual.yaml declares no route under 'notices'",
        "2026-03-03 02:00 CST  run 2026-03-02 starts",
        "2026-03-03 02:00 CST  run 2026-03-02 ended: delivered (0)",
        "2026-03-03 07:30 CST  the watch ends",
    ]
    assert _told(root) == []


@pytest.mark.row("f70", "f71")
def test_a_day_without_data_is_told_in_steps_and_delivered_late_when_it_comes(
    tmp_path: Path,
) -> None:
    """The watch is stopped and started in between, and loses nothing (instants in UTC)."""
    root = write_project(tmp_path)
    with (root / "puntual.yaml").open("a") as settings:
        settings.write(ROUTE)
    late = _watch(root, "03T06:20", "03T06:35")
    assert "run 2026-03-02 ended: held (1)" in late.out
    begun = _told(root)
    assert begun[0] == ("missed_start", "12:20", "12:20")  # it was due to start at 08:00 UTC
    assert {cause for cause, _, ended in begun if ended is None} == {"held", "at_risk"}
    _watch(root, "03T06:58", "03T07:05")
    assert {cause for cause, _, ended in _told(root) if ended is None} == {"held", "missed"}
    drop(root)
    vouch(root, 4, "330.35")
    last = _watch(root, "03T08:10", "03T08:11")
    assert "delivered late (5)" in last.out
    assert _state(root)[-1] == ("sent", "late")
    assert [cause for cause, _, ended in _told(root) if ended is None] == []
    assert len(_told(root)) == 4  # one of each cause, never a second


def test_a_report_that_is_due_long_after_its_date_is_watched_up_to_its_due_day(
    tmp_path: Path,
) -> None:
    """Of March, due on the 30th business day of the test's calendar after it: 12 May."""
    monthly = REPORT.replace("business_days_after: 1", "business_days_after: 30").replace(
        "calendar: mx-test\n", 'calendar: mx-test\ncadence: month_end\nowed_from: "2026-03-31"\n'
    )
    root = write_project(tmp_path, **{"reports/payments_daily/report.yaml": monthly})
    ran = puntual(
        root, "watch", "--as-of", "2026-05-12T01:00:00-06:00", "--until",
        "2026-05-12T07:05:00-06:00", "--land-every", "0", "--run-every", "600",
    )  # fmt: skip
    assert "run 2026-03-31 starts" in ran.out
    assert {cause for cause, _, ended in _told(root) if ended is None} == {"held", "missed"}


def test_a_calendar_that_has_ended_is_told_by_the_watch_and_by_status(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    end = ("--as-of", "2027-01-03T12:00:00-06:00")
    puntual(root, "watch", *end, "--once", "--land-every", "0")
    assert [(cause, ended) for cause, _, ended in _told(root)] == [("calendar_ended", None)]
    assert (
        "payments_daily  its calendar ends before it is due again"
        in puntual(root, "status", *end).out
    )


@pytest.mark.row("f12")
def test_a_second_watch_is_refused_and_a_stopped_or_killed_one_leaves_nothing(
    tmp_path: Path,
) -> None:
    root = write_project(tmp_path)
    first = _start(root)
    try:
        second = puntual(root, "watch", "--once")
        assert (second.code, "T2003" in second.err) == (3, True)
        assert f"process {first.pid}" in second.err
        assert "One watch is enough" in second.err
    finally:
        first.send_signal(signal.SIGTERM)
    out, _ = first.communicate(timeout=60)
    assert (first.returncode, "the watch ends" in out) == (0, True)

    again = _start(root)
    again.kill()
    again.communicate(timeout=60)
    assert puntual(root, "watch", "--once").code == 0


def test_in_the_background_it_writes_its_words_into_a_file(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    began = puntual(root, "watch", "--daemon")
    assert (began.code, "watch.log" in began.err) == (0, True)
    refused = puntual(root, "watch", "--once")
    pid = int(refused.err.split("process ", 1)[1].split()[0])
    os.kill(pid, signal.SIGTERM)
    log = root / ".puntual/watch.log"
    end = time.monotonic() + 60
    while "the watch ends" not in log.read_text() and time.monotonic() < end:
        time.sleep(0.1)
    assert "watching small-bank" in log.read_text()
    assert "the watch ends" in log.read_text()


def test_a_simulated_clock_needs_an_end(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    ran = puntual(root, "watch", "--as-of", "2026-03-03T02:00:00-06:00")
    assert (ran.code, "--until or --once" in ran.err) == (2, True)


def _start(root: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "puntual.cli.main", "-C", str(root), "watch"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert "watching" in process.stdout.readline()
    return process
