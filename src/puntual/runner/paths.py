"""Reference paths of the Amazon States Language: where in a state's input a value stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\['((?:[^'\\]|\\.)+)'\]")


def parts(path: str) -> tuple[str, ...]:
    """
    Return the names that a path goes through; none for `$`, the whole input.

    Args:
        path: Such as `$.error` or `$.steps['load:credits'].records`; objects only, no indexes.

    Raises:
        ValueError: It is no such path.
    """
    if not path.startswith("$"):
        raise ValueError(f"{path!r} is no reference path: it begins with $")
    found, at = [], 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise ValueError(f"{path!r} is no reference path, from character {at + 1}")
        found.append(step[1] or re.sub(r"\\(.)", r"\1", step[2]))
        at = step.end()
    return tuple(found)


def read(data: Mapping[str, object], path: str) -> object:
    """
    Return the value at a path.

    Raises:
        KeyError: There is none.
        ValueError: It is no reference path.
    """
    value: object = data
    for name in parts(path):
        if not isinstance(value, Mapping) or name not in value:
            raise KeyError(path)
        value = cast(Mapping[str, object], value)[name]
    return value


def put(data: Mapping[str, object], path: str, value: object) -> object:
    """
    Return the input with a value at a path; objects on the way are made, nothing is changed.

    Raises:
        KeyError: Something on the way is no object (`States.ResultPathMatchFailure`).
        ValueError: It is no reference path.
    """
    return _put(data, parts(path), value, path)


def _put(data: object, names: tuple[str, ...], value: object, path: str) -> object:
    if not names:
        return value
    if not isinstance(data, Mapping):
        raise KeyError(path)
    below = data.get(names[0], {})
    return {**data, names[0]: _put(below, names[1:], value, path)}
