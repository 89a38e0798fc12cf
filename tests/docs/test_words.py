"""The words of the docs are the words of the program."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

from puntual.model.check import OnFail, Rule, Severity

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "src/puntual/model"


def plain(text: str) -> str:
    """Return a text's letters only, so that `ControlRule` and `control rule` are one word."""
    return re.sub(r"[^a-z]", "", text.lower())


def nouns() -> list[str]:
    """Return the public classes of the model, by name."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(MODEL.glob("*.py"))]
    return [
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def test_every_noun_of_the_model_is_in_the_glossary() -> None:
    glossary = plain((ROOT / "docs/glossary.md").read_text(encoding="utf-8"))
    assert [noun for noun in nouns() if plain(noun) not in glossary] == []


def test_every_kind_of_check_is_documented() -> None:
    page = (ROOT / "docs/reference/project.md").read_text(encoding="utf-8")
    words = {
        "NotNull": "not_null",
        "Unique": "unique",
        "AcceptedValues": "accepted_values",
        "Reference": "reference",
        "Fresh": "fresh",
        "RowRule": "row",
        "SqlRows": "sql",
        "SumEquals": "sum_equals",
    }
    assert {kind.__name__ for kind in get_args(Rule)} == set(words)
    assert [word for word in words.values() if f"`{word}:" not in page] == []


def test_what_may_happen_and_how_bad_it_is_are_documented() -> None:
    page = (ROOT / "docs/reference/project.md").read_text(encoding="utf-8")
    assert " | ".join(OnFail) in page
    assert " | ".join(Severity) in page
