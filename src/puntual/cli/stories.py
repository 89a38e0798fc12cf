"""The stories of `puntual drill`: what goes wrong when, and how the bank is watched meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from puntual.cli.stage import DAY, Stage

MORNING = DAY + timedelta(days=1)
EVERY, AGAIN, SELDOM = 120, 120, 300
"""Minutes between two landings, and two runs: rarer than by default, so that a drill is short."""


def silent_source(stage: Stage) -> None:
    """The card stream is silent from 20:00 on; what was missing comes after the deadline."""
    stage.control(gone=True)
    stage.say("source", "the card stream is silent since 20:00, and sends no control record")
    stage.watch("04:00", DAY, every=EVERY, again=AGAIN)
    stage.go("01:59", MORNING)
    stage.watch("07:30", MORNING, every=0, again=SELDOM)
    stage.rest()
    stage.control()
    stage.watch("08:40", MORNING, every=0, again=SELDOM)


def wrong_total(stage: Stage) -> None:
    """The control record says seven records more than there are; it is corrected at 05:20."""
    stage.go("21:00")
    stage.events()
    stage.control(wrong_by=7)
    stage.go("01:59", MORNING)
    stage.watch("05:20", MORNING, every=0, again=AGAIN)
    stage.control()
    stage.watch("07:30", MORNING, every=0, again=AGAIN)


def warehouse_down(stage: Stage) -> None:
    """The control record is late, and at 03:10, when it has come, the warehouse is down."""
    stage.go("21:00")
    stage.events()
    stage.control(gone=True)
    stage.go("01:59", MORNING)
    stage.watch("03:05", MORNING, every=0, again=70)
    stage.control()
    stage.go("03:09", MORNING)
    with stage.warehouse_down():
        stage.watch("04:00", MORNING, every=0, again=70)
    stage.watch("05:00", MORNING, every=0, again=70)


def half_volume(stage: Stage) -> None:
    """Half of the card events arrive all day; the others come at 05:30 in the morning."""
    stage.go("12:00")
    stage.events(until="12:00", share=50)
    stage.watch("13:00", DAY, every=EVERY, again=AGAIN)
    stage.go("01:59", MORNING)
    stage.watch("05:30", MORNING, every=0, again=AGAIN)
    stage.rest()
    stage.watch("07:30", MORNING, every=0, again=AGAIN)


def late_data(stage: Stage) -> None:
    """
    All is delivered at 02:00; at 09:00 a branch sends two lines more, and they are amended.

    The core system knows nothing of these lines, so the next version does not tie and is held.
    """
    stage.go("21:00")
    stage.events()
    stage.go("01:59", MORNING)
    stage.watch("02:30", MORNING, every=0, again=AGAIN)
    stage.go("09:00", MORNING)
    _longer_branch_file(stage)
    stage.command("run", "-d", DAY.isoformat())
    about = ("amend", "-r", "credit_daily", "-d", DAY.isoformat())
    stage.command(*about, "--reason", "branch 014 sent more", "--yes")


STORIES: Mapping[str, Callable[[Stage], None]] = {
    "silent-source": silent_source,
    "wrong-total": wrong_total,
    "warehouse-down": warehouse_down,
    "half-volume": half_volume,
    "late-data": late_data,
}


def _longer_branch_file(stage: Stage) -> None:
    path = stage.root / f"inbox/branch_{DAY:%Y%m%d}_014.csv"
    text = path.read_bytes()
    first = text.splitlines(keepends=True)[1]
    folio, _, rest = first.partition(b";")
    more = b"".join(folio + b"-" + number + b";" + rest for number in (b"8", b"9"))
    path.write_bytes(text + (b"" if text.endswith(b"\n") else b"\r\n") + more)
    stage.say("source", "branch 014 sends its file again, with two lines more")
