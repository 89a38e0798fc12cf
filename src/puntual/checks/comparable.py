"""Which types can be read as which exactly, and the complaint where they cannot."""

from __future__ import annotations

import re
from collections.abc import Mapping

from puntual.errors import ProjectError
from puntual.model.contract import ColumnType, Kind
from puntual.model.difference import Shape

_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_INTEGERS = frozenset(
    f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")
) | {"INTEGER", "UINTEGER"}
_INSTANTS = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE"})
_PLAIN: Mapping[str, Kind] = {
    "VARCHAR": Kind.TEXT,
    "DATE": Kind.DATE,
    "BOOLEAN": Kind.BOOLEAN,
    **dict.fromkeys(_INTEGERS, Kind.INTEGER),
    **dict.fromkeys(_INSTANTS, Kind.TIMESTAMP),
}


def declared(word: str) -> ColumnType | None:
    """Return the type that a word of DuckDB means; None for one that is not exact."""
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", word)
    if decimal:
        return ColumnType(kind=Kind.DECIMAL, precision=int(decimal[1]), scale=int(decimal[2]))
    return ColumnType(kind=_PLAIN[word]) if word in _PLAIN else None


def common(left: ColumnType | None, right: ColumnType | None) -> ColumnType | None:
    """
    Return the type as which both can be read exactly; None where there is none.

    Whole numbers and decimals have one; text and numbers, dates and instants have none: to read
    one as the other would be a guess.
    """
    if left is None or right is None:
        return None
    if left.kind is right.kind and left.kind is not Kind.DECIMAL:
        return left
    if {left.kind, right.kind} <= _NUMBERS:
        return ColumnType(kind=Kind.DECIMAL, precision=38, scale=max(left.scale, right.scale))
    return None


def common_shape(
    left: Mapping[str, ColumnType | None],
    right: Mapping[str, ColumnType | None],
    *,
    key: tuple[str, ...],
    columns: tuple[str, ...] | None = None,
) -> Shape:
    """
    Return the shape in which two sides can be compared where nothing else declares it.

    Args:
        left: The columns of one side; None for a type that is not exact.
        right: The columns of the other.
        key: Columns of the key.
        columns: What is compared beside the key; None: every column of the left side.

    Raises:
        ProjectError: R6001 two types have none in common; R6002 a column is on one side only.
    """
    found: dict[str, ColumnType] = {}
    for name in dict.fromkeys((*key, *(left if columns is None else columns))):
        for side in (left, right):
            if name not in side:
                raise no_such_column(name, side)
        kind = common(left[name], right[name])
        if kind is None:
            raise ProjectError(
                "R6001",
                f"column {name} has no exact type on both sides",
                where=f"column {name}",
                expected="two texts, two numbers, two dates, two instants or two booleans",
                observed=f"{shown(left[name])} and {shown(right[name])}",
                next_step=f"CAST {name} in the query of one side; a float is never compared.",
            )
        found[name] = kind
    return Shape(key=key, columns=found)


def readable(found: ColumnType | None, kind: ColumnType) -> bool:
    """Say whether a column of a found type can be read exactly as a declared one."""
    if found is None:
        return False
    return found.kind is kind.kind or {found.kind, kind.kind} <= _NUMBERS


def not_as_declared(column: str, word: str, kind: ColumnType) -> ProjectError:
    """Return the complaint about a column that is not of its declared type."""
    return ProjectError(
        "R6001",
        f"column {column} cannot be compared as {shown(kind)} exactly",
        where=f"column {column}",
        expected=shown(kind),
        observed=word,
        next_step=f"CAST {column} in the query of that side, or declare what it is; a float is "
        "never compared.",
    )


def not_exact(column: str, word: str) -> ProjectError:
    """Return the complaint about a column of a type that no digest is taken of."""
    return ProjectError(
        "R6001",
        f"column {column} is not of an exact type",
        where=f"column {column}",
        expected="text, integer, decimal, date, timestamp or boolean",
        observed=word,
        next_step=f"CAST {column} in the model; a float is never compared.",
    )


def no_such_column(column: str, columns: Mapping[str, object]) -> ProjectError:
    """Return the complaint about a column that a side does not have."""
    return ProjectError(
        "R6002",
        f"column {column} is not on both sides",
        where=f"column {column}",
        expected=f"a column named {column}",
        observed=", ".join(columns) or "no columns",
        next_step="Correct the name, or give the column its name in that side's query.",
    )


def shown(kind: ColumnType | None) -> str:
    """Return a type as people write it: `decimal(18,2)`, `text`."""
    if kind is None:
        return "a type that is not exact"
    if kind.kind is Kind.DECIMAL:
        return f"decimal({kind.precision},{kind.scale})"
    return kind.kind.value
