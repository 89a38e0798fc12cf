"""A table of rows, and the kinds of harm that can come to it, each with what must be named."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from puntual.model.contract import ColumnType, Kind
from puntual.model.difference import Value

Row = dict[str, Value]
Rows = list[Row]

COLUMNS: dict[str, ColumnType] = {
    "id": ColumnType(kind=Kind.INTEGER),
    "account": ColumnType(kind=Kind.TEXT),
    "name": ColumnType(kind=Kind.TEXT),
    "note": ColumnType(kind=Kind.TEXT),
    "amount": ColumnType(kind=Kind.DECIMAL, precision=18, scale=2),
    "fee": ColumnType(kind=Kind.DECIMAL, precision=18, scale=2),
    "paid": ColumnType(kind=Kind.DATE),
    "seen": ColumnType(kind=Kind.TIMESTAMP),
    "active": ColumnType(kind=Kind.BOOLEAN),
    "branch": ColumnType(kind=Kind.INTEGER),
}
NAMES = (
    "Ana Pérez", "Straße", "Iñigo", "two\nlines", "a b", "ab", "NULL", "x" * 40, "twice", "none",
)  # fmt: skip
AMOUNTS = (
    "10.50", "-20.00", "0.00", "250000000.00", "600000.03", "1234567890123456.78", "7.00", "3.00",
    "99.99", "1.00",
)  # fmt: skip


def base() -> Rows:
    """Ten rows: ids 1 to 8, 9 twice and alike, and one whose id is null."""
    rows = [
        {
            "id": n,
            "account": f"00{n}",
            "name": NAMES[n - 1],
            "note": "" if n % 2 else None,
            "amount": Decimal(AMOUNTS[n - 1]),
            "fee": Decimal(n),
            "paid": date(2026, 3, n),
            "seen": datetime(2026, 3, n, 23, 30, 0, 123456, tzinfo=UTC),
            "active": n != 2,
            "branch": 2**53 if n == 6 else n,
        }
        for n in range(1, 11)
    ]
    rows[9]["id"] = None
    return [*rows, dict(rows[8])]


Named = tuple[object, ...]
"""`("missing", key)`, `("extra", key)`, `("changed", key, columns)`, `("duplicated", key, 1, 2)`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A kind of harm, what it makes of the rows, and the differences that must be named."""

    kind: str
    left: Rows
    right: Rows
    named: frozenset[Named]


ALL = tuple(range(1, 9))
"""The ids that stand once."""


def put(rows: Rows, number: int | None, **values: Value) -> Rows:
    """Return the rows with some values of one id changed."""
    return [{**row, **values} if row["id"] == number else row for row in rows]


def drop(rows: Rows, *numbers: int | None) -> Rows:
    """Return the rows without those of some ids."""
    return [row for row in rows if row["id"] not in numbers]


def each(rows: Rows, change: Callable[[Row], Row]) -> Rows:
    """Return every row changed."""
    return [{**row, **change(row)} for row in rows]


def only(rows: Rows, number: int | None) -> Row:
    """Return the first row of an id."""
    return next(row for row in rows if row["id"] == number)


def mutations() -> tuple[Mutation, ...]:
    """Return every kind of harm, by its name."""
    return tuple(sorted((*_rows(), *_values(), *_text(), *_time()), key=lambda m: m.kind))


def _one(kind: str, number: int | None, **values: Value) -> Mutation:
    """One row once on each side, some values changed; the others are as they were."""
    changed = ("changed", (number,), tuple(c for c in COLUMNS if c in values))
    left = base()
    return Mutation(
        kind=kind, left=left, right=put(left, number, **values), named=frozenset({changed})
    )


def _made(kind: str, right: Rows, *named: Named) -> Mutation:
    return Mutation(kind=kind, left=base(), right=right, named=frozenset(named))


def _every(
    kind: str, change: Callable[[Row], Row], *columns: str, ids: tuple[int, ...] = ALL
) -> Mutation:
    """All rows changed: those once on each side by their columns, the doubled one as doubled."""
    rows = base()
    named: list[Named] = [("changed", (n,), columns) for n in (*ids, None)]
    named.append(("duplicated", (9,), 2, 2))
    return _made(kind, each(rows, change), *named)


def _rows() -> tuple[Mutation, ...]:
    rows = base()
    twice = only(rows, 9)
    first, second = only(rows, 1), only(rows, 2)
    swapped = put(put(rows, 1, amount=second["amount"]), 2, amount=first["amount"])
    other = {**first, "id": 11}
    others = tuple(c for c in COLUMNS if c != "id" and first[c] != second[c])
    return (
        _made("lost row", drop(rows, 4), ("missing", (4,))),
        _made("lost first row", drop(rows, 1), ("missing", (1,))),
        _made("lost last rows", drop(rows, 8, 9), ("missing", (8,)), ("missing", (9,))),
        _made("lost row without key", drop(rows, None), ("missing", (None,))),
        _made(
            "lost everything",
            [],
            *(("missing", (n,)) for n in (*ALL, 9, None)),
        ),
        _made("added row", [*rows, other], ("extra", (11,))),
        _made("doubled row", [*rows, first], ("duplicated", (1,), 1, 2)),
        _made("tripled row", [*rows, first, first], ("duplicated", (1,), 1, 3)),
        _made("doubled row without key", [*rows, only(rows, None)], ("duplicated", (None,), 1, 2)),
        _made(
            "doubled row with a changed cent",
            [*rows, {**first, "amount": Decimal("10.51")}],
            ("duplicated", (1,), 1, 2),
        ),
        _made(
            "true duplicate removed",
            [r for r in rows if r is not rows[-1]],
            ("duplicated", (9,), 2, 1),
        ),
        _made("true duplicate tripled", [*rows, twice], ("duplicated", (9,), 2, 3)),
        _made(
            "one of two duplicates changed",
            [*rows[:-1], {**twice, "fee": Decimal("9.01")}],
            ("duplicated", (9,), 2, 2),
        ),
        _made(
            "lost row hidden by a doubled one",
            [*drop(rows, 3), first],
            ("missing", (3,)),
            ("duplicated", (1,), 1, 2),
        ),
        _made(
            "row replaced by another, count and sum equal",
            [*drop(rows, 1), other],
            ("missing", (1,)),
            ("extra", (11,)),
        ),
        _made("row moved to another key", put(rows, 1, id=12), ("missing", (1,)), ("extra", (12,))),
        _made(
            "row moved to a key in use",
            put(rows, 1, id=2),
            ("missing", (1,)),
            ("duplicated", (2,), 1, 2),
        ),
        _made("key lost", put(rows, 1, id=None), ("missing", (1,)), ("duplicated", (None,), 1, 2)),
        _made("key turned negative", put(rows, 1, id=-1), ("missing", (1,)), ("extra", (-1,))),
        _made(
            "keys of two rows swapped",
            [{**r, "id": {1: 2, 2: 1}.get(int(str(r["id"] or 0)), r["id"])} for r in rows],
            ("changed", (1,), others),
            ("changed", (2,), others),
        ),
        _made(
            "duplicate key with other content",
            [*rows, {**second, "id": 1}],
            ("duplicated", (1,), 1, 2),
        ),
        _made(
            "swapped pair with equal sums",
            swapped,
            ("changed", (1,), ("amount",)),
            ("changed", (2,), ("amount",)),
        ),
        _made(
            "errors that cancel out",
            put(put(rows, 1, amount=Decimal("10.51")), 7, amount=Decimal("6.99")),
            ("changed", (1,), ("amount",)),
            ("changed", (7,), ("amount",)),
        ),
        _made(
            "amount of one row split in two",
            [*put(rows, 7, amount=Decimal("4.00")), {**only(rows, 7), "amount": Decimal("3.00")}],
            ("duplicated", (7,), 1, 2),
        ),
        _made(
            "two rows merged",
            put(drop(rows, 8), 7, amount=Decimal("10.00")),
            ("missing", (8,)),
            ("changed", (7,), ("amount",)),
        ),
        _made(
            "day loaded twice",
            [*rows, *rows],
            *(("duplicated", (n,), 1, 2) for n in (*ALL, None)),
            ("duplicated", (9,), 2, 4),
        ),
        _made(
            "another day's rows beside",
            [*rows, *({**r, "id": n + 100} for n, r in enumerate(rows[:3]))],
            ("extra", (100,)),
            ("extra", (101,)),
            ("extra", (102,)),
        ),
        _made("rows in another order", rows[::-1]),
    )


def _values() -> tuple[Mutation, ...]:
    rows = base()
    return (
        _one("changed cent", 1, amount=Decimal("10.51")),
        _one("cent of 250 millions, lost in a float", 4, amount=Decimal("250000007.99")),
        _one("cents of 600,000, lost in a float", 5, amount=Decimal("600000.00")),
        _one("cent of 16 digits, lost in a double", 6, amount=Decimal("1234567890123456.77")),
        _one("flipped sign", 1, amount=Decimal("-10.50")),
        _one("flipped sign of a refund", 2, amount=Decimal("20.00")),
        _one("decimals cut", 1, amount=Decimal("10.00")),
        _one("rounded up", 1, amount=Decimal("11.00")),
        _one("scale: a hundredfold", 1, amount=Decimal("1050.00")),
        _one("scale: a hundredth", 4, amount=Decimal("2500000.00")),
        _one("null for zero", 3, amount=None),
        _one("null for an amount", 1, amount=None),
        _one("zero for an amount", 1, amount=Decimal(0)),
        _one("whole number off by one beyond a double", 6, branch=2**53 + 1),
        _one("whole number wrapped at 32 bits", 6, branch=0),
        _one("whole number null", 5, branch=None),
        _one("boolean turned", 1, active=False),
        _one("boolean null for false", 2, active=None),
        _one("two columns swapped in a row", 1, amount=Decimal("1.00"), fee=Decimal("10.50")),
        _one("value in the next column", 1, account=None, name="001"),
        _one("border moved between columns", 5, account="005a", name=" b"),
        _one("whole row empty but its key", 1, account=None, name=None, note=None, amount=None,
             fee=None, paid=None, seen=None, active=None, branch=None),
        _every("two columns swapped in all rows",
               lambda r: {"account": r["name"], "name": r["account"]}, "account", "name"),
        _every("column lost", lambda _: {"fee": None}, "fee"),
        _every("column of one value", lambda _: {"branch": 77}, "branch"),
        _every(
            "all fees one cent higher",
            lambda r: {"fee": Decimal(str(r["fee"])) + Decimal("0.01")},
            "fee",
        ),
        _made("minus zero", put(rows, 3, amount=Decimal("-0.00"))),
        _made("trailing zeros of a number", put(rows, 7, amount=Decimal("7.0"))),
        _made(
            "signs dropped",
            each(rows, lambda r: {"amount": abs(Decimal(str(r["amount"])))}),
            ("changed", (2,), ("amount",)),
        ),
        _made(
            "amounts moved down by one row",
            each(
                rows,
                lambda r: {
                    "amount": only(rows, {1: 2, 2: 3, 3: 1}[int(str(r["id"]))])["amount"]
                    if r["id"] in (1, 2, 3)
                    else r["amount"]
                },
            ),
            *(("changed", (n,), ("amount",)) for n in (1, 2, 3)),
        ),
    )  # fmt: skip


LETTERS: dict[str, tuple[int, str, str, str]] = {
    "trailing blank": (1, "name", "z", "z "),
    "leading blank": (1, "name", "A", " A"),
    "blank lost": (5, "name", " ", ""),
    "blank doubled": (5, "name", " ", "  "),
    "tab for a blank": (5, "name", " ", "\t"),
    "no-break space": (5, "name", " ", "\u00a0"),
    "lower case": (1, "name", "Ana P", "ana p"),
    "accent lost": (1, "name", "é", "e"),
    "NFD for NFC": (1, "name", "é", unicodedata.normalize("NFD", "é")),
    "zero-width space": (1, "name", "a ", "a\u200b "),
    "byte order mark": (1, "name", "A", "\ufeffA"),
    "letter of another alphabet": (1, "name", "A", "А"),
    "ss for ß": (2, "name", "ß", "ss"),
    "dotless i": (3, "name", "I", "ı"),
    "mojibake": (1, "name", "é", "Ã©"),
    "replacement character": (1, "name", "é", "\ufffd"),
    "question mark for a letter": (1, "name", "é", "?"),
    "CR LF for LF": (4, "name", "\n", "\r\n"),
    "line end lost": (4, "name", "\n", ""),
    "text cut": (8, "name", "x", ""),
    "leading zeros lost": (1, "account", "00", ""),
    "number in scientific form": (1, "account", "001", "1E+0"),
    "decimal point added": (1, "account", "1", "1.0"),
    "quotes kept": (6, "name", "ab", '"ab"'),
    "escape doubled": (6, "name", "ab", "a\\\\b"),
    "letters swapped": (6, "name", "ab", "ba"),
    "letter beyond the first plane": (6, "name", "ab", "ab\U0001f4b6"),
}
"""Harm to letters: of which row and column here, which letters, and what becomes of them."""


def _text() -> tuple[Mutation, ...]:
    rows = base()
    return (
        _one("null for an empty string", 1, note=None),
        _one("empty string for null", 2, note=""),
        _one("the word NULL for null", 2, note="NULL"),
        _one("null for the word NULL", 7, name=None),
        _one("another tool's text for null", 2, note="DEFAULT_REPLACEMENT_STRING"),
        _one("a hyphen for null", 2, note="-"),
        _one("blank for an empty string", 1, note=" "),
        *(
            _one(kind, number, **{column: str(only(rows, number)[column]).replace(was, now, 1)})
            for kind, (number, column, was, now) in LETTERS.items()
        ),
    )


def _time() -> tuple[Mutation, ...]:
    seen = datetime(2026, 3, 1, 23, 30, 0, 123456, tzinfo=UTC)

    def moved(by: timedelta) -> Callable[[Row], Row]:
        def change(row: Row) -> Row:
            at = row["seen"]
            assert isinstance(at, datetime)
            return {"seen": at + by}

        return change

    return (
        _every("time zone shift", moved(timedelta(hours=-6)), "seen"),
        _every("daylight saving hour", moved(timedelta(hours=1)), "seen"),
        _one("microsecond", 1, seen=seen + timedelta(microseconds=1)),
        _one("microseconds cut", 1, seen=seen.replace(microsecond=123000)),
        _one("seconds cut", 1, seen=seen.replace(microsecond=0)),
        _one("midnight for an instant", 1, seen=datetime(2026, 3, 1, tzinfo=UTC)),
        _one("instant null", 1, seen=None),
        _one("date off by one", 1, paid=date(2026, 2, 28)),
        _one("day and month swapped", 2, paid=date(2026, 2, 3)),
        _one("century lost", 1, paid=date(1926, 3, 1)),
        _one("year of two digits", 1, paid=date(26, 3, 1)),
        _one("date null", 1, paid=None),
        _one("epoch for a date", 1, paid=date(1970, 1, 1)),
        _one("last day for a date", 1, paid=date(9999, 12, 31)),
    )
