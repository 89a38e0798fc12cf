"""
The model's values as JSON that loses nothing: numbers are strings, instants RFC 3339.

What a step must hand on (seals, findings, hops, decisions) stands in its manifest in this form,
so that a later step, another process or an auditor reads back equal values (design 4.9).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from puntual.errors import EvidenceError

T = TypeVar("T")

Json = object


def to_json(value: object) -> Json:
    """
    Return a value of the model as JSON values without any number.

    Raises:
        TypeError: The value is of a kind that has no form here, such as a float.
    """
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, bool | str):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(v) for v in value]
    return _scalar(value)


def _scalar(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value // timedelta(microseconds=1))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def from_json(kind: type[T], data: Json) -> T:
    """
    Read back what `to_json` made of a value of this type.

    Raises:
        EvidenceError: V2003 the data has another shape; it was not written by `to_json`.
    """
    try:
        return typing.cast(T, _read(kind, data))
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as exc:
        raise EvidenceError(
            "V2003",
            f"a recorded {kind.__name__} cannot be read back",
            expected="the shape its writer gave it",
            observed=type(exc).__name__,
            next_step="puntual verify names the manifest; run the step again from raw",
        ) from exc


def list_from_json(kind: type[T], data: Json) -> tuple[T, ...]:
    """
    Read back a list of what `to_json` made of values of this type.

    Raises:
        EvidenceError: V2003 the data has another shape.
    """
    if not isinstance(data, list):
        raise EvidenceError(
            "V2003",
            f"a recorded list of {kind.__name__} is no list",
            expected="a list",
            observed=type(data).__name__,
            next_step="puntual verify names the manifest; run the step again from raw",
        )
    return tuple(from_json(kind, item) for item in data)


def _read(kind: Any, data: Any) -> object:
    origin = typing.get_origin(kind)
    if origin is types.UnionType or origin is typing.Union:
        return _read_optional(kind, data)
    if origin is tuple:
        return _read_tuple(typing.get_args(kind), data)
    if origin is not None and issubclass(origin, Mapping):
        key, value = typing.get_args(kind)
        return {_read(key, k): _read(value, v) for k, v in data.items()}
    if is_dataclass(kind):
        hints = _hints(typing.cast(type, kind))
        given = [f.name for f in fields(kind) if f.name in data or not _may_lack(f)]
        return kind(**{name: _read(hints[name], data[name]) for name in given})  # type: ignore[operator]
    return _read_scalar(kind, data)


def _may_lack(field: Field[Any]) -> bool:
    """Say whether a value that was written before the field was there may lack it."""
    return field.default is not MISSING or field.default_factory is not MISSING


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _read_optional(kind: Any, data: Any) -> object:
    if data is None:
        return None
    (only,) = (a for a in typing.get_args(kind) if a is not types.NoneType)
    return _read(only, data)


def _read_tuple(args: tuple[Any, ...], data: Any) -> tuple[object, ...]:
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_read(args[0], v) for v in data)
    return tuple(_read(a, v) for a, v in zip(args, data, strict=True))


def _read_scalar(kind: Any, data: Any) -> object:
    if kind is bool or kind is str:
        if not isinstance(data, kind):
            raise TypeError(kind)
        return data
    if kind is timedelta:
        return timedelta(microseconds=int(data))
    if kind in (datetime, date, time):
        return kind.fromisoformat(data)
    return kind(data)
