"""Every row of the failure catalogue has a test, or says which part brings it and why."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from docs import catalogue  # noqa: E402


def test_every_row_has_a_test_or_a_reason_why_not_yet() -> None:
    assert catalogue.faults() == []


def test_the_catalogue_has_its_78_and_18_rows() -> None:
    expected = [f"f{n}" for n in range(1, 79)] + [f"h{n}" for n in range(1, 19)]
    assert list(catalogue.catalogue()["rows"]) == expected


def test_marks_of_tests_classes_parameters_and_files_are_seen() -> None:
    text = """
pytestmark = [pytest.mark.row("f1")]

@pytest.mark.row("h2")
class Suite:
    @pytest.mark.row("f3", "f4")
    def test_a(self): ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.row("h5"))])
def test_b(x): ...

@pytest.mark.row("f9")
def helper(): ...
"""
    found = [(row, t.name) for row, t in catalogue.named_in(ast.parse(text), "x.py")]
    assert found == [
        ("f1", "test_a"),
        ("h2", "test_a"),
        ("f3", "test_a"),
        ("f4", "test_a"),
        ("f1", "test_b"),
        ("h5", "test_b"),
    ]
