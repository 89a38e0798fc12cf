"""The rules of style.md section 5, on the real tree and on seeded faults."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from architecture import rules

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src/puntual"


@cache
def modules() -> list[rules.Module]:
    """Return the modules of the source."""
    return [
        rules.parse(file.relative_to(SOURCE).as_posix(), file.read_text(encoding="utf-8"))
        for file in sorted(SOURCE.rglob("*.py"))
    ]


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule: Callable[[rules.Module], list[str]]) -> None:
    assert [offence for module in modules() for offence in rule(module)] == []


def test_every_room_of_the_source_is_looked_at() -> None:
    assert {module.room for module in modules()} >= {"model", "ports", "project", "cli", "errors"}


DOC = '"""A sentence."""\n'
SEEDED = [
    (rules.third_parties_live_at_home, "checks/judge.py", "import duckdb"),
    (rules.third_parties_live_at_home, "local/web.py", "from requests import get"),
    (rules.third_parties_live_at_home, "runner/x.py", "def f():\n    import pyarrow.parquet"),
    (rules.third_parties_live_at_home, "cli/x.py", "if 0:\n    from boto3 import client"),
    (rules.imports_are_absolute_and_at_the_top, "checks/judge.py", "from . import other"),
    (rules.imports_are_absolute_and_at_the_top, "local/x.py", "def f():\n    import json"),
    (rules.core_imports_what_works_on_values, "planner/plan.py", "import os"),
    (rules.core_imports_what_works_on_values, "model/x.py", "from time import sleep"),
    (rules.core_imports_what_works_on_values, "render/x.py", "def f():\n    import random"),
    (rules.core_asks_no_clock, "planner/decide.py", "at = datetime.now(UTC)"),
    (rules.core_asks_no_clock, "evidence/x.py", "data = open('x').read()"),
    (rules.core_asks_no_clock, "model/x.py", "name = uuid.uuid4()"),
    (rules.nothing_is_imported_by_name_at_run_time, "engines/x.py", "import importlib"),
    (rules.nothing_is_imported_by_name_at_run_time, "runner/x.py", "m = __import__('os')"),
    (rules.nothing_is_imported_by_name_at_run_time, "project/x.py", "import importlib.util"),
    (rules.nothing_catches_everything, "local/x.py", "try:\n    f()\nexcept Exception:\n    pass"),
    (rules.nothing_catches_everything, "cli/x.py", "try:\n    f()\nexcept:\n    pass"),
    (
        rules.nothing_catches_everything,
        "x.py",
        "try:\n    f()\nexcept (E, BaseException):\n    g()",
    ),
    (rules.money_is_no_float, "checks/x.py", "half = 0.5"),
    (rules.money_is_no_float, "render/x.py", "total = float(amount)"),
    (rules.nothing_is_pickled, "local/x.py", "import pickle"),
    (rules.a_room_holds_only_its_docstring, "model/__init__.py", "from puntual import errors"),
]


@pytest.mark.parametrize(
    ("rule", "path", "fault"), SEEDED, ids=[f"{r.__name__}-{p}" for r, p, _ in SEEDED]
)
def test_a_seeded_fault_is_refused(
    rule: Callable[[rules.Module], list[str]], path: str, fault: str
) -> None:
    assert len(rule(rules.parse(path, DOC + fault + "\n"))) == 1


def test_a_module_without_a_sentence_is_refused() -> None:
    for text in ("x = 1\n", '"""no full stop"""\n', ""):
        assert rules.a_module_opens_with_a_sentence(rules.parse("model/x.py", text))


def test_what_stands_at_home_is_no_fault() -> None:
    text = DOC + "import duckdb\nimport json\nfrom puntual.model import check\n"
    assert rules.third_parties_live_at_home(rules.parse("engines/duckdb/x.py", text)) == []
    resources = rules.parse("project/x.py", DOC + "from importlib.resources import files\n")
    assert rules.nothing_is_imported_by_name_at_run_time(resources) == []


def test_cleaning_up_and_raising_again_handles_nothing() -> None:
    text = DOC + "try:\n    f()\nexcept BaseException:\n    undo()\n    raise\n"
    assert rules.nothing_catches_everything(rules.parse("local/x.py", text)) == []
