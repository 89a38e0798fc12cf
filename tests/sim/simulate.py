"""Which episode a seed stands for; in a module of its own, so that other processes find it."""

from __future__ import annotations

from sim.episode import Told, episode
from sim.nights import NightsTold, nights

DAYS = 5
"""Of one episode."""

EVERY = 4
"""One episode in so many is of nights."""

ALL, PLAIN, NIGHTS = "all", "days", "nights"


def simulate(seed: int, *, log: bool = False, only: str = ALL) -> Told | NightsTold:
    """Simulate the episode of a seed; `only` one kind of them, whatever the seed says."""
    if only == NIGHTS or (only == ALL and seed % EVERY == 0):
        return nights(seed, days=DAYS, log=log)
    return episode(seed, days=DAYS, log=log)
