"""
Print how many faults the detector finds, how early, and how often it is wrong.

    python -m bench.detect                 two years of each made source, and the real data
    python -m bench.detect --years 1 -v    also every false alarm and every miss
    python -m bench.detect --sample        some seconds: what a test asks

Exits 1 when less than 95 % of the planted faults are found, or more than 1 of 100 clean days
alarms, on the made years.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from datetime import date

from bench.detect.made import FAULTS, SOURCES
from bench.detect.real import RealScore, score_real, sets
from bench.detect.score import EVERY, Score, score
from puntual.model.report import Calendar
from puntual.project.calendars import parse_calendar, shipped

LEAST_FOUND = 95
MOST_FALSE = 1
SAMPLE = ("transfers, two peaks", "branches, six files in the evening")


def main() -> int:
    """Read the command line, count, and print the tables."""
    parser = argparse.ArgumentParser(description="Measure the early detection.")
    parser.add_argument("--years", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    chosen = parser.parse_args()
    began, whole = time.process_time(), Score()
    print("| made source | faults found | false alarms |")
    print("|---|---|---|", flush=True)
    for source in SOURCES:
        if chosen.sample and source.name not in SAMPLE:
            continue
        own = Score()
        for year in range(1 if chosen.sample else chosen.years):
            end = date(2025, 4, 30) if chosen.sample else date(2025, 12, 31)
            every = 2 * EVERY if chosen.sample else EVERY
            own.add(score(source, up_to(end), chosen.seed + year, every=every))
        whole.add(own)
        found, planted = sum(map(len, own.found.values())), sum(own.planted.values())
        false = f"{len(own.false)} of {own.clean} days"
        print(f"| {source.name} | {share(found, planted)} | {false} |", flush=True)
    reached = by_fault(whole)
    if not chosen.sample:
        real_data(chosen.verbose)
    print(f"\n{time.process_time() - began:.0f} s of processor time")
    if chosen.verbose:
        for line in (*whole.false, "", *whole.missed):
            print(line)
    return 0 if reached else 1


def up_to(end: date) -> Calendar:
    """Return the shipped calendar of Mexico up to a day of 2025."""
    calendar, _ = parse_calendar("mx-cnbv", shipped("mx-cnbv"))
    assert calendar is not None
    holidays = tuple((day, name) for day, name in calendar.holidays if day <= end)
    return replace(calendar, valid_until=end, holidays=holidays)


def by_fault(whole: Score) -> bool:
    """Print what was found of each kind of fault, and say whether the goals are reached."""
    print("\n| fault | planted | found | median before the run |")
    print("|---|---|---|---|")
    for kind in FAULTS:
        before = sorted(whole.found.get(kind, []))
        early = f"{before[len(before) // 2] / 60:.1f} h" if before else "—"
        count = whole.planted.get(kind, 0)
        print(f"| {kind} | {count} | {share(len(before), count)} | {early} |")
    found, planted = sum(map(len, whole.found.values())), sum(whole.planted.values())
    print(f"| all | {planted} | {share(found, planted)} | |")
    false = len(whole.false)
    print(f"\nfalse alarms: {false} on {whole.clean} clean days, {100 * false / whole.clean:.2f} %")
    return 100 * found >= LEAST_FOUND * planted and 100 * false <= MOST_FALSE * whole.clean


def real_data(verbose: bool) -> None:
    """Print the table of the real data."""
    kinds = ("nothing at all", "silent from an hour on", "half the volume",
             "month end like any other day")  # fmt: skip
    print("\n| real data | days (closed) | alarms | " + " | ".join(kinds) + " |")
    print("|---|---|---|" + "---|" * len(kinds))
    for real in sets():
        result = score_real(real)
        cells = [share(result.found[k], result.planted[k]) for k in kinds]
        days = f"{result.days} ({result.closed})"
        print(
            f"| {real.name} | {days} | {alarms(result)} | " + " | ".join(cells) + " |", flush=True
        )
        if verbose:
            for day, said in result.alarms.items():
                print(f"    {day} {day:%a} {said}")


def alarms(result: RealScore) -> str:
    """Return how many days alarmed, and which where they are few."""
    days = ", ".join(day.isoformat() for day in list(result.alarms)[:3])
    more = ", …" if len(result.alarms) > 3 else ""
    return f"{len(result.alarms)}: {days}{more}" if result.alarms else "0"


def share(found: int, of: int) -> str:
    """Return `95 of 100 (95.0 %)`."""
    return f"{found} of {of} ({100 * found / of:.1f} %)" if of else "—"


if __name__ == "__main__":
    sys.exit(main())
