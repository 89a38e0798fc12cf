"""Harm to values: for each kind what is drawn, as it was and as it became."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from hypothesis import strategies as st

from puntual.model.difference import Value
from support.drawn import CENT, DAYS, FULL, INSTANTS, MONEY, MOST, TEXTS, amounts
from support.mutations import LETTERS, Row

Values = Mapping[str, Value]
Pairs = st.SearchStrategy[tuple[Values, Values]]


def of(column: str, values: st.SearchStrategy[Value], harm: Callable[..., Value]) -> Pairs:
    """Draw a column's value, and what becomes of it."""
    return values.map(lambda was: ({column: was}, {column: harm(was)}))


def to(column: str, now: Value, values: st.SearchStrategy[Value] | None = None) -> Pairs:
    """Draw another value of a column than the one that it becomes."""
    drawn = FULL[column] if values is None else values
    return of(column, drawn.filter(lambda was: was != now), lambda _: now)


def whole(low: int, high: int) -> st.SearchStrategy[Decimal]:
    """Draw an amount without cents, between two."""
    return st.integers(low, high).map(Decimal)


def signed(values: st.SearchStrategy[Decimal]) -> st.SearchStrategy[Decimal]:
    """Draw an amount above zero, or the same below it."""
    return st.tuples(values, st.sampled_from([1, -1])).map(lambda v: v[0] * v[1])


POSITIVE = amounts(1, MOST)
BROKEN = signed(st.tuples(whole(0, 10**15), st.integers(1, 99)).map(lambda v: v[0] + v[1] * CENT))
"""Amounts with cents."""

INSTANT = INSTANTS.map(lambda at: at.replace(microsecond=at.microsecond or 1))
SWAPPED = st.tuples(st.integers(1, 9999), st.integers(1, 12), st.integers(1, 12))
THIS_CENTURY = st.builds(date, st.integers(2001, 2099), st.integers(1, 12), st.integers(1, 28))


def _swapped() -> Pairs:
    both = st.lists(MONEY, min_size=2, max_size=2, unique=True)
    return both.map(lambda v: ({"amount": v[0], "fee": v[1]}, {"amount": v[1], "fee": v[0]}))


def _next_column() -> Pairs:
    return st.tuples(TEXTS, TEXTS).map(
        lambda v: (
            {"account": v[0], "name": f"{v[0]}{v[1]}x"},
            {"account": None, "name": v[0]},
        )
    )


def _border() -> Pairs:
    three = st.tuples(TEXTS, TEXTS.filter(bool), TEXTS)
    return three.map(
        lambda v: (
            {"account": v[0] + v[1], "name": v[2]},
            {"account": v[0], "name": v[1] + v[2]},
        )
    )


def _empty() -> Pairs:
    return st.fixed_dictionaries(FULL).map(lambda was: (was, dict.fromkeys(was)))


def _day_and_month() -> Pairs:
    given = SWAPPED.filter(lambda v: v[1] != v[2])
    return given.map(lambda v: ({"paid": date(*v)}, {"paid": date(v[0], v[2], v[1])}))


def _wrapped(number: int) -> int:
    return (number + 2**31) % 2**32 - 2**31


NUMBERS: dict[str, Pairs] = {
    "changed cent": of("amount", amounts(-MOST, MOST - 1), lambda a: a + CENT),
    "cent of 250 millions, lost in a float": of(  # a float of 32 bits is one of every 16 here
        "amount", whole(2**23, 2**24 - 1).map(lambda n: n * 16), lambda a: a + Decimal("7.99")
    ),
    "cents of 600,000, lost in a float": of(
        "amount", whole(2**19, 2**20 - 1), lambda a: a + Decimal("0.03")
    ),
    "cent of 16 digits, lost in a double": of(
        "amount", whole(10**15, 10**16 - 1), lambda a: a - CENT
    ),
    "flipped sign": of("amount", POSITIVE, lambda a: -a),
    "flipped sign of a refund": of("amount", POSITIVE.map(lambda a: -a), lambda a: -a),
    "decimals cut": of("amount", BROKEN, lambda a: a.quantize(Decimal(1), ROUND_DOWN)),
    "rounded up": of(
        "amount",
        BROKEN,
        lambda a: a.quantize(Decimal(1), "ROUND_UP"),  # away from zero
    ),
    "scale: a hundredfold": of("amount", signed(amounts(1, MOST // 100)), lambda a: a * 100),
    "scale: a hundredth": of("amount", signed(whole(1, 10**15)), lambda a: a / 100),
    "null for zero": to("amount", None, st.just(Decimal(0))),
    "null for an amount": to("amount", None),
    "zero for an amount": to("amount", Decimal(0)),
    "whole number off by one beyond a double": of(
        "branch", st.integers(2**52, 2**62 - 1).map(lambda n: n * 2), lambda n: n + 1
    ),
    "whole number wrapped at 32 bits": of("branch", st.integers(2**31, 2**63 - 1), _wrapped),
    "whole number null": to("branch", None),
    "boolean turned": of("active", st.booleans(), lambda b: not b),
    "boolean null for false": to("active", None, st.just(False)),
    "two columns swapped in a row": _swapped(),
    "value in the next column": _next_column(),
    "border moved between columns": _border(),
    "whole row empty but its key": _empty(),
}


def _letters() -> Iterator[tuple[str, Pairs]]:
    """Put any text around the letters that are harmed, but for what stands at an end."""
    for kind, (_, column, was, now) in LETTERS.items():
        before = st.just("") if kind in ("leading blank", "byte order mark") else TEXTS
        after = st.just("") if kind == "trailing blank" else TEXTS
        yield kind, st.tuples(before, after).map(_around(column, was, now))


def _around(column: str, was: str, now: str) -> Callable[[tuple[str, str]], tuple[Values, Values]]:
    return lambda v: ({column: v[0] + was + v[1]}, {column: v[0] + now + v[1]})


WORDS: dict[str, Pairs] = {
    "null for an empty string": to("note", None, st.just("")),
    "empty string for null": to("note", "", st.none()),
    "the word NULL for null": to("note", "NULL", st.none()),
    "null for the word NULL": to("name", None, st.just("NULL")),
    "another tool's text for null": to("note", "DEFAULT_REPLACEMENT_STRING", st.none()),
    "a hyphen for null": to("note", "-", st.none()),
    "blank for an empty string": to("note", " ", st.just("")),
}
TIMES: dict[str, Pairs] = {
    "microsecond": of("seen", INSTANT, lambda at: at + timedelta(microseconds=1)),
    "microseconds cut": of(
        "seen",
        st.tuples(INSTANTS, st.integers(0, 999), st.integers(1, 999)).map(
            lambda v: v[0].replace(microsecond=v[1] * 1000 + v[2])
        ),
        lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000),
    ),
    "seconds cut": of("seen", INSTANT, lambda at: at.replace(second=0, microsecond=0)),
    "midnight for an instant": of(
        "seen", INSTANT, lambda at: datetime(at.year, at.month, at.day, tzinfo=UTC)
    ),
    "instant null": to("seen", None),
    "date off by one": of("paid", DAYS, lambda d: d - timedelta(days=1)),
    "day and month swapped": _day_and_month(),
    "century lost": of("paid", THIS_CENTURY, lambda d: d.replace(year=d.year - 100)),
    "year of two digits": of("paid", THIS_CENTURY, lambda d: d.replace(year=d.year - 2000)),
    "date null": to("paid", None),
    "epoch for a date": to("paid", date(1970, 1, 1)),
    "last day for a date": to("paid", date(9999, 12, 31)),
}
VALUES: dict[str, Pairs] = {**NUMBERS, **dict(_letters()), **WORDS, **TIMES}
ALIKE: dict[str, Pairs] = {
    "minus zero": of("amount", st.just(Decimal("0.00")), lambda a: -a),
    "trailing zeros of a number": of("amount", whole(-(10**15), 10**15), Decimal.normalize),
}
"""What is no harm: the same number, written otherwise."""

Fit = Callable[[Row], st.SearchStrategy[Values]]


def _moved(hours: int) -> tuple[Fit, Callable[[Row], Values]]:
    return (
        lambda _: st.fixed_dictionaries({"seen": INSTANTS}),
        lambda row: {"seen": row["seen"] + timedelta(hours=hours)},
    )


EVERY_ROW: dict[str, tuple[Fit, Callable[[Row], Values]]] = {
    "two columns swapped in all rows": (  # another first letter: none may be as it was
        lambda row: st.just({"account": f"a{row['account']}", "name": f"n{row['name']}"}),
        lambda row: {"account": row["name"], "name": row["account"]},
    ),
    "column lost": (
        lambda _: st.fixed_dictionaries({"fee": MONEY}),
        lambda _: {"fee": None},
    ),
    "column of one value": (
        lambda row: st.just({"branch": 78} if row["branch"] == 77 else {}),
        lambda _: {"branch": 77},
    ),
    "all fees one cent higher": (
        lambda _: st.fixed_dictionaries({"fee": amounts(-MOST, MOST - 1)}),
        lambda row: {"fee": row["fee"] + CENT},  # type: ignore[operator]
    ),
    "time zone shift": _moved(-6),
    "daylight saving hour": _moved(1),
}
"""For each kind what every row is given first, and what becomes of it then."""
