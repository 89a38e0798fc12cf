"""The kinds of harm of `mutations.py`, each done to rows of any table at places drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from hypothesis import strategies as st

from puntual.model.difference import Value
from support.drawn import CENT, MONEY, MOST, ROWS, Harmed, Slot, Table, amounts, drawn_table
from support.harmed_values import ALIKE, EVERY_ROW, VALUES
from support.mutations import Row

Harm = Callable[[st.DrawFn, Table], None]


@st.composite
def harmed(draw: st.DrawFn, *kinds: str) -> Harmed:
    """Draw a table, and do harm of these kinds to it, each to other rows."""
    table = drawn_table(draw)
    for kind in kinds:
        HARMS[kind](draw, table)
    found = table.sides()
    order = draw(st.permutations(range(len(found.right))))
    right = [found.right[n] for n in order]
    return Harmed(left=found.left, right=right, named=found.named)


@st.composite
def harmed_in_several_ways(draw: st.DrawFn) -> Harmed:
    """Draw a table with two to five kinds of harm, none of them to the whole of it."""
    kinds = st.sampled_from(sorted(HARMS.keys() - WHOLE.keys()))
    return draw(harmed(*draw(st.lists(kinds, min_size=2, max_size=5, unique=True))))


def _left(slot: Slot) -> Row:
    assert slot.left is not None
    return slot.left


def _changes(kind: str) -> Harm:
    """Give a row values for which the harm applies, and let it be done."""

    def done(draw: st.DrawFn, table: Table) -> None:
        was, now = draw((VALUES | ALIKE)[kind])
        slot = table.victim(draw, **was)
        if kind in VALUES:
            table.edit(slot, **now)
        else:
            slot.right = [{**_left(slot), **now}]

    return done


def _other(value: Value) -> Decimal:
    """Return another amount than this one."""
    return CENT if not isinstance(value, Decimal) or value <= 0 else value - CENT


def _copies(number: int, *, key: bool = True) -> Harm:
    def done(draw: st.DrawFn, table: Table) -> None:
        slot = table.victim(draw) if key else table.victim(draw, id=table.no_key(draw))
        table.becomes(slot, *[_left(slot)] * number)

    return done


def _doubled_with_a_changed_cent(draw: st.DrawFn, table: Table) -> None:
    slot = table.victim(draw)
    table.becomes(slot, _left(slot), {**_left(slot), "amount": _other(_left(slot)["amount"])})


def _twin(draw: st.DrawFn, table: Table) -> Slot:
    """Return the second of two rows that are alike."""
    return table.add(dict(_left(table.victim(draw))))


def _one_of_two_changed(draw: st.DrawFn, table: Table) -> None:
    slot = _twin(draw, table)
    table.edit(slot, fee=_other(_left(slot)["fee"]))


def _twins(number: int) -> Harm:
    def done(draw: st.DrawFn, table: Table) -> None:
        slot = _twin(draw, table)
        table.becomes(slot, *[_left(slot)] * number)

    return done


def _lost_and_doubled(draw: st.DrawFn, table: Table) -> None:
    _copies(0)(draw, table)
    _copies(2)(draw, table)


def _added(draw: st.DrawFn, table: Table) -> None:
    table.becomes(*_extra({**draw(ROWS), "id": table.fresh(draw)}, table))


def _extra(row: Row, table: Table) -> tuple[Slot, Row]:
    table.slots.append(Slot(None, []))
    return table.slots[-1], row


def _replaced(draw: st.DrawFn, table: Table) -> None:
    slot = table.victim(draw)
    kept = {name: _left(slot)[name] for name in ("amount", "fee", "branch")}
    table.becomes(slot, {**draw(ROWS), **kept, "id": table.fresh(draw)})


def _moved(draw: st.DrawFn, table: Table) -> None:
    slot = table.victim(draw)
    table.becomes(slot, {**_left(slot), "id": table.fresh(draw)})


def _moved_onto_another(draw: st.DrawFn, table: Table) -> None:
    slot, other = table.victim(draw), table.victim(draw)
    table.becomes(slot, {**_left(slot), "id": _left(other)["id"]})


def _key_lost(draw: st.DrawFn, table: Table) -> None:
    slot = table.victim(draw, id=table.fresh(draw))
    table.becomes(slot, {**_left(slot), "id": table.no_key(draw)})


def _key_negative(draw: st.DrawFn, table: Table) -> None:
    number = table.fresh(draw)
    slot = table.victim(draw, id=number)
    table.becomes(slot, {**_left(slot), "id": -number})


def _keys_swapped(draw: st.DrawFn, table: Table) -> None:
    one = table.victim(draw)
    two = table.victim(draw, fee=_other(_left(one)["fee"]))
    differ = [c for c, value in _left(one).items() if c != "id" and value != _left(two)[c]]
    for slot, other in ((one, two), (two, one)):
        table.becomes(slot, {**_left(slot), "id": _left(other)["id"]}, columns=differ)


def _key_again(draw: st.DrawFn, table: Table) -> None:
    slot = table.victim(draw)
    table.becomes(slot, _left(slot), {**draw(ROWS), "id": _left(slot)["id"]})


def _amounts_swapped(number: int) -> Harm:
    """Let so many rows, each with another amount, have that of the next one."""

    def done(draw: st.DrawFn, table: Table) -> None:
        given = draw(st.lists(MONEY, min_size=number, max_size=number, unique=True))
        slots = [table.victim(draw, amount=amount) for amount in given]
        for slot, amount in zip(slots, (*given[1:], given[0]), strict=True):
            table.edit(slot, amount=amount)

    return done


def _cancelling(draw: st.DrawFn, table: Table) -> None:
    for cent in (CENT, -CENT):
        amount = draw(amounts(1 - MOST, MOST - 1))
        slot = table.victim(draw, amount=amount)
        table.edit(slot, amount=amount + cent)


def _split(draw: st.DrawFn, table: Table) -> None:
    part = draw(st.integers(1, 99)) * CENT
    slot = table.victim(draw, amount=Decimal(1))
    table.becomes(
        slot, {**_left(slot), "amount": part}, {**_left(slot), "amount": Decimal(1) - part}
    )


def _merged(draw: st.DrawFn, table: Table) -> None:
    one, two = (table.victim(draw, amount=draw(st.integers(1, 10**6)) * CENT) for _ in "12")
    table.becomes(two)
    table.edit(one, amount=Decimal(str(_left(one)["amount"])) + Decimal(str(_left(two)["amount"])))


ROWS_OF_ONE: dict[str, Harm] = {
    "lost row": _copies(0),
    "lost row without key": _copies(0, key=False),
    "added row": _added,
    "doubled row": _copies(2),
    "tripled row": _copies(3),
    "doubled row without key": _copies(2, key=False),
    "doubled row with a changed cent": _doubled_with_a_changed_cent,
    "true duplicate removed": _twins(0),
    "true duplicate tripled": _twins(2),
    "one of two duplicates changed": _one_of_two_changed,
    "lost row hidden by a doubled one": _lost_and_doubled,
    "row replaced by another, count and sum equal": _replaced,
    "row moved to another key": _moved,
    "row moved to a key in use": _moved_onto_another,
    "key lost": _key_lost,
    "key turned negative": _key_negative,
    "keys of two rows swapped": _keys_swapped,
    "duplicate key with other content": _key_again,
    "swapped pair with equal sums": _amounts_swapped(2),
    "amounts moved down by one row": _amounts_swapped(3),
    "errors that cancel out": _cancelling,
    "amount of one row split in two": _split,
    "two rows merged": _merged,
}
"""Harm to one row or a few."""


def _every(kind: str) -> Harm:
    """Give every row values for which the harm applies, and let it be done to each."""
    fit, change = EVERY_ROW[kind]

    def done(draw: st.DrawFn, table: Table) -> None:
        for slot in table.slots:
            slot.left = {**_left(slot), **draw(fit(_left(slot)))}
            slot.right = [slot.left]
            table.edit(slot, **change(slot.left))

    return done


def _signs_dropped(draw: st.DrawFn, table: Table) -> None:
    table.victim(draw, amount=-draw(st.integers(1, 10**17)) * CENT)
    for slot in table.slots:
        amount = _left(slot)["amount"]
        if isinstance(amount, Decimal) and amount < 0:
            table.edit(slot, amount=-amount)


def _each(number: int, *, of: slice = slice(None)) -> Harm:
    """Let rows that stand at places of the table stand so often."""

    def done(_: st.DrawFn, table: Table) -> None:
        for slot in table.slots[of]:
            table.becomes(slot, *[_left(slot)] * number)

    return done


def _other_day(draw: st.DrawFn, table: Table) -> None:
    """Put each row beside itself once more; those of one key have one other key."""
    keys = {_left(slot)["id"]: table.fresh(draw) for slot in table.slots}
    for slot in list(table.slots):
        table.becomes(*_extra({**_left(slot), "id": keys[_left(slot)["id"]]}, table))


def _other_order(draw: st.DrawFn, table: Table) -> None:
    """Every table that is drawn comes in another order on the right."""


WHOLE: dict[str, Harm] = {
    "lost first row": _each(0, of=slice(0, 1)),
    "lost last rows": _each(0, of=slice(-2, None)),
    "lost everything": _each(0),
    "day loaded twice": _each(2),
    "another day's rows beside": _other_day,
    "rows in another order": _other_order,
    "signs dropped": _signs_dropped,
    **{kind: _every(kind) for kind in EVERY_ROW},
}
"""Harm to the whole table, or to rows by their place in it."""

ONE_BY_ONE = {kind: _changes(kind) for kind in (*VALUES, *ALIKE)}
HARMS: Mapping[str, Harm] = dict(sorted((ROWS_OF_ONE | ONE_BY_ONE | WHOLE).items()))
"""Every kind of harm, by its name."""
