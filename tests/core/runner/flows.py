"""Flows in a few lines, and a performer that fails as the test says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from puntual.model.flow import NOTHING_FAILED, Catcher, Fail, Flow, Notify, Retrier, State, Task
from puntual.model.plan import Validate
from puntual.runner.flow import Ended, Failed, Retried, carry


def retrier(
    *errors: str,
    interval: int = 1,
    attempts: int = 3,
    backoff: str = "2",
    max_delay: int | None = None,
    full_jitter: bool = False,
) -> Retrier:
    """Make one entry of `Retry`."""
    return Retrier(
        errors=errors,
        interval=interval,
        attempts=attempts,
        backoff=Decimal(backoff),
        max_delay=max_delay,
        full_jitter=full_jitter,
    )


def task(
    *retry: Retrier,
    name: str = "work",
    timeout: int = 10,
    catch: tuple[Catcher, ...] = (),
    next: str | None = None,
) -> Task:
    """Make a task; what step it is does not matter here."""
    return Task(name=name, step=Validate(), timeout=timeout, retry=retry, catch=catch, next=next)


def catcher(*errors: str, next: str = "end", path: str = "$.error") -> Catcher:
    """Make one entry of `Catch`."""
    return Catcher(errors=errors, next=next, result_path=path)


def flow(*states: State) -> Flow:
    """Make a flow that starts at the first of its states."""
    return Flow(start=states[0].name, states={state.name: state for state in states})


END = Fail(name="end")


@dataclass
class Scripted:
    """Fails with each name in turn, by task; an empty name succeeds, and so does the rest."""

    errors: Mapping[str, Iterable[str]]
    outputs: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    done: list[tuple[str, int]] = field(default_factory=list)
    told: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    left: dict[str, Iterator[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.left = {name: iter(errors) for name, errors in self.errors.items()}

    def perform(self, task: Task, attempt: int) -> Mapping[str, object]:
        self.done.append((task.name, attempt))
        self._fail(task.name)
        return self.outputs.get(task.name, {})

    def notify(self, state: Notify, data: Mapping[str, object]) -> None:
        self.told.append((state.name, dict(data)))
        self._fail(state.name)

    def _fail(self, name: str) -> None:
        error = next(self.left.get(name, iter(())), "")
        if error:
            raise Failed(error, f"because of {error}", fault=OSError(error))


@dataclass
class Walked:
    """What came of a flow: the outcome, the waits in seconds, the retries that were told."""

    ended: Ended
    waits: list[float]
    retried: list[Retried]


def walk(
    states: Flow,
    performer: Scripted,
    *,
    data: Mapping[str, object] | None = None,
    jitter: float = 1.0,
) -> Walked:
    """Carry a flow out; `jitter` is which part of the interval is drawn."""
    waits: list[float] = []
    retried: list[Retried] = []
    ended = carry(
        states,
        performer,
        data={"failed": NOTHING_FAILED} if data is None else data,
        sleep=waits.append,
        uniform=lambda low, high: low + (high - low) * jitter,
        told=retried.append,
    )
    return Walked(ended=ended, waits=waits, retried=retried)
