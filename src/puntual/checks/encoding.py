"""
The canonical encoding of a row, its digest, and its bucket: what every engine must come to.

This is the reference in plain Python of docs/reference/digest.md; the engines write the same in
SQL. Nothing is measured here. The encoding is typed, delimited by lengths and null-safe, so that
no two different rows have one encoding (`traps.md` 1, cases 4 and 5), and it knows no float.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import TypeGuard, assert_never

from puntual.model.contract import ColumnType, Kind
from puntual.model.difference import Shape, Value

ALGORITHM = "md5-60x2"
"""Name of this encoding with this digest; digests of two names are never compared."""

TAGS: Mapping[Kind, str] = {
    Kind.TEXT: "t",
    Kind.INTEGER: "i",
    Kind.DECIMAL: "n",
    Kind.DATE: "d",
    Kind.TIMESTAMP: "s",
    Kind.BOOLEAN: "b",
}
BUCKETS = 4096
"""How many buckets keys fall into by their MD5."""

PRIME = 4093
"""What a key of one integer is divided by; the remainder, with its sign, is the bucket."""

NULLS = 4095
"""The bucket of an integer key that is null or no number: no remainder is as large."""

_EPOCH_DAY, _EPOCH = date(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EXACT = Context(prec=400)
_HEX = 15
_ENDLESS = frozenset({"NaN", "Infinity", "-Infinity"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A row of one column each, its encoding, and the two halves of its digest."""

    types: tuple[ColumnType, ...]
    values: tuple[Value, ...]
    encoding: str
    high: int
    low: int

    @property
    def pairs(self) -> tuple[tuple[Value, ColumnType], ...]:
        """Each value with its type."""
        return tuple(zip(self.values, self.types, strict=True))


def text_of(value: Value, kind: ColumnType) -> str | None:
    """
    Return the canonical text of a value of a declared type; None for null.

    A number with more decimals than its type is not rounded: it keeps all of them, without
    trailing zeros, and so differs from every number of the type.

    Raises:
        TypeError: The value is not of this type, or is a float.
    """
    if value is None:
        return None
    if isinstance(value, str) and value in _ENDLESS and kind.kind not in (Kind.TEXT, Kind.BOOLEAN):
        return value
    match kind.kind:
        case Kind.TEXT if isinstance(value, str):
            return value
        case Kind.BOOLEAN if isinstance(value, bool):
            return "true" if value else "false"
        case Kind.INTEGER | Kind.DECIMAL if _is_number(value):
            return _number(Decimal(value), kind.scale)
        case Kind.DATE if isinstance(value, date) and not isinstance(value, datetime):
            return str((value - _EPOCH_DAY).days)
        case Kind.TIMESTAMP if isinstance(value, datetime) and value.tzinfo is not None:
            return str((value - _EPOCH) // _MICROSECOND)
    raise TypeError(f"no {kind.kind}: a {type(value).__name__}")


def value_of(text: str | None, kind: ColumnType) -> Value:
    """Read a canonical text back; what a type of Python cannot hold stays text."""
    if text is None or kind.kind is Kind.TEXT or text in _ENDLESS:
        return text
    match kind.kind:
        case Kind.BOOLEAN:
            return text == "true"
        case Kind.INTEGER | Kind.DECIMAL:
            whole = kind.kind is Kind.INTEGER and "." not in text
            return int(text) if whole else Decimal(text)
        case Kind.DATE:
            return _or_text(lambda: _EPOCH_DAY + timedelta(days=int(text)), text)
        case Kind.TIMESTAMP:
            return _or_text(lambda: _EPOCH + timedelta(microseconds=int(text)), text)
        case _:
            assert_never(kind.kind)


def encode(texts: Sequence[str | None], types: Sequence[ColumnType]) -> str:
    """
    Return the encoding of canonical texts, one for each type, in order.

    A text is `t<length>:<text>` with its length in bytes of UTF-8, null is `t:`; anything else
    is `<tag><text>;`, null is `<tag>;`.
    """
    return "".join(_encoded(text, kind) for text, kind in zip(texts, types, strict=True))


def digest(encoding: str) -> tuple[int, int]:
    """Return the halves of a row's digest: first and last 15 hex digits of the MD5."""
    found = hashlib.md5(encoding.encode(), usedforsecurity=False).hexdigest()
    return int(found[:_HEX], 16), int(found[-_HEX:], 16)


def bucket(key: str, types: Sequence[ColumnType]) -> int:
    """
    Return the bucket of an encoded key.

    A key of one integer falls by its remainder, which costs nothing; any other by 12 bits of
    its MD5: the first byte, and above it the lower half of the second.
    """
    if by_remainder(types):
        number = key[1:-1]
        if not number or number in _ENDLESS:
            return NULLS
        return int(_EXACT.remainder(Decimal(number), Decimal(PRIME)))
    found = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
    return int(found[3] + found[:2], 16)


def by_remainder(types: Sequence[ColumnType]) -> bool:
    """Say whether keys of these types fall into buckets by their remainder."""
    return len(types) == 1 and types[0].kind is Kind.INTEGER


def key_types(shape: Shape) -> tuple[ColumnType, ...]:
    """Return the types of a shape's key, in the key's order."""
    return tuple(shape.columns[name] for name in shape.key)


def _is_number(value: Value) -> TypeGuard[int | Decimal]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _number(value: Decimal, scale: int) -> str:
    if not value.is_finite():
        return "NaN" if value.is_nan() else f"{'-' if value < 0 else ''}Infinity"
    if not value:
        value = Decimal(0)
    rounded = _EXACT.quantize(value, Decimal(1).scaleb(-scale))
    if rounded == value:
        return f"{rounded:f}"
    return f"{value:f}".rstrip("0")


def _or_text(read: Callable[[], date], text: str) -> Value:
    try:
        return read()
    except (OverflowError, ValueError):
        return text


def _encoded(text: str | None, kind: ColumnType) -> str:
    tag = TAGS[kind.kind]
    if kind.kind is Kind.TEXT:
        return f"{tag}:" if text is None else f"{tag}{len(text.encode())}:{text}"
    return f"{tag}{text or ''};"


_TEXT, _INTEGER = ColumnType(kind=Kind.TEXT), ColumnType(kind=Kind.INTEGER)
_MONEY = ColumnType(kind=Kind.DECIMAL, precision=18, scale=2)
_WIDE = ColumnType(kind=Kind.DECIMAL, precision=38, scale=6)
_DATE, _INSTANT = ColumnType(kind=Kind.DATE), ColumnType(kind=Kind.TIMESTAMP)
_BOOLEAN = ColumnType(kind=Kind.BOOLEAN)

VECTORS: tuple[Vector, ...] = (
    Vector(
        types=(_TEXT, _TEXT),
        values=("ab", "c"),
        encoding="t2:abt1:c",
        high=408601740193190073,
        low=37827418254253985,
    ),
    Vector(
        types=(_TEXT, _TEXT),
        values=("a", "bc"),
        encoding="t1:at2:bc",
        high=1108000329704270783,
        low=211723495716450837,
    ),
    Vector(
        types=(_TEXT, _TEXT),
        values=("", None),
        encoding="t0:t:",
        high=225022934483496926,
        low=1121485727043969502,
    ),
    Vector(
        types=(_TEXT,),
        values=("ñ",),
        encoding="t2:ñ",
        high=37816704184398166,
        low=995003927677652497,
    ),
    Vector(
        types=(_TEXT,),
        values=("n\u0303",),
        encoding="t3:n\u0303",
        high=914312927262901671,
        low=174658890838525224,
    ),
    Vector(
        types=(_TEXT,),
        values=("7",),
        encoding="t1:7",
        high=47073155737777750,
        low=698192238907709856,
    ),
    Vector(
        types=(_INTEGER,),
        values=(7,),
        encoding="i7;",
        high=649063030625360065,
        low=962921969259387565,
    ),
    Vector(
        types=(_INTEGER, _INTEGER),
        values=(-9223372036854775808, None),
        encoding="i-9223372036854775808;i;",
        high=726577537335193682,
        low=560667169900949942,
    ),
    Vector(
        types=(_MONEY,),
        values=(Decimal("1.50"),),
        encoding="n1.50;",
        high=637112795315770551,
        low=648563794857113922,
    ),
    Vector(
        types=(_MONEY,),
        values=(Decimal("-0.05"),),
        encoding="n-0.05;",
        high=412827937837368369,
        low=597201843371280463,
    ),
    Vector(
        types=(_MONEY,),
        values=(Decimal("-0.00"),),
        encoding="n0.00;",
        high=694334318091208652,
        low=909348681205140021,
    ),
    Vector(
        types=(_MONEY,),
        values=(Decimal("0.005"),),
        encoding="n0.005;",
        high=949627141360910355,
        low=1096925512889595939,
    ),
    Vector(
        types=(_WIDE,),
        values=(Decimal("-12345678901234567890123456789012.345678"),),
        encoding="n-12345678901234567890123456789012.345678;",
        high=920893747101741555,
        low=248168416039849589,
    ),
    Vector(
        types=(_DATE, _DATE),
        values=(date(2026, 11, 20), date(1969, 12, 31)),
        encoding="d20777;d-1;",
        high=1071548264022889756,
        low=427837746897817233,
    ),
    Vector(
        types=(_INSTANT,),
        values=(datetime(2026, 11, 20, 16, 12, 13, 123456, tzinfo=UTC),),
        encoding="s1795191133123456;",
        high=285811097495153029,
        low=190114594510702570,
    ),
    Vector(
        types=(_INSTANT,),
        values=(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),),
        encoding="s-1;",
        high=814533264012240808,
        low=1039893505014829556,
    ),
    Vector(
        types=(_BOOLEAN, _BOOLEAN, _BOOLEAN),
        values=(True, False, None),
        encoding="btrue;bfalse;b;",
        high=428961659426185886,
        low=1082773467620064358,
    ),
)
"""What every engine must come to; the same table stands in docs/reference/digest.md."""
