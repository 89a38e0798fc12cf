"""Tables of any rows, drawn by Hypothesis, and what became of each of their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from puntual.model.difference import Value
from support.mutations import COLUMNS, Named, Row, Rows

CENT, MICROSECOND = Decimal("0.01"), timedelta(microseconds=1)
MOST = 10**18 - 1
"""Cents: as many as a DECIMAL(18,2) holds."""

NASTY = (
    *(" ", "\u00a0", "\t", "\n", "\r\n", "\x01", "\x1f", "\x7f", "\u200b", "\ufeff", "\u2028"),
    *("é", "e\u0301", "ß", "ı", "А", "a", "A", "0", "NULL", "💶", "\U0010ffff"),
    *("'", '"', "\\", ";", ":", "%", ",", "t1:", "n0;", "|", "$1"),
)
"""Pieces of text that others took for another or for nothing; NUL is no text on PostgreSQL."""


def amounts(low: int, high: int) -> st.SearchStrategy[Decimal]:
    """Draw an amount between two numbers of cents."""
    return st.integers(low, high).map(lambda cents: Decimal(cents).scaleb(-2))


PIECES = st.sampled_from(NASTY) | st.characters(codec="utf-8", exclude_characters="\0")
TEXTS = st.lists(PIECES, max_size=3).map("".join)
SHORT = st.sampled_from(("", *NASTY)) | TEXTS
LONG = st.integers(-(2**63), 2**63 - 1)
MONEY = st.sampled_from([Decimal(0), CENT, -CENT]) | amounts(-MOST, MOST)
TODAY = datetime(2026, 3, 2, tzinfo=UTC)
FIRST, LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)
DAYS = st.integers((FIRST - TODAY).days, (LAST - TODAY).days).map(
    lambda far: TODAY.date() + timedelta(days=far)
)
INSTANTS = st.integers((FIRST - TODAY) // MICROSECOND, (LAST - TODAY) // MICROSECOND).map(
    lambda far: TODAY + far * MICROSECOND
)
"""Most are near today; two days from both ends, so that they can be moved by hours."""

FULL: dict[str, st.SearchStrategy[Value]] = {
    "account": SHORT,
    "name": SHORT,
    "note": SHORT,
    "amount": MONEY,
    "fee": MONEY,
    "paid": DAYS,
    "seen": INSTANTS,
    "active": st.booleans(),
    "branch": LONG,
}
"""Every column but the key, without nulls."""

KEYS = st.none() | st.integers(0, 3) | LONG
"""Few, so that they meet, or any."""

ROWS: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {"id": KEYS, **{name: st.none() | values for name, values in FULL.items()}}
)

SOME_ROWS = st.lists(ROWS, min_size=1, max_size=4)


@dataclass(eq=False, slots=True)
class Slot:
    """A row of the left side, and the rows that it became on the right."""

    left: Row | None
    right: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmed:
    """Both sides, and what must be named."""

    left: Rows
    right: Rows
    named: frozenset[Named]


@dataclass(slots=True)
class Table:
    """
    Rows of which some are harmed.

    Attributes:
        slots: The rows.
        taken: Keys of rows that were chosen: nothing else is done to them.
        harmed: Key → the columns that were changed under it.
    """

    slots: list[Slot]
    taken: set[Value] = field(default_factory=set)
    harmed: dict[Value, set[str]] = field(default_factory=dict)

    def victim(self, draw: st.DrawFn, **values: Value) -> Slot:
        """Choose a row nothing was done to, and give it values; add one where there is none."""
        free = [s for s in self.slots if s.left is not None and s.left["id"] not in self.taken]
        slot = free[draw(st.integers(0, len(free) - 1))] if free else self.add({**draw(ROWS)})
        if not free and "id" not in values:
            values["id"] = self.fresh(draw)
        assert slot.left is not None
        slot.left = {**slot.left, **values}
        slot.right = [slot.left]
        self.taken.add(slot.left["id"])
        return slot

    def add(self, row: Row) -> Slot:
        """Add a row that is the same on both sides."""
        self.slots.append(Slot(row, [row]))
        return self.slots[-1]

    def fresh(self, draw: st.DrawFn) -> int:
        """Draw a whole number above zero that is no key, nor is its negative."""
        keys = self.taken | {r["id"] for s in self.slots for r in (s.left, *s.right) if r}
        number = draw(st.integers(1, 2**62))
        while number in keys or -number in keys:
            number += 1
        self.taken |= {number}
        return number

    def no_key(self, draw: st.DrawFn) -> int | None:
        """Return null as a key, or a fresh one where something was done to null."""
        return self.fresh(draw) if None in self.taken else None

    def becomes(self, slot: Slot, *rows: Row, columns: Iterable[str] = ()) -> None:
        """Let a row be these rows on the right; `columns` differ if there is still one."""
        slot.right = list(rows)
        for row in filter(None, (slot.left, *rows)):
            self.harmed.setdefault(row["id"], set()).update(columns)
            self.taken.add(row["id"])

    def edit(self, slot: Slot, **values: Value) -> None:
        """Let a row have other values on the right."""
        assert slot.left is not None
        changed: Row = {**slot.left, **values}
        self.becomes(slot, changed, columns=values)

    def sides(self) -> Harmed:
        """Return both sides as they came to be, and what was done by its keys."""
        left = [s.left for s in self.slots if s.left is not None]
        right = [row for s in self.slots for row in s.right]
        ones, twos = Counter(r["id"] for r in left), Counter(r["id"] for r in right)
        named = {_named(key, ones[key], twos[key], c) for key, c in self.harmed.items()}
        return Harmed(left=left, right=right, named=frozenset(named))


def _named(key: Value, left: int, right: int, columns: set[str]) -> Named:
    if not right:
        return "missing", (key,)
    if not left:
        return "extra", (key,)
    if left == right == 1:
        return "changed", (key,), tuple(c for c in COLUMNS if c in columns)
    return "duplicated", (key,), left, right


def drawn_table(draw: st.DrawFn) -> Table:
    """Draw a table of one to six rows; some of them may stand in it more than once."""
    rows = draw(SOME_ROWS)
    again = draw(st.lists(st.integers(0, len(rows) - 1), max_size=2))
    every = [*rows, *(dict(rows[n]) for n in again)]
    return Table([Slot(dict(row), [dict(row)]) for row in every])
