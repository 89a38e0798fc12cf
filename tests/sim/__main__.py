"""
`make sim`: simulate many days and print what happened.

    PYTHONPATH=tests python -m sim --days 10000 --seed 1

Episodes of a few days each have a seed of their own, counted on from the first; so a violation
is replayed by its episode's seed alone. Episodes share nothing and run on every core.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence

from sim.episode import Told, episode

DAYS = 5
"""Of one episode."""


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
    parser.add_argument("--log", action="store_true", help="print the trace of the first episode")
    asked = parser.parse_args(arguments)
    if asked.log:
        print("\n".join(episode(asked.seed, days=DAYS, log=True).log))
    seeds = range(asked.seed, asked.seed + max(1, asked.days // DAYS))
    began, total, digest = time.monotonic(), Told(asked.seed), hashlib.sha256()
    for told in _all(seeds, asked.jobs):
        total.days += told.days
        total.runs += told.runs
        total.fired += told.fired
        total.outcomes += told.outcomes
        total.wrong += told.wrong
        digest.update(told.digest.encode())
        for wrong in told.wrong:
            print(f"VIOLATION {wrong}\n  replay: make sim SEED={told.seed} DAYS={DAYS}", flush=True)
    _print(total, time.monotonic() - began, asked.jobs)
    print(f"seeds {seeds[0]}..{seeds[-1]}, digest {digest.hexdigest()[:16]}")
    return 1 if total.wrong else 0


def _all(seeds: range, jobs: int) -> Iterator[Told]:
    if jobs == 1:
        yield from map(episode, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(episode, seeds, chunksize=4)


def _print(total: Told, seconds: float, jobs: int) -> None:
    print(f"\n{'fault':<36}{'times':>9}")
    for name, times in sorted(total.fired.items(), key=lambda f: (-f[1], f[0])):
        print(f"{name:<36}{times:>9,}")
    print(
        f"\n{total.days:,} days in {seconds:,.1f} s with {jobs} processes: "
        f"{total.days / seconds:.1f} days/s, {total.days / seconds / jobs:.1f} days/s/process"
    )
    print(f"{total.runs:,} runs, {len(total.fired)} kinds of faults and special days")
    ended = ", ".join(f"{n:,} {name}" for name, n in sorted(total.outcomes.items()))
    print(f"days ended: {ended}")
    print(f"violations: {len(total.wrong)}")


if __name__ == "__main__":
    sys.exit(main())
