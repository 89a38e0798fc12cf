"""Every `except` in the core rooms is executed by a test of the core (failures.md G12)."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.handlers import handlers, places

TESTS = Path(__file__).resolve().parents[1]
ROOMS = ("project", "checks", "planner", "evidence", "render")
BY_CHANCE = "not test_any and not whatever and not comes_back_equal and not the_bound"
"""Tests that search at random, or long: what they happen to meet is no proof."""


def not_run(folder: Path, *arguments: str) -> list[str]:
    """Run tests in a process of its own and return the handlers that none of them ran."""
    answer = folder / "not_run"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "support.handlers",
         "-p", "no:cacheprovider", "-p", "no:xdist", *arguments],
        cwd=TESTS.parent, capture_output=True, text=True, check=False,
        env=os.environ | {"HANDLERS_NOT_RUN": str(answer), "PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return answer.read_text(encoding="utf-8").splitlines()


@pytest.mark.timeout(300)
def test_every_except_of_the_core_is_executed(tmp_path: Path) -> None:
    folders = [str(TESTS / "core" / room) for room in ROOMS]
    assert not_run(tmp_path, "-k", BY_CHANCE, *folders) == []


def test_a_handler_that_no_test_runs_is_listed(tmp_path: Path) -> None:
    listed = not_run(tmp_path, str(TESTS / "core/checks"))
    assert set(listed) <= places()
    assert any(place.startswith("project/yaml.py:") for place in listed)


def test_handlers_inside_handlers_and_functions_are_seen() -> None:
    text = "try:\n    f()\nexcept A:\n    try:\n        g()\n    except (B, C):\n        pass\n"
    assert [node.lineno for node in handlers(ast.parse(text))] == [3, 6]
