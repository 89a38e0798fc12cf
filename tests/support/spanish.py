"""The fixed English of the rooms that write exceptions; whether a Spanish notice has any."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from puntual.evidence.notice_said import SENTENCES, fixed

ROOMS = (
    "checks.judge",
    "checks.words",
    "checks.reconcile",
    "checks.control",
    "checks.seen",
    "evidence.exceptions",
    "evidence.accounted",
    "landing.accept",
    "landing.aside",
    "landing.control",
    "landing.extract",
    "landing.files",
    "landing.forms",
    "landing.late",
    "landing.look",
    "landing.seal",
    "landing.stream",
    "landing.unanswered",
    "model.planted",
    "runner.proofs",
)
"""Modules of which every sentence may come into an exceptions document."""

HOLE = "x7"
"""What stands for a name or a number."""


def sentences(module: str) -> Iterator[str]:
    """Yield the texts of more than one word that a module can write, with `HOLE` in their holes."""
    spec = find_spec(f"puntual.{module}")
    assert spec is not None
    assert spec.origin is not None
    reader = _Texts()
    reader.visit(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    yield from (t for t in reader.found if " " in t.strip() and "SELECT" not in t)


class _Texts(ast.NodeVisitor):
    """Collects texts, but for docstrings, errors that are raised, and where and what next."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_Raise(self, node: ast.Raise) -> None:
        """Pass over: an error is told by itself."""

    def visit_Expr(self, node: ast.Expr) -> None:
        """Pass over docstrings."""
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Pass over errors."""
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if not name.endswith("Error"):
            self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        """Pass over what no exception has."""
        if node.arg not in ("where", "next_step"):
            self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Take a text with holes."""
        self.found.append(
            "".join(str(v.value) if isinstance(v, ast.Constant) else HOLE for v in node.values)
        )

    def visit_Constant(self, node: ast.Constant) -> None:
        """Take a text."""
        if isinstance(node.value, str):
            self.found.append(node.value)


def english_in(notice: str) -> list[str]:
    """
    Return the fixed parts of English sentences that stand in a text.

    Those of fewer than ten letters (`the day`) stand in a project's own words as well, which a
    notice quotes as they are.
    """
    parts = {part.strip(" ,;:()") for english, _ in SENTENCES for part in fixed(english)}
    parts = {part for part in parts if len(part) >= 10}
    both = " | ".join(said for _, said in SENTENCES)
    return sorted(p for p in parts if " " in p and p not in both and p in notice)
