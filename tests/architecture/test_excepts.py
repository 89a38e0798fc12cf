"""Every `except` in the core rooms is executed by a test of the core (failures.md G12)."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from support.handlers import handlers, places

TESTS = Path(__file__).resolve().parents[1]


def test_a_session_that_leaves_a_handler_out_fails_at_its_end_and_lists_it() -> None:
    """`make test` as a whole is such a session; here it is one of a room that raises little."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider",
         str(TESTS / "core/checks")],
        cwd=TESTS.parent, capture_output=True, text=True, check=False,
        env=os.environ | {"HANDLERS_OF_ALL": "1"},
    )  # fmt: skip
    assert ended.returncode == 1, ended.stdout[-3000:] + ended.stderr[-1000:]
    assert " passed in " in ended.stdout
    _, _, told = ended.stdout.partition("except handlers of the core")
    lines = [line for line in told.splitlines() if line.startswith("src/puntual/")]
    listed = {line.removeprefix("src/puntual/") for line in lines}
    assert listed
    assert listed <= places()
    assert any(place.startswith("project/yaml.py:") for place in listed)
    assert not any(place.startswith("checks/") for place in listed)


def test_handlers_inside_handlers_and_functions_are_seen() -> None:
    text = "try:\n    f()\nexcept A:\n    try:\n        g()\n    except (B, C):\n        pass\n"
    assert [node.lineno for node in handlers(ast.parse(text))] == [3, 6]
