"""What AWS refuses when a state machine is made, and what this stage would pass over in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

UNPLAYED = ("ItemBatcher", "ResultWriter", "Assign")
"""Ignored by ministack (L19): refused here, so that nobody trusts what was not done."""


def complaints(text: str) -> list[str]:
    """Return what is wrong with a definition: names that lead nowhere, and fields not played."""
    try:
        machine = json.loads(text)
    except json.JSONDecodeError as error:
        return [f"not JSON: {error}"]
    return list(_wrong(machine, "$"))


def _wrong(machine: Any, path: str) -> Iterator[str]:
    states = machine.get("States") if isinstance(machine, dict) else None
    if not isinstance(states, dict) or not states:
        yield f"{path}: no States"
        return
    if machine.get("StartAt") not in states:
        yield f"{path}.StartAt: no state {machine.get('StartAt')!r}"
    for name, state in states.items():
        here = f"{path}.States.{name}"
        for field, target in _targets(state):
            if target not in states:
                yield f"{here}.{field}: no state {target!r}"
        for field in UNPLAYED:
            if field in state:
                yield f"{here}.{field}: not played on this stage"
        for inner in (
            *state.get("Branches", []),
            state.get("Iterator"),
            state.get("ItemProcessor"),
        ):
            if inner:
                yield from _wrong(inner, here)


def _targets(state: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field]
    for field in ("Choices", "Catch"):
        for each in state.get(field, []):
            yield f"{field}.Next", each.get("Next")
