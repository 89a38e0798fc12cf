"""Every failpoint in the code is registered, and every registered one stands in the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from puntual.failpoints import POINTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/faults.md"


def called(text: str) -> Iterator[str]:
    """Yield the names that calls of `failpoint` and `corrupted` give; one in a variable is none."""
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("failpoint", "corrupted")
        ):
            name = node.args[0]
            yield str(name.value) if isinstance(name, ast.Constant) else f"line {node.lineno}"


@cache
def sites() -> dict[str, str]:
    """Return the points that the code passes, with a file that does."""
    return {
        name: file.relative_to(ROOT).as_posix()
        for file in sorted((ROOT / "src/puntual").rglob("*.py"))
        for name in called(file.read_text(encoding="utf-8"))
    }


def test_every_call_names_a_registered_point() -> None:
    assert {name: file for name, file in sites().items() if name not in POINTS} == {}


def test_every_registered_point_stands_in_the_code() -> None:
    assert sorted(POINTS.keys() - sites().keys()) == []


def test_a_call_with_a_name_that_nobody_can_look_up_is_seen() -> None:
    assert list(called("failpoint(name)\nfailpoint('step.begun')")) == ["line 1", "step.begun"]


@pytest.mark.parametrize("name", POINTS)
def test_the_reference_page_says_where_a_point_lies(name: str) -> None:
    assert f"| `{name}` | {POINTS[name]} |" in PAGE.read_text(encoding="utf-8")
