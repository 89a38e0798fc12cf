"""A run that its preflight refuses is on record, and told until a run comes past it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from support.small import AS_OF, DAY, SETTINGS, good_day, puntual, run_day

from puntual.local.outbox import SqliteOutbox

ROUTE = "notices:\n  record: {file: told.jsonl}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A day that is right, a folder that is none, and somebody to be told."""
    good_day(tmp_path)
    (tmp_path / "puntual.yaml").write_text(SETTINGS + ROUTE)
    (tmp_path / "evidence").write_text("a file in the way")
    return tmp_path


def _watch(root: Path, at: str, *more: str) -> None:
    """Watch from a wall-clock time of the due day on, landing nothing before runs."""
    ran = puntual(root, "watch", "--as-of", f"2026-03-03T{at}:00-06:00", "--land-every", "0", *more)
    assert ran.code == 0, ran.out + ran.err


def _told(root: Path) -> list[tuple[str, str]]:
    """Return (cause, type) of every message in the order in which it was sent."""
    bodies = [json.loads(line) for line in (root / "told.jsonl").read_text().splitlines()]
    return [(body["data"]["cause"], body["type"].removeprefix("Notice.")) for body in bodies]


def _open(root: Path) -> list[str]:
    with closing(SqliteOutbox(root / ".puntual/journal.db")) as outbox:
        return [p.notice.cause for p in outbox.history(20) if p.notice.resolved_at is None]


@pytest.mark.row("f11", "f73")
def test_a_refused_run_pages_at_its_hour_once_and_the_run_that_succeeds_resolves_it(
    root: Path,
) -> None:
    _watch(root, "01:55", "--until", "2026-03-03T02:22:00-06:00")
    assert _told(root) == [("T1002", "Opened")]
    (body,) = [json.loads(line)["data"] for line in (root / "told.jsonl").read_text().splitlines()]
    assert (body["severity"], body["audiences"]) == ("error", ["operations"])
    title, why, *_ = body["text"].splitlines()
    assert title == f"REFUSED · payments_daily {DAY} · due 2026-03-03 07:00 CST (5 h 00 min)"
    assert why.startswith("the run was not begun: T1002 ")
    (root / "evidence").unlink()
    assert run_day(root).code == 0
    assert _told(root) == [("T1002", "Opened"), ("T1002", "Resolved")]


def test_a_refused_run_that_nobody_started_by_a_watch_pages_as_well(root: Path) -> None:
    ran = run_day(root)
    assert (ran.code, "T1002" in ran.err) == (3, True)
    assert _told(root) == [("T1002", "Opened")]


def test_a_refused_run_of_a_day_that_was_sent_pages_nobody(root: Path) -> None:
    (root / "evidence").unlink()
    assert run_day(root).code == 0
    (root / "evidence").rename(root / "kept")
    (root / "evidence").write_text("a file in the way")
    assert run_day(root).code == 3
    assert not (root / "told.jsonl").exists()


def test_a_refusal_that_cannot_be_written_down_is_said_where_it_happens(root: Path) -> None:
    """The notices' file takes nothing, as on a disk that has become read-only."""
    hook = (
        "from puntual.cli.main import main\n"
        "from puntual.errors import PermanentError\n"
        "from puntual.local.notices import SqliteNotices\n"
        "def refuse(*arguments):\n"
        "    raise PermanentError('T1003', 'the disk does not answer')\n"
        "SqliteNotices.open = refuse\n"
        f"raise SystemExit(main(['-C', {str(root)!r}, 'run', '-d', {DAY!r}, '--as-of', {AS_OF!r}]))"
    )
    ran = subprocess.run([sys.executable, "-c", hook], capture_output=True, text=True, check=False)
    assert (ran.returncode, "T1002" in ran.stderr) == (3, True), ran.stderr
    assert "nobody can be told of T1002: T1003 the disk does not answer" in ran.stderr


@pytest.mark.row("f13")
def test_a_start_that_was_missed_is_told_once_however_often_the_run_is_refused_after_it(
    root: Path,
) -> None:
    """As cron does it: a watch of its own every five minutes, none of which remembers another."""
    for minute in ("00", "05", "10", "15", "20"):
        _watch(root, f"05:{minute}", "--once")
    assert sorted(_told(root)) == [
        ("T1002", "Opened"),
        ("missed_start", "Opened"),
        ("missed_start", "Resolved"),
    ]
    assert _open(root) == ["T1002"]


@pytest.mark.row("f13")
def test_a_run_that_was_refused_at_its_hour_did_start_for_a_watch_that_begins_later(
    root: Path,
) -> None:
    _watch(root, "01:55", "--until", "2026-03-03T02:05:00-06:00")
    _watch(root, "05:31", "--once")
    assert _told(root) == [("T1002", "Opened")]
