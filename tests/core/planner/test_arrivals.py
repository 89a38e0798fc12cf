"""A source that heads for less than usual is told of hours before the run; a usual one is not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from puntual.errors import ProjectError
from puntual.model.report import Calendar
from puntual.planner.arrivals import Assessment, Cause, Verdict, assess, completions
from puntual.planner.curve import Arrived, Curve, curve, day_class

CALENDAR = Calendar(
    name="c",
    source="s",
    published=date(2025, 12, 1),
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
    weekend=(6, 7),
    holidays=((date(2026, 3, 16), "closed"), (date(2026, 5, 1), "closed")),
)
HOURS = range(8, 20)
EVERY_HOUR = {hour * 60: 100 for hour in HOURS}
TODAY = date(2026, 3, 12)  # a Thursday


def made(day: date, counts: dict[int, int], **parts: dict[str, dict[int, int]]) -> Arrived:
    return Arrived(
        day=day,
        curve=curve(counts.items()),
        parts={
            dimension: {name: curve(one.items()) for name, one in values.items()}
            for dimension, values in parts.items()
        },
    )


def days_before(day: date, count: int, counts: dict[int, int] = EVERY_HOUR) -> list[Arrived]:
    """Return days of even volume, a little more or less each, and nothing on closed ones."""
    found = []
    for back in range(count, 0, -1):
        one = day - timedelta(days=back)
        is_open = one >= CALENDAR.valid_from and day_class(CALENDAR, one).open
        extra = back * 7 % 5
        found.append(made(one, {m: c + extra for m, c in counts.items()} if is_open else {}))
    return found


def at(minute: int, day: date = TODAY) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)


def until(minute: int) -> dict[int, int]:
    return {m: c for m, c in EVERY_HOUR.items() if m < minute}


def asked(today: dict[int, int], minute: int, history: list[Arrived] | None = None) -> Assessment:
    past = days_before(TODAY, 60) if history is None else history
    return assess(past, made(TODAY, today), at(minute), CALENDAR)


def test_a_usual_day_is_normal_at_every_minute() -> None:
    said = {asked(EVERY_HOUR, minute).verdict for minute in range(0, 1560, 10)}
    assert said == {Verdict.NORMAL}


def test_it_says_what_is_usual_by_now_and_how_much_has_come() -> None:
    found = asked(EVERY_HOUR, 15 * 60)
    assert found.received == 800
    assert found.low < 700 < found.mid < 730 < found.high
    assert found.basis == "8 Thursdays"
    assert found.share is not None
    assert Fraction(6, 10) < found.share < Fraction(7, 10)


def test_a_source_that_fell_silent_is_said_to_be_silent_within_hours() -> None:
    silent = until(12 * 60)
    assert asked(silent, 12 * 60).verdict is Verdict.NORMAL
    found = asked(silent, 14 * 60 + 30)
    assert (found.verdict, found.cause, found.alarm) == (Verdict.SILENT, Cause.SILENT, True)
    assert found.last == 11 * 60
    assert found.lag >= 180


def test_a_day_of_which_nothing_came_is_silent_long_before_its_end() -> None:
    assert asked({}, 7 * 60).verdict is Verdict.NORMAL
    assert asked({}, 11 * 60).verdict is Verdict.SILENT


@pytest.mark.row("f43")
def test_half_the_volume_is_behind_and_slow() -> None:
    found = asked({m: c // 2 for m, c in EVERY_HOUR.items()}, 15 * 60)
    assert (found.verdict, found.cause) == (Verdict.BEHIND, Cause.SLOW)


def test_a_late_start_is_told_apart_from_a_slow_one() -> None:
    late = {m + 240: c for m, c in EVERY_HOUR.items()}
    assert asked(late, 11 * 60).verdict is Verdict.SILENT
    found = asked(late, 15 * 60)
    assert (found.verdict, found.cause) == (Verdict.BEHIND, Cause.LATE_START)


def test_a_shard_that_is_missing_is_named() -> None:
    shards = {f"s{n}": dict.fromkeys(EVERY_HOUR, 25) for n in range(4)}
    past = [
        made(one.day, EVERY_HOUR, shard=shards) if one.curve.total else one
        for one in days_before(TODAY, 60)
    ]
    left = {name: counts for name, counts in shards.items() if name != "s2"}
    today = made(TODAY, dict.fromkeys(EVERY_HOUR, 75), shard=left)
    found = assess(past, today, at(12 * 60), CALENDAR)
    assert (found.verdict, found.cause) == (Verdict.PART_MISSING, Cause.PART_MISSING)
    assert found.missing == ("shard=s2",)


def test_records_of_another_form_are_said_to_be_a_change_of_schema() -> None:
    past = [
        made(one.day, EVERY_HOUR, schema={"v1": EVERY_HOUR}) if one.curve.total else one
        for one in days_before(TODAY, 60)
    ]
    changed = {"v1": until(600), "v2": {m: c for m, c in EVERY_HOUR.items() if m >= 600}}
    today = made(TODAY, EVERY_HOUR, schema=changed)
    assert assess(past, today, at(9 * 60 + 30), CALENDAR).verdict is Verdict.NORMAL
    found = assess(past, today, at(10 * 60), CALENDAR)
    assert (found.cause, found.missing) == (Cause.SCHEMA_CHANGED, ("schema=v2",))
    once = [*past[:-1], made(past[-1].day, EVERY_HOUR, schema={"v2": EVERY_HOUR})]
    assert assess(once, today, at(10 * 60), CALENDAR).cause is Cause.SCHEMA_CHANGED
    both = made(past[-2].day, EVERY_HOUR, schema={"v2": EVERY_HOUR})
    twice = [*past[:-2], both, once[-1]]
    assert assess(twice, today, at(10 * 60), CALENDAR).verdict is Verdict.NORMAL


def test_the_first_days_have_no_history_and_nothing_is_invented() -> None:
    for count in range(8):
        found = asked({}, 20 * 60, days_before(TODAY, count))
        assert found.verdict is Verdict.NO_HISTORY
        assert (found.mid, found.total, found.share, found.alarm) == (0, 0, None, False)
    assert asked({}, 20 * 60, days_before(TODAY, 9)).verdict is Verdict.SILENT


def test_a_closed_day_on_which_nothing_comes_is_normal() -> None:
    for day in (date(2026, 3, 14), date(2026, 3, 15), date(2026, 3, 16), date(2026, 5, 1)):
        found = assess(days_before(day, 70), made(day, {}), at(1200, day), CALENDAR)
        assert not found.alarm, day


def test_a_month_end_is_held_against_month_ends_and_not_against_other_days() -> None:
    end = date(2026, 6, 30)
    past = [
        made(one.day, {m: 40 * c for m, c in EVERY_HOUR.items()})
        if one.curve.total and day_class(CALENDAR, one.day).kind == "month end"
        else one
        for one in days_before(end, 170)
    ]
    usual_day = made(end, EVERY_HOUR)
    found = assess(past, usual_day, at(1200, end), CALENDAR)
    assert (found.verdict, found.basis) == (Verdict.BEHIND, "5 days (month end)")
    peak = made(end, {m: 40 * c for m, c in EVERY_HOUR.items()})
    assert not assess(past, peak, at(1200, end), CALENDAR).alarm
    after = date(2026, 7, 1)
    assert not assess([*past, peak], made(after, EVERY_HOUR), at(1200, after), CALENDAR).alarm


def test_a_month_end_without_its_like_is_not_judged_by_its_volume() -> None:
    end = date(2026, 1, 30)
    past = days_before(end, 29)
    low = made(end, {m: c // 3 for m, c in EVERY_HOUR.items()})
    assert not assess(past, low, at(1200, end), CALENDAR).alarm
    assert assess(past, made(end, {}), at(1200, end), CALENDAR).verdict is Verdict.SILENT


def test_level_data_do_not_alarm_for_a_few_per_cent() -> None:
    level = [made(one.day, EVERY_HOUR if one.curve.total else {}) for one in days_before(TODAY, 60)]
    for percent in (100, 97, 90, 85):
        less = {m: c * percent // 100 for m, c in EVERY_HOUR.items()}
        assert not asked(less, 1200, level).alarm, percent
    assert asked(dict.fromkeys(EVERY_HOUR, 70), 1200, level).verdict is Verdict.BEHIND


def test_a_bad_day_in_the_history_blinds_nobody() -> None:
    past = days_before(TODAY, 120)
    past[-7] = made(past[-7].day, {})
    assert asked({}, 1200, past).verdict is Verdict.SILENT
    half = {m: c // 2 for m, c in EVERY_HOUR.items()}
    assert asked(half, 1200, past).verdict is Verdict.BEHIND


def test_what_comes_later_than_now_is_not_looked_at() -> None:
    assert asked(EVERY_HOUR, 10 * 60).received == 300
    future = [*days_before(TODAY, 60), made(TODAY + timedelta(days=1), {0: 10**6})]
    assert asked(EVERY_HOUR, 10 * 60, future) == asked(EVERY_HOUR, 10 * 60)


def test_the_order_of_the_history_and_of_its_parts_changes_nothing() -> None:
    past = days_before(TODAY, 60)
    assert asked(until(700), 900, past[::-1]) == asked(until(700), 900, past)


@pytest.mark.row("f18")
def test_a_day_that_the_calendar_does_not_cover_has_no_class() -> None:
    past = days_before(date(2026, 1, 7), 30)
    assert not assess(past, made(date(2026, 1, 7), {}), at(0, date(2026, 1, 7)), CALENDAR).days
    with pytest.raises(ProjectError, match="P1001"):
        assess([], made(date(2027, 1, 1), {}), at(0), CALENDAR)


def test_completions_are_later_by_as_much_as_today_lags() -> None:
    past = days_before(TODAY, 60)
    on_time = completions(past, made(TODAY, EVERY_HOUR), at(900), CALENDAR)
    assert set(on_time) == {at(19 * 60)}
    late = {m + 60: c for m, c in EVERY_HOUR.items()}
    behind = completions(past, made(TODAY, late), at(900), CALENDAR)
    assert min(behind) > at(19 * 60)
    assert completions([], made(TODAY, {}), at(900), CALENDAR) == ()


def test_a_curve_adds_up_in_any_order() -> None:
    found = curve([(30, 2), (10, 1), (30, 3), (20, 0)])
    assert found == Curve(minutes=(10, 30), sums=(1, 6))
    assert [found.by(m) for m in (9, 10, 29, 30)] == [0, 1, 1, 6]
    assert [found.reached(n) for n in (0, 1, 2, 6, 7)] == [10, 10, 30, 30, None]
