"""
Pure functions of the product, remembered or written in C: the same answers, sooner.

Half of a simulated day would be spent spelling and reading canonical JSON in Python, in which
no fault lies. `test_tiny.py` compares the answers.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import cast
from unittest import mock

from puntual.evidence import canonical, manifest
from puntual.landing import desk
from puntual.runner import checkpoint, work


def dumps(value: object) -> bytes:
    """
    Spell what `canonical` has found to be plain: text, integers, lists, maps with ASCII keys.

    For these RFC 8785 §3.2 and Python's encoder have the same escapes and the same order.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


class _OddError(Exception):
    """A value that `canonical` must look at itself."""


def encode(value: object) -> bytes:
    """Spell a value; whatever is not plainly plain is left to `canonical`, which may refuse it."""
    try:
        _plain(value, 0)
        return dumps(value)
    except (_OddError, UnicodeEncodeError):
        return _encode(value)


def _plain(value: object, depth: int) -> None:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return
    if depth >= canonical.MAX_DEPTH:
        raise _OddError
    if kind is dict:
        for key, held in cast(dict[object, object], value).items():
            if type(key) is not str or not key.isascii():
                raise _OddError
            _plain(held, depth + 1)
    elif kind is list or kind is tuple:
        for held in cast(list[object], value):
            _plain(held, depth + 1)
    else:
        raise _OddError


_encode = canonical.encode


@contextlib.contextmanager
def remembered() -> Iterator[None]:
    """Remember what manifests and commit records say, by their bytes."""
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        enter(mock.patch.object(canonical, "encode", encode))
        enter(mock.patch.object(work, "encode", encode))
        enter(mock.patch.object(canonical, "decode", lru_cache(4096)(canonical.decode)))
        decode = lru_cache(4096)(manifest.decode)
        enter(mock.patch.object(checkpoint, "decode", decode))
        enter(mock.patch.object(desk, "decode", decode))
        yield
