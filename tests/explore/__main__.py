"""
`make explore`: visit every state of the commit, lease and seal protocol, and print how many.

    PYTHONPATH=tests python -m explore --writers 3
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from explore.model import Budget, State, first, following, violations
from explore.store import RealStore


@dataclass(slots=True)
class Explored:
    """
    What was found.

    Attributes:
        states: How many different states there are.
        steps: How many transitions between them.
        asked: How many different questions the real code answered.
        wrong: Violations, each with the shortest way to it.
        whole: Whether every state was visited.
    """

    states: int = 0
    steps: int = 0
    asked: int = 0
    wrong: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    whole: bool = True


def explore(
    writers: int, budget: Budget, *, first_only: bool = False, most: int = 10_000_000
) -> Explored:
    """
    Visit every state, nearest first, so that a violation comes with a shortest way to it.

    Args:
        writers: How many processes.
        budget: Of faults.
        first_only: Stop at the first violation.
        most: States after which it gives up.
    """
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        store = RealStore(Path(folder))
        start = first(writers, budget)
        came: dict[State, tuple[State, str] | None] = {start: None}
        found, queue = Explored(), deque([start])
        while queue:
            state = queue.popleft()
            for word, after in following(store, state):
                found.steps += 1
                for wrong in violations(state, after):
                    found.wrong.append((wrong, (*_way(came, state), word)))
                    if first_only:
                        queue.clear()
                if after not in came:
                    came[after] = (state, word)
                    queue.append(after)
            if len(came) > most:
                found.whole = False
                break
            if first_only and found.wrong:
                break
        found.states, found.asked = len(came), store.asked
    return found


def _way(came: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    words: list[str] = []
    step = came[state]
    while step is not None:
        state, word = step
        words.append(word)
        step = came[state]
    return tuple(reversed(words))


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Explore, and print states and violations.

    Returns:
        1 if an invariant was violated, else 0.
    """
    parser = argparse.ArgumentParser(prog="explore", description=__doc__)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--crashes", type=int, default=2)
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    budget = Budget(crashes=asked.crashes, lost=1, doubled=1, revoked=1, arriving=1)
    found = explore(asked.writers, budget)
    for wrong, way in found.wrong[:5]:
        print(f"VIOLATION {wrong}\n  " + "\n  ".join(way))
    print(
        f"{asked.writers} writers, at most {asked.crashes} crashes, 1 lost answer, 1 doubled "
        f"question, 1 lease taken away, 1 late record: {found.states:,} states, "
        f"{found.steps:,} transitions, {found.asked:,} different questions to the real code, "
        f"{time.monotonic() - began:.1f} s"
    )
    print(f"violations: {len(found.wrong)}" + ("" if found.whole else " (not every state visited)"))
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
