"""The latest moment at which a flow can end: the bound that `puntual check` promises."""

from __future__ import annotations

from fractions import Fraction

from puntual.model.flow import Choice, Fail, Flow, Notify, Retrier, State, Succeed, Task
from puntual.planner.wellformed import cycle_of, following

_NOTHING = Fraction(0)


def delay(retrier: Retrier, number: int) -> Fraction:
    """
    Return the seconds before a retry, without jitter, exact.

    Args:
        retrier: `min(IntervalSeconds * BackoffRate**number, MaxDelaySeconds)`.
        number: Which retry of this retrier, from 0.

    Source: Amazon States Language, `Retry` (aws.md 2).
    """
    grown = retrier.interval * Fraction(retrier.backoff) ** number
    return grown if retrier.max_delay is None else min(grown, Fraction(retrier.max_delay))


def delays(retrier: Retrier) -> Fraction:
    """Return the sum of every wait of a retrier, in seconds; jitter counts at its maximum."""
    total = Fraction(0)
    for number in range(retrier.attempts):
        wait = delay(retrier, number)
        if wait == retrier.max_delay or retrier.backoff == 1:
            return total + (retrier.attempts - number) * wait
        total += wait
    return total


def longest(state: State) -> Fraction:
    """
    Return the seconds that one visit of a state takes at most.

    `(1 + Σ MaxAttempts) * TimeoutSeconds + Σ waits`, summed over the retriers because each has
    a counter of its own (aws.md 6); and once what sealing a silent source takes, after which the
    state has ended. Choosing and failing take no time.
    """
    match state:
        case Task() | Notify():
            attempts = 1 + sum(r.attempts for r in state.retry)
            waits = sum(map(delays, state.retry), Fraction(0))
            sealing = state.sealing if isinstance(state, Task) else 0
            return attempts * state.timeout + waits + sealing
        case Choice() | Fail() | Succeed():
            return Fraction(0)


def worst(flow: Flow, *, failing: Fraction = _NOTHING) -> Fraction:
    """
    Return the seconds after which a flow has ended, whatever fails: exact.

    The longest way through the states; a catch branch comes after the whole of its state
    (aws.md 6).

    Args:
        flow: Its states.
        failing: Seconds of what follows where the flow fails, such as plan B.

    Raises:
        ValueError: The flow has a cycle, so there is no bound.
    """
    if cycle := cycle_of(flow):
        raise ValueError(f"a cycle without a bound: {' -> '.join(cycle)}")
    ahead: dict[str, Fraction] = {}
    stack = [flow.start]
    while stack:
        state = flow.states[stack[-1]]
        missing = [name for name in following(state) if name not in ahead]
        if missing:
            stack += missing
            continue
        rest = max((ahead[name] for name in following(state)), default=_NOTHING)
        rest += failing if isinstance(state, Fail) else _NOTHING
        ahead[stack.pop()] = longest(state) + rest
    return ahead[flow.start]
