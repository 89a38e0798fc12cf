"""Asks the detector every half hour of every day, clean and faulty, and counts its answers."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bench.detect.made import DAY, FAULTS, Counts, Source, a_year, arrived, onset_of
from puntual.model.report import Calendar
from puntual.planner.arrivals import Assessment, Verdict, assess
from puntual.planner.curve import Arrived

RUN = 26 * 60
"""The run begins at 02:00 of the day after: what is said later is not early."""

EVERY = 30
WARM_UP = 60
LEFT_IN = 0.02
"""Share of days whose fault stays in the history, as it does in life."""


@dataclass(slots=True)
class Score:
    """What was counted: clean days and those with an alarm; faults by kind, found, and when."""

    clean: int = 0
    false: list[str] = field(default_factory=list)
    planted: dict[str, int] = field(default_factory=dict)
    found: dict[str, list[int]] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    no_history: int = 0

    def add(self, other: Score) -> None:
        """Add what another one counted."""
        self.clean += other.clean
        self.false += other.false
        self.missed += other.missed
        self.no_history += other.no_history
        for kind, count in other.planted.items():
            self.planted[kind] = self.planted.get(kind, 0) + count
        for kind, before in other.found.items():
            self.found.setdefault(kind, []).extend(before)


def first_alarm(
    history: list[Arrived],
    today: Arrived,
    calendar: Calendar,
    *,
    begin: int = 0,
    every: int = EVERY,
    end: int = RUN,
) -> Assessment | None:
    """Return the first alarm of a day, asked every half hour up to the run; None without one."""
    midnight = datetime(today.day.year, today.day.month, today.day.day, tzinfo=UTC)
    minutes = [*range(begin - begin % every, end, every), end]
    for minute in minutes:
        answer = assess(history, today, midnight + timedelta(minutes=minute), calendar)
        if answer.alarm:
            return answer
    return None


def score(
    source: Source, calendar: Calendar, seed: int, *, each: int = 2, every: int = EVERY
) -> Score:
    """
    Count a year of one source.

    Args:
        source: What it is like.
        calendar: The year.
        seed: Of the year.
        each: A fault is planted in every so many-th day.
        every: Minutes between two questions.
    """
    draw = random.Random(f"faults {source.name} {seed}")
    kinds = [k for k in FAULTS if source.parts > 1 or "missing" not in k]
    result = Score()
    history: list[Arrived] = []
    for number, counts in enumerate(a_year(source, calendar, seed)):
        day = calendar.valid_from + number * DAY
        clean = arrived(source, day, counts)
        kept = clean
        if number >= WARM_UP:
            _clean(result, history, clean, calendar, source, every)
            if counts and number % each == 0:
                kind = draw.choice(kinds)
                faulty = _faulty(result, history, source, counts, clean, calendar, kind, draw)
                kept = faulty if draw.random() < LEFT_IN * each else clean
        history.append(kept)
    return result


def _clean(
    result: Score,
    history: list[Arrived],
    clean: Arrived,
    calendar: Calendar,
    source: Source,
    every: int,
) -> None:
    result.clean += 1
    said = first_alarm(history, clean, calendar, every=every)
    if said is not None:
        result.false.append(f"{source.name} {clean.day} {said}")


def _faulty(
    result: Score,
    history: list[Arrived],
    source: Source,
    counts: Counts,
    clean: Arrived,
    calendar: Calendar,
    kind: str,
    draw: random.Random,
) -> Arrived:
    made, begin = FAULTS[kind](source, clean.day, counts, onset_of(counts, draw), draw)
    result.planted[kind] = result.planted.get(kind, 0) + 1
    said = first_alarm(history, made, calendar, begin=max(0, begin))
    if said is not None:
        result.found.setdefault(kind, []).append(RUN - said.minute)
        return made
    end = datetime(made.day.year, made.day.month, made.day.day, tzinfo=UTC) + timedelta(minutes=RUN)
    last = assess(history, made, end, calendar)
    result.no_history += last.verdict is Verdict.NO_HISTORY
    result.missed.append(f"{source.name} {made.day} {kind} from {begin}: {last}")
    return made
