"""
Writers that land a stream's day and seal it: what `landing.stream` does, as atomic steps.

A writer takes the lease, reads on from the committed position, publishes each record under its
day (`raw`, or `late` once the day is sealed) together with the position, seals the day when it
has read to the end, and gives the lease back. Between any two of its steps another writer may
act, it may die, its lease may be taken away, an answer may be lost, a question may be carried
out twice, the second time as late as it likes, and another record may arrive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from explore.store import DONE, FENCED, REFUSED, Changes, Lease, RealStore, Rows, Value

RAW, LATE, POSITION = "raw", "late", "position"
IDLE, READ, PUBLISH, SEAL, CLOSE, RELEASE, ENDED, DEAD = (
    "idle",
    "read",
    "publish",
    "seal",
    "close",
    "release",
    "ended",
    "dead",
)


class Writer(NamedTuple):
    """
    A process.

    Attributes:
        at: What it does next.
        epoch: Of its lease; 0 before.
        locked: It has the operating system's lock.
        seen: What it has read and not used yet.
        tries: How often it may still begin again after somebody was faster.
    """

    at: str = IDLE
    epoch: int = 0
    locked: bool = False
    seen: tuple[Value | None, ...] = ()
    tries: int = 1


class Budget(NamedTuple):
    """How many faults may still happen, and records arrive."""

    crashes: int
    lost: int
    doubled: int
    revoked: int
    arriving: int


class State(NamedTuple):
    """
    Everything there is.

    Attributes:
        rows: What is published.
        lease: As it is recorded.
        writers: The processes.
        flying: Questions that may be carried out once more: (changes, epoch).
        records: How many the stream has.
        sealed: The sealed set, from the moment somebody could see it.
        budget: Of faults.
    """

    rows: Rows
    lease: Lease
    writers: tuple[Writer, ...]
    flying: tuple[tuple[Changes, int], ...]
    records: int
    sealed: Value | None
    budget: Budget


def first(writers: int, budget: Budget) -> State:
    """Return the state in which nothing has happened."""
    return State((), (0, 0), (Writer(),) * writers, (), 1, None, budget)


def following(store: RealStore, state: State) -> Iterator[tuple[str, State]]:
    """Yield what can happen next, in words, and the state it leads to."""
    for number, writer in enumerate(state.writers):
        if writer.at in (ENDED, DEAD):
            continue
        for word, after in _step(store, state, number, writer):
            yield f"epoch {writer.epoch or after.lease[0]}: {word}", after
        if state.budget.crashes and writer.at != IDLE:
            budget = state.budget._replace(crashes=state.budget.crashes - 1)
            dead = Writer(at=DEAD)
            yield f"epoch {writer.epoch}: dies", _with(state._replace(budget=budget), number, dead)
        if state.budget.revoked and writer.locked:
            budget = state.budget._replace(revoked=state.budget.revoked - 1)
            free = state._replace(budget=budget, lease=(state.lease[0], 0))
            yield (
                f"epoch {writer.epoch}: loses its lease",
                _with(free, number, writer._replace(locked=False)),
            )
    for flying in state.flying:
        _, rows = store.switch(state.rows, *flying)
        rest = tuple(f for f in state.flying if f != flying)
        yield "a question is carried out again", _seen(state._replace(rows=rows, flying=rest))
    if state.budget.arriving:
        budget = state.budget._replace(arriving=state.budget.arriving - 1)
        yield "a record arrives", state._replace(records=state.records + 1, budget=budget)


def _step(
    store: RealStore, state: State, number: int, writer: Writer
) -> Iterator[tuple[str, State]]:
    match writer.at:
        case "idle":
            locked = any(w.locked for w in state.writers)
            lease = store.acquire(state.lease, number + 1, locked=locked)
            if lease is not None:
                taken = writer._replace(at=READ, epoch=lease[0], locked=True)
                yield "takes the lease", _with(state._replace(lease=lease), number, taken)
        case "read":
            position = _value(state, POSITION)
            at = PUBLISH if _count(position) < state.records else SEAL
            yield (
                "reads the position",
                _with(state, number, writer._replace(at=at, seen=(position,))),
            )
        case "publish":
            (position,) = writer.seen[:1]
            if len(writer.seen) == 1:
                days = (position, _value(state, RAW), _value(state, LATE))
                yield "reads the day", _with(state, number, writer._replace(seen=days))
            else:
                yield from _ask(store, state, number, writer, _published(writer.seen), READ)
        case "seal":
            raw = _value(state, RAW)
            done = raw is None or _is_sealed(raw)
            after = writer._replace(at=RELEASE if done else CLOSE, seen=(raw,))
            yield "reads the day to seal it", _with(state, number, after)
        case "close":
            raw = writer.seen[0]
            assert raw is not None
            change = ((RAW, raw, ("sealed", *raw[1:])),)
            yield from _ask(store, state, number, writer, change, RELEASE)
        case "release":
            mine = state.lease == (writer.epoch, number + 1)
            lease = (state.lease[0], 0) if mine else state.lease
            ended = writer._replace(at=ENDED, locked=False, seen=())
            yield "gives the lease back", _with(state._replace(lease=lease), number, ended)


def _ask(
    store: RealStore, state: State, number: int, writer: Writer, changes: Changes, then: str
) -> Iterator[tuple[str, State]]:
    """Switch: answered, or done and not answered, or neither; now, or now and again later."""
    ended, rows = store.switch(state.rows, changes, writer.epoch)
    done = _seen(state._replace(rows=rows))
    after = {
        DONE: writer._replace(at=then, seen=()),
        REFUSED: writer._replace(at=READ if writer.tries else ENDED, seen=(), tries=0),
        FENCED: writer._replace(at=ENDED, locked=False, seen=()),
    }[ended]
    yield f"switches, {ended}", _with(done, number, after)
    again = writer._replace(at=READ, seen=())
    if state.budget.lost:
        less = state.budget._replace(lost=state.budget.lost - 1)
        yield "switches, no answer", _with(done._replace(budget=less), number, again)
        yield "switches in vain", _with(state._replace(budget=less), number, again)
    if state.budget.doubled:
        less = state.budget._replace(doubled=state.budget.doubled - 1)
        flying = (*state.flying, (changes, writer.epoch))
        twice = done._replace(budget=less, flying=flying)
        yield f"switches, {ended}, doubled", _with(twice, number, after)


def _published(seen: tuple[Value | None, ...]) -> Changes:
    """Return the switch that lands the record after a position, under its day."""
    position, raw, late = seen
    record = _count(position) + 1
    moved = (POSITION, position, ("at", record))
    if raw is not None and _is_sealed(raw):
        return (LATE, late, (*(late or ("late",)), record)), moved
    return moved, (RAW, raw, (*(raw or ("open",)), record))


def _count(position: Value | None) -> int:
    return 0 if position is None else int(str(position[1]))


def _is_sealed(raw: Value) -> bool:
    return raw[0] == "sealed"


def _value(state: State, name: str) -> Value | None:
    return next((value for found, value, _ in state.rows if found == name), None)


def _seen(state: State) -> State:
    """Remember a sealed set from the moment it is published."""
    raw = _value(state, RAW)
    if state.sealed is None and raw is not None and _is_sealed(raw):
        return state._replace(sealed=raw)
    return state


def _with(state: State, number: int, writer: Writer) -> State:
    """
    Put a writer in its place, and the writers in an order: which of them is which is no matter.

    The holder of the lease goes with its writer. Without this there were n! times the states.
    """
    writers = [*state.writers[:number], writer, *state.writers[number + 1 :]]
    order = sorted(range(len(writers)), key=lambda n: _rank(writers[n]))
    epoch, holder = state.lease
    if holder:
        holder = order.index(holder - 1) + 1
    return state._replace(writers=tuple(writers[n] for n in order), lease=(epoch, holder))


def _rank(writer: Writer) -> tuple[str, int, bool, int, str]:
    return writer.at, writer.epoch, writer.locked, writer.tries, repr(writer.seen)


def violations(before: State, after: State) -> Iterator[str]:
    """Yield what a transition breaks."""
    epochs = {name: epoch for name, _, epoch in before.rows}
    for name, _, epoch in after.rows:
        if epoch < epochs.get(name, 0):
            yield f"{name} was switched by an epoch that is not the newest"
    raw, late, position = (_value(after, n) for n in (RAW, LATE, POSITION))
    landed = [*(raw or ())[1:], *(late or ())[1:]]
    if sorted(map(str, landed)) != [str(n + 1) for n in range(_count(position))]:
        yield f"position {_count(position)}, and landed are {landed}"
    if after.sealed is not None and raw != after.sealed:
        yield f"the sealed set {after.sealed} became {raw}"
    if _count(position) < _count(_value(before, POSITION)):
        yield "the position went back"
    if sum(w.locked for w in after.writers) > 1:
        yield "two writers hold the lease"
    granted = [w.epoch for w in after.writers if w.epoch]
    if len(granted) != len(set(granted)):
        yield "two writers have one epoch"
