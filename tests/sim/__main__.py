"""
`make sim`: simulate many days and print what happened.

    PYTHONPATH=tests python -m sim --days 10000 --seed 1

Episodes of a few days each have a seed of their own, counted on from the first; so a violation
is replayed by its episode's seed alone. Every fourth is one of nights with a deadline, a policy
and a watch. Episodes share nothing and run on every core.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial

from sim.deadlines import CLAUSES
from sim.episode import Told
from sim.nights import NightsTold
from sim.simulate import ALL, DAYS, NIGHTS, PLAIN, simulate


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Simulate, and print days, faults by kind and violations.

    Returns:
        1 if an invariant was violated, else 0.
    """
    parser = argparse.ArgumentParser(prog="sim", description=__doc__)
    parser.add_argument("--days", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=(ALL, PLAIN, NIGHTS), default=ALL)
    parser.add_argument("--log", action="store_true", help="print the trace of the first episode")
    asked = parser.parse_args(arguments)
    if asked.log:
        told = simulate(asked.seed, log=True, only=asked.only)
        print("\n".join(told.log))
    seeds = range(asked.seed, asked.seed + max(1, asked.days // DAYS))
    began, total, dark = time.monotonic(), Told(asked.seed), NightsTold(asked.seed)
    digest = hashlib.sha256()
    for told in _all(seeds, asked.jobs, asked.only):
        (_add_nights(dark, told) if isinstance(told, NightsTold) else _add(total, told))
        digest.update(told.digest.encode())
        for wrong in told.wrong:
            print(f"VIOLATION {wrong}\n  replay: {_replay(told.seed, asked.only)}", flush=True)
    _print(total, dark, time.monotonic() - began, asked.jobs)
    print(f"seeds {seeds[0]}..{seeds[-1]}, digest {digest.hexdigest()[:16]}")
    return 1 if total.wrong or dark.wrong else 0


def _replay(seed: int, only: str) -> str:
    if only == ALL:
        return f"make sim SEED={seed} DAYS={DAYS}"
    return f"PYTHONPATH=tests python -m sim --seed {seed} --days {DAYS} --only {only}"


def _add(total: Told, told: Told) -> None:
    total.days += told.days
    total.runs += told.runs
    total.fired += told.fired
    total.outcomes += told.outcomes
    total.wrong += told.wrong


def _add_nights(total: NightsTold, told: NightsTold) -> None:
    total.days += told.days
    total.runs += told.runs
    total.watches += told.watches
    total.fired += told.fired
    total.counts += told.counts
    total.wrong += told.wrong
    known = [w for w in (total.worst, told.worst) if w is not None]
    total.worst = min(known, default=None)


def _all(seeds: range, jobs: int, only: str) -> Iterator[Told | NightsTold]:
    one = partial(simulate, only=only)
    if jobs == 1:
        yield from map(one, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(one, seeds, chunksize=4)


def _print(total: Told, dark: NightsTold, seconds: float, jobs: int) -> None:
    fired = total.fired + dark.fired
    print(f"\n{'fault':<48}{'times':>9}")
    for name, times in sorted(fired.items(), key=lambda f: (-f[1], f[0])):
        print(f"{name:<48}{times:>9,}")
    days, runs = total.days + dark.days, total.runs + dark.runs
    print(
        f"\n{days:,} days in {seconds:,.1f} s with {jobs} processes: "
        f"{days / seconds:.1f} days/s, {days / seconds / jobs:.1f} days/s/process"
    )
    print(
        f"{runs:,} runs, each of a whole day or of its landing: {runs / seconds:.1f} runs/s; "
        f"{len(fired)} kinds of faults and special days"
    )
    ended = ", ".join(f"{n:,} {name}" for name, n in sorted(total.outcomes.items()))
    print(f"days ended: {ended}")
    if dark.days:
        _print_nights(dark)
    print(f"violations: {len(total.wrong) + len(dark.wrong)}")


def _print_nights(dark: NightsTold) -> None:
    owed = dark.counts["a deliverable was owed"]
    ways = {n: c for n, c in sorted(dark.counts.items()) if n != "a deliverable was owed"}
    print(f"\n{'days with a deadline and a watch':<48}{dark.days:>9,}")
    print(f"{'  watches begun again':<48}{dark.watches:>9,}")
    for name, count in ways.items():
        print(f"{'  at the deadline: ' + name:<48}{count:>9,}")
    print(f"{'  a deliverable was owed 15 minutes before':<48}{owed:>9,}")
    worst = "-" if dark.worst is None else str(dark.worst)
    print(f"{'  fewest minutes before, where it was owed':<48}{worst:>9}")
    for clause in CLAUSES:
        count = sum(f": {clause}: " in wrong for wrong in dark.wrong)
        print(f"{'  violations, ' + clause:<48}{count:>9,}")


if __name__ == "__main__":
    sys.exit(main())
