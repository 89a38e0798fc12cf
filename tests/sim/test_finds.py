"""What the simulator is worth: it finds bugs that are planted, within a stated number of days."""

from __future__ import annotations

import pytest

from sim.deadlines import ALLOWED, ENDS, READY, RESOLVED, TOLD
from sim.episode import episode
from sim.mutants import MUTANTS, OF_NIGHTS
from sim.nights import nights
from sim.race import ZOMBIE

FOUND: dict[str, tuple[str, int, str]] = {
    "no fencing": (ZOMBIE, 100, ""),
    "no fsync before the rename": ("power loss, unsynced bytes", 20, "V1002"),
    "no fsync of the folder": ("power loss, unsynced names", 20, "V1001"),
    "no fsync of the commit's folder": ("power loss, unsynced names", 60, "V1003"),
    "no check of the step's key": ("", 20, "expected"),
    "no comparison with the control record": ("", 20, "I4"),
}
"""Bug → the one fault of the machine that happens, days within which it is found, and as what."""


FOUND_OF_NIGHTS: dict[str, tuple[int, str]] = {
    "no check of the approvals": (60, ALLOWED),
    "no check of the validity": (60, ALLOWED),
    "no resolution": (10, RESOLVED),
    "no decision before the deadline": (60, READY),
    "no word of a miss": (60, TOLD),
    "no end of waiting for a source": (30, ENDS),
}
"""The same of nights: bug → nights within which it is found, and by which clause."""


@pytest.mark.parametrize("bug", sorted(MUTANTS))
def test_a_planted_bug_is_found(bug: str) -> None:
    only, most, shown = FOUND[bug]
    days, wrong = 0, list[str]()
    with MUTANTS[bug]():
        for seed in range(1, 1 + most // 5):
            told = episode(seed, only=only)
            days += told.days
            wrong += told.wrong
            if any(shown in w for w in wrong):
                break
    assert any(shown in w for w in wrong), f"not found in {days} days: {wrong}"
    assert days <= most


@pytest.mark.parametrize("only", sorted({only for only, _, _ in FOUND.values()}))
def test_without_the_bug_nothing_is_found(only: str) -> None:
    assert [w for seed in (1, 2) for w in episode(seed, only=only).wrong] == []


@pytest.mark.parametrize("bug", sorted(OF_NIGHTS))
def test_a_planted_bug_of_the_deadline_is_found(bug: str) -> None:
    most, clause = FOUND_OF_NIGHTS[bug]
    days, wrong = 0, list[str]()
    with OF_NIGHTS[bug]():
        for seed in range(1, 1 + most // 5):
            told = nights(seed)
            days += told.days
            wrong += told.wrong
            if any(f": {clause}: " in w for w in wrong):
                break
    assert any(f": {clause}: " in w for w in wrong), f"not found in {days} nights: {wrong}"
