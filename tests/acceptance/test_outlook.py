"""What lies ahead of an open delivery: when it is done, how likely a miss, until when to decide."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.partial import approve, partial_project, send_payments
from support.small import DAY, drop, puntual, run_day, write_project

from puntual.local.journal import SqliteJournal
from puntual.model.delivery import Completeness, Delivery, DeliveryId, State, Timeliness
from puntual.ports.journal import StepEvent

REPORT = "payments_daily"
EARLY = "2026-03-03T05:00:00-06:00"
TOOK = {
    "land:payments": 60,
    "curate:payments": 30,
    "decide:payments_daily": 5,
    "report:payments_daily": 20,
    "attest:payments_daily": 5,
    "deliver:payments_daily": 10,
}
"""Seconds that the steps of the first earlier day took; each later one is a second slower."""


def _earlier_days(root: Path, numbers: range) -> None:
    """Write earlier days into the journal, as their runs would have."""
    with closing(SqliteJournal(root / ".puntual/journal.db")) as journal:
        for number in numbers:
            day = date(2026, 2, 2) + timedelta(days=number)
            at = datetime(2026, 2, 3, 8, tzinfo=UTC) + timedelta(days=number)
            for step, seconds in TOOK.items():
                journal.record(
                    StepEvent(
                        run=f"r{number}",
                        reference_date=day,
                        step=step,
                        outcome="done",
                        seconds=float(seconds + number),
                        at=at,
                        summary="",
                        facts={},
                    )
                )
            journal.save(
                Delivery(
                    id=DeliveryId(report=REPORT, reference_date=day, version=1),
                    state=State.SENT,
                    completeness=Completeness.FULL,
                    timeliness=Timeliness.ON_TIME,
                    due_at=at + timedelta(hours=5),
                    sent_at=at + timedelta(minutes=3),
                )
            )


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day whose cards are absent, before the moment to decide."""
    root = partial_project(tmp_path_factory.mktemp("bank"))
    send_payments(root)
    approve(root)
    assert run_day(root, as_of=EARLY).code == 6
    _earlier_days(root, range(4))  # after the run: deliveries without a commit log are V1003
    return root


def test_with_fewer_than_five_days_there_is_no_history_and_nothing_is_guessed(
    waiting: Path,
) -> None:
    explained = puntual(waiting, "explain", REPORT, "-d", DAY, "--as-of", EARLY)
    assert "  forecast  no history (4 of 5 days)" in explained.out
    assert "forecast: no history (4 of 5 days)" in puntual(waiting, "status", "--as-of", EARLY).out


def test_decide_by_is_due_less_p95_of_what_is_left_less_the_reserve_and_explain_says_so(
    waiting: Path,
) -> None:
    _earlier_days(waiting, range(4, 5))  # 154 s, 56 s of them from the decision on
    status = puntual(waiting, "status", "--as-of", EARLY)
    assert (
        "   if all is there now: done 05:02–05:02; 0 % missed, from 5 days; decide by 06:44"
        in status.out
    )
    explained = puntual(waiting, "explain", REPORT, "-d", DAY, "--as-of", EARLY)
    assert explained.code == 1, explained.err
    assert "the steps left take 142 s, p95 154 s" in explained.out
    assert "  forecast  done 05:02 (05:02–05:02) if all is there now" in explained.out
    assert "  miss      0 % missed, from 5 days" in explained.out
    assert (
        "  decide by 06:44 = due 07:00 − 56 s (p95 from the decision to the delivery) − 15 min "
        "reserve"
    ) in explained.out
    assert "a policy decides by itself at 06:26 CST" in explained.out
    assert "What happens next: at 06:26 CST the policy decides" in explained.out


def test_a_minute_before_the_deadline_a_miss_is_likely(waiting: Path) -> None:
    late = "2026-03-03T06:57:40-06:00"
    data = puntual(waiting, "explain", REPORT, "-d", DAY, "--as-of", late, "--json").data
    outlook = data["outlook"]
    assert isinstance(outlook, dict)
    assert outlook["forecast"]["miss"] == "3/5"
    stands = puntual(waiting, "status", "--as-of", late, "--json").data["deliveries"]
    assert isinstance(stands, list)
    assert stands[0]["timeliness"] == "at_risk"


def test_after_the_deadline_nothing_is_foretold(waiting: Path) -> None:
    after = "2026-03-03T07:30:00-06:00"
    explained = puntual(waiting, "explain", REPORT, "-d", DAY, "--as-of", after)
    assert "forecast" not in explained.out


def test_status_says_on_request_how_each_source_of_an_open_day_stands(waiting: Path) -> None:
    told = puntual(waiting, "status", "--arrivals", "--as-of", EARLY)
    assert f" arrivals of {DAY}\n   cards no history\n   payments no history\n" in told.out
    data = puntual(waiting, "status", "--arrivals", "--as-of", EARLY, "--json").data["arrivals"]
    assert isinstance(data, dict)
    assert data[DAY][0] == {
        "source": "cards",
        "verdict": "no history",
        "sentence": "cards no history",
    }
    assert puntual(waiting, "status", "--as-of", EARLY, "--json").data["arrivals"] == {}


def test_status_guesses_why_a_file_source_falls_short_from_its_own_history(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    days = [date(2026, 2, n) for n in (18, 19, 20, 23, 24, 25, 26, 27)]
    for day in (*days, date.fromisoformat(DAY)):
        for branch in ("_n", "_s", "_w")[: 2 if day.isoformat() == DAY else 3]:
            rows = (f"{branch}{n};c1;1.00;{day.isoformat()}" for n in range(20))
            drop(root, tuple(rows), day=day.isoformat(), suffix=branch)
        evening = f"{day.isoformat()}T18:00:00-06:00"
        assert puntual(root, "land", "-d", day.isoformat(), "--as-of", evening).code == 0
    asked = ("status", "--arrivals", "--as-of", f"{DAY}T20:00:00-06:00")
    assert (
        f" arrivals of {DAY}\n   payments missing file=inbox/payments_*_w.csv: 40 records, "
        "66 % of a usual day; usual by now 32 to 88 (7 business days of any weekday)\n"
    ) in puntual(root, *asked).out
    drop(root, tuple(f"w{n};c1;1.00;{DAY}" for n in range(20)), suffix="_w")
    at_last = f"{DAY}T20:05:00-06:00"
    assert puntual(root, "land", "-d", DAY, "--as-of", at_last).code == 0
    asked = (*asked[:-1], at_last)
    assert f" arrivals of {DAY}: every source is on its way\n" in puntual(root, *asked).out
