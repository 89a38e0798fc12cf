"""The latest moment at which a compiled machine can end, read from its JSON alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from puntual.model.flow import Retrier
from puntual.planner.worst import delays

Document = Mapping[str, Any]


def ahead(state: Document) -> Iterator[str]:
    """Yield the names of the states that a state can lead to, as often as it names them."""
    if "Next" in state:
        yield state["Next"]
    yield from (catcher["Next"] for catcher in state.get("Catch", ()))
    yield from (choice["Next"] for choice in state.get("Choices", ()))
    if "Default" in state:
        yield state["Default"]


def retrier_of(entry: Document) -> Retrier:
    """Return an entry of `Retry`; what it does not say is as the language says (F2 to F6)."""
    return Retrier(
        errors=tuple(entry["ErrorEquals"]),
        interval=entry.get("IntervalSeconds", 1),
        attempts=entry.get("MaxAttempts", 3),
        backoff=Decimal(str(entry.get("BackoffRate", 2))),
        max_delay=entry.get("MaxDelaySeconds"),
        full_jitter=entry.get("JitterStrategy") == "FULL",
    )


def longest_of(state: Document) -> Fraction:
    """Return the seconds of one visit of a state, with every retry (aws.md 6)."""
    if state["Type"] != "Task":
        return Fraction(0)
    retriers = [retrier_of(entry) for entry in state.get("Retry", ())]
    attempts = 1 + sum(r.attempts for r in retriers)
    return attempts * Fraction(state["TimeoutSeconds"]) + sum(map(delays, retriers), Fraction(0))


def worst_of(
    definition: Document, *, start: str = "", until: frozenset[str] = frozenset()
) -> Fraction:
    """
    Return the seconds after which a machine has ended, whatever fails: exact.

    Args:
        definition: Its JSON; the kinds of state that the compiler writes.
        start: Where it begins; "" is `StartAt`.
        until: States at which it ends; they themselves count.

    Raises:
        ValueError: It has a cycle, so there is no bound.
    """
    states: Document = definition["States"]
    found: dict[str, Fraction] = {}
    on_way: set[str] = set()
    stack = [start or definition["StartAt"]]
    while stack:
        name = stack[-1]
        names = () if name in until else tuple(ahead(states[name]))
        missing = [n for n in names if n not in found]
        if missing:
            on_way.add(name)
            if cycle := on_way.intersection(missing):
                raise ValueError(f"a cycle without a bound through {min(cycle)}")
            stack += missing
            continue
        rest = max((found[n] for n in names), default=Fraction(0))
        found[name] = longest_of(states[name]) + rest
        on_way.discard(stack.pop())
    return found[start or definition["StartAt"]]
