"""The stories of `puntual drill`: what goes wrong when, and how the bank is watched meanwhile."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

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
    All is delivered at 02:00; at 09:00 a branch sends two lines more; by 11:00 they tie.

    The core system knows nothing of these lines first, so the next version is held; once it has
    posted them, version 2 replaces version 1.
    """
    stage.go("21:00")
    stage.events()
    stage.go("01:59", MORNING)
    stage.watch("02:30", MORNING, every=0, again=AGAIN)
    stage.go("09:00", MORNING)
    _longer_branch_file(stage)
    day = DAY.isoformat()
    amend = ("amend", "-r", "credit_daily", "-d", day)
    stage.command("run", "-d", day)
    stage.command(*amend, "--reason", "branch 014 sent more", "--yes")
    stage.go("11:00", MORNING)
    _posted(stage)
    stage.command("run", "-d", day)
    stage.command(*amend, "--reason", "branch 014 sent more", "--yes")


STORIES: Mapping[str, Callable[[Stage], None]] = {
    "silent-source": silent_source,
    "wrong-total": wrong_total,
    "warehouse-down": warehouse_down,
    "half-volume": half_volume,
    "late-data": late_data,
}


_BRANCH = f"branch_{DAY:%Y%m%d}_014.csv"


def _longer_branch_file(stage: Stage) -> None:
    path = stage.root / "inbox" / _BRANCH
    text = path.read_bytes()
    _, first, *others = text.splitlines(keepends=True)
    folio, _, rest = first.partition(b";")
    numbers = (len(others) + 2, len(others) + 3)
    more = b"".join(folio[:-4] + b"%04d;" % number + rest for number in numbers)
    path.write_bytes(text + (b"" if text.endswith(b"\n") else b"\r\n") + more)
    stage.say("source", "branch 014 sends its file again, with two lines more")


def _posted(stage: Stage) -> None:
    """Have the core system post the two lines, and the branches vouch for them."""
    path = stage.root / "inbox" / _BRANCH
    fields = path.read_text(encoding="latin-1").splitlines()[-1].split(";")
    credit, more = fields[3], 2 * Decimal(fields[6].replace(".", "").replace(",", "."))
    with closing(sqlite3.connect(stage.root / "data/core.db")) as core, core:
        day = {"day": DAY.isoformat(), "credit": credit}
        asked = (
            "SELECT product, day_movement, balance FROM credits"
            " WHERE snapshot_date = :day AND credit_id = :credit"
        )
        product, moved, balance = core.execute(asked, day).fetchone()
        set_to = (
            "UPDATE credits SET day_movement = :moved, balance = :balance"
            " WHERE snapshot_date = :day AND credit_id = :credit"
        )
        amounts = {"moved": _plus(moved, more), "balance": _plus(balance, more)}
        core.execute(set_to, day | amounts)
        where = "WHERE snapshot_date = :day AND product = :product"
        of = {"day": day["day"], "product": product}
        (whole,) = core.execute(f"SELECT balance FROM ledger {where}", of).fetchone()
        to = of | {"balance": _plus(whole, more)}
        core.execute(f"UPDATE ledger SET balance = :balance {where}", to)
    control = stage.root / f"control/branch_{DAY:%Y%m%d}.json"
    record = json.loads(control.read_text(encoding="utf-8"))
    for one in (record, record["parts"][_BRANCH]):
        one["count"] = str(int(one["count"]) + 2)
        one["sums"]["amount"] = _plus(one["sums"]["amount"], more)
    control.write_text(json.dumps(record), encoding="utf-8")
    stage.say("source", "the core system posts the two lines, and the branches vouch for them")


def _plus(text: str, more: Decimal) -> str:
    return f"{Decimal(text) + more:f}"
