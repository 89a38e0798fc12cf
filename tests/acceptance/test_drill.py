"""A bad night on a copy of the example: seen hours before, delivered in part, then replaced."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.small import Ran

from puntual.cli.stories import STORIES


def _drill(*arguments: str) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "puntual.cli.main", "drill", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.timeout(600)
@pytest.mark.row("f70", "f76")
def test_a_silent_source_is_told_before_the_run_and_delivered_in_part_then_in_full(
    tmp_path: Path,
) -> None:
    played = _drill("silent-source", "--into", str(tmp_path / "bank"), "--json")
    assert played.code == 0, played.err
    timeline: Any = played.data["timeline"]
    told = [m for m in timeline if m["who"] == "notice"]
    behind = next(m for m in told if m["what"].startswith("BEHIND · credit_daily 2026-11-12"))
    assert behind["at"] < "2026-11-12T09:00:00+00:00"  # 23 hours before its run
    assert "card_events silent since" in behind["what"]
    deliveries: Any = played.data["deliveries"]
    credit = [d for d in deliveries if d["report"] == "credit_daily"]
    assert [(d["state"], d["completeness"]) for d in credit] == [
        ("superseded", "partial"),
        ("sent", "full"),
    ]
    assert credit[0]["timeliness"] == "on_time"
    assert credit[0]["sent_at"] <= "2026-11-13T12:45:00+00:00"  # 15 minutes before it is due
    opened = {m["what"].split(" · ")[1] for m in told if " · " in m["what"]}
    assert {what.split()[1] for what in opened} <= {"2026-11-12"}


@pytest.mark.timeout(600)
def test_late_lines_are_held_until_they_tie_and_then_replace_what_was_delivered(
    tmp_path: Path,
) -> None:
    played = _drill("late-data", "--into", str(tmp_path / "bank"), "--json")
    assert played.code == 0, played.err
    deliveries: Any = played.data["deliveries"]
    credit = [d for d in deliveries if d["report"] == "credit_daily"]
    assert [(d["version"], d["state"]) for d in credit] == [(1, "superseded"), (2, "sent")]
    timeline: Any = played.data["timeline"]
    amended = [m["what"][-8:] for m in timeline if "puntual amend" in m["what"]]
    assert amended == ["(exit 1)", "(exit 0)"]
    # Who amends reads it there and then, and what was sent stands: nobody else is told.
    assert [m for m in timeline if m["who"] == "notice"] == []


def test_the_stories_are_listed_and_another_is_refused() -> None:
    listed = _drill("list")
    assert [line.split()[0] for line in listed.out.splitlines()] == list(STORIES)
    wrong = _drill("silent-sauce")
    assert (wrong.code, "silent-source" in wrong.err) == (2, True)
