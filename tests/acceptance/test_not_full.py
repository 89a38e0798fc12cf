"""A report that was sent partial, or by plan B, is told once, and open until it is replaced."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.partial import REPORT, approve, partial_project, send_cards, send_payments
from support.small import DAY, puntual, run_day

from puntual.local.notices import SqliteNotices
from puntual.model.notice import Obligation

DECIDED, LATER = "2026-03-03T06:50:00-06:00", "2026-03-03T11:00:00-06:00"
OPENED, RESOLVED = ("not_full", "Opened"), ("not_full", "Resolved")
ROUTE = "notices:\n  desk: {severity: [warn], audience: [operations], file: desk.jsonl}\n"
TITLE = f"SENT PARTIAL · {REPORT} {DAY} · due 2026-03-03 07:00 CST"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A day without its cards, that an approved policy sends all the same; operators are told."""
    partial_project(tmp_path)
    with (tmp_path / "puntual.yaml").open("a") as settings:
        settings.write(ROUTE)
    send_payments(tmp_path)
    approve(tmp_path)
    return tmp_path


def _told(root: Path) -> list[tuple[str, str]]:
    """Return (cause, type) of what the operators were told, in order."""
    bodies = [json.loads(line) for line in (root / "desk.jsonl").read_text().splitlines()]
    return [(body["data"]["cause"], body["type"].removeprefix("Notice.")) for body in bodies]


def _text(root: Path) -> str:
    return str(json.loads((root / "desk.jsonl").read_text().splitlines()[0])["data"]["text"])


@pytest.mark.row("f33", "f73")
def test_operators_hear_that_a_report_went_out_partial_and_when_it_is_replaced_in_full(
    root: Path,
) -> None:
    partial = run_day(root, as_of=DECIDED)
    assert partial.code == 4, partial.out + partial.err
    assert _told(root) == [OPENED]
    title, missing, follows, ask = _text(root).splitlines()
    assert title == TITLE
    assert missing.startswith("P2002 cards sent nothing")
    assert follows == "it is replaced in full as soon as it can be"
    assert ask.endswith(f"puntual explain {REPORT} -d {DAY}")

    assert run_day(root, as_of=LATER).code == 4  # looked at again: nothing came, nobody is told
    assert _told(root) == [OPENED]
    send_cards(root)
    full = run_day(root, as_of=LATER)
    assert full.code == 0, full.out + full.err
    assert _told(root) == [OPENED, RESOLVED]


def test_a_partial_report_that_its_receiver_accepts_is_still_not_full(root: Path) -> None:
    assert run_day(root, as_of=DECIDED).code == 4
    accepted = puntual(
        root, "ack", REPORT, "-d", DAY, "--status", "accepted", "--id", "1", "--as-of", LATER
    )
    assert accepted.code == 0, accepted.err
    assert _told(root) == [OPENED]
    send_cards(root)
    assert run_day(root, as_of=LATER).code == 0
    assert _told(root) == [OPENED, RESOLVED]


def test_what_a_run_that_died_after_it_sent_could_not_tell_the_next_one_tells(root: Path) -> None:
    """As if it had died: its notice is taken back, and nobody was told."""
    (root / "puntual.yaml").write_text((root / "puntual.yaml").read_text().replace(ROUTE, ""))
    assert run_day(root, as_of=DECIDED).code == 4
    with closing(SqliteNotices(root / ".puntual/journal.db")) as notices:
        obligation = Obligation(report=REPORT, reference_date=date.fromisoformat(DAY))
        (notice,) = notices.open_ones(obligation)
        assert notices.resolve(obligation, notice.cause, datetime(2026, 3, 3, 13, tzinfo=UTC))
    with (root / "puntual.yaml").open("a") as settings:
        settings.write(ROUTE)
    assert run_day(root, as_of=LATER).code == 4
    assert _told(root) == [OPENED]


def test_a_report_of_plan_b_is_told_like_a_partial_one(root: Path) -> None:
    """Everything came, and the warehouse does not answer at the moment to decide."""
    send_cards(root)
    down = {"PUNTUAL_FAILPOINTS": "warehouse.begun=raise:PermanentError"}
    sent = run_day(root, as_of=DECIDED, env=down)
    assert sent.code == 4, sent.out + sent.err
    assert _told(root) == [OPENED]
    assert _text(root).startswith(TITLE.replace("PARTIAL", "EMERGENCY"))
    assert run_day(root, as_of=LATER).code == 0
    assert _told(root) == [OPENED, RESOLVED]
