"""Which types can be read as which exactly, and the complaint where they cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

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


def is_exact(word: str) -> bool:
    """Say whether a word of DuckDB means a type that holds what it is given."""
    return declared(word) is not None


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


def number_of_both(left: ColumnType | None, right: ColumnType | None) -> ColumnType | None:
    """
    Return the number as which a text and a number can be compared; None for another pair.

    Only where every text reads as that number exactly (`no_number`) may the two be compared.
    """
    kinds = (left, right)
    numbers = [k for k in kinds if k is not None and k.kind in _NUMBERS]
    texts = [k for k in kinds if k is not None and k.kind is Kind.TEXT]
    if not (numbers and texts):
        return None
    return ColumnType(kind=Kind.DECIMAL, precision=38, scale=numbers[0].scale)


def numbers_of_texts(
    found: Mapping[str, ColumnType | None], types: Mapping[str, ColumnType]
) -> dict[str, ColumnType]:
    """
    Return the columns that are texts and are to be read as numbers, with the number's type.

    Args:
        found: The columns of a side.
        types: As what columns are read.
    """
    return {
        name: kind
        for name, kind in types.items()
        if kind.kind is Kind.DECIMAL and _is_text(found.get(name))
    }


def _is_text(found: ColumnType | None) -> bool:
    return found is not None and found.kind is Kind.TEXT


def no_number(column: str, kind: ColumnType) -> str:
    """
    Return the condition, in DuckDB's dialect, of a text that does not read as a number exactly.

    What reads as one is digits with a sign or without, before the point as many as the type holds
    and any zeros in front, behind it as many and any zeros after them: `0012`, `-1.50`. No blank,
    no exponent, no other mark: to read those would be a guess. A null is no text.

    Args:
        column: The quoted name.
        kind: The number's type.
    """
    decimals = f"[0-9]{{0,{kind.scale}}}0*" if kind.scale else "0+"
    pattern = f"[+-]?0*[0-9]{{1,{max(kind.precision - kind.scale, 1)}}}([.]{decimals})?"
    return f"{column} IS NOT NULL AND NOT regexp_full_match({column}, '{pattern}')"


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
            raise none_in_common(name, left[name], right[name])
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


def require_exact(columns: Iterable[str], types: Mapping[str, str]) -> None:
    """
    Refuse columns that a table does not have, or has with a type that holds less than it is given.

    Args:
        columns: Their names.
        types: The table's columns: name → type in DuckDB's words, or another if not exact.

    Raises:
        ProjectError: R6002 a column is not there; R6001 it is not of an exact type.
    """
    for name in columns:
        if name not in types:
            raise no_such_column(name, types)
        if not is_exact(types[name]):
            raise not_exact(name, types[name])


def none_in_common(column: str, left: ColumnType | None, right: ColumnType | None) -> ProjectError:
    """Return the complaint about a column whose two types cannot be read as one exactly."""
    return ProjectError(
        "R6001",
        f"column {column} has no exact type on both sides",
        where=f"column {column}",
        expected="two texts, two numbers, two dates, two instants or two booleans",
        observed=f"{shown(left)} and {shown(right)}",
        next_step=f"CAST {column} in the query of one side; a float is never compared.",
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
