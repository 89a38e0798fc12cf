"""The failure catalogue: each row with the tests that name it by `@pytest.mark.row`."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"[fh][1-9][0-9]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A test that shows a row: its file below `tests/`, and its name."""

    file: str
    name: str


def rows_of(node: ast.expr) -> tuple[str, ...]:
    """
    Return the rows that a decorator, or one mark of a `pytest.param`, names.

    Raises:
        ValueError: It names them by something else than words, which nobody reads here.
    """
    named = isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row"
    if not named or not isinstance(node, ast.Call):
        return ()
    if not all(isinstance(a, ast.Constant) for a in node.args):
        raise ValueError(f"rows are named by words, not by {ast.unparse(node)}")
    return tuple(str(a.value) for a in node.args if isinstance(a, ast.Constant))


def named_in(tree: ast.Module, file: str) -> Iterator[tuple[str, Shown]]:
    """Yield (row, test) of a file; a mark on a class or on the file is one on each of its tests."""
    whole = [
        row
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        for inner in ast.walk(node.value)
        if isinstance(inner, ast.expr)
        for row in rows_of(inner)
    ]
    yield from _inside(tree.body, file, tuple(whole))


def _inside(body: list[ast.stmt], file: str, outer: tuple[str, ...]) -> Iterator[tuple[str, Shown]]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        own = [r for d in node.decorator_list for i in ast.walk(d) for r in _rows(i)]
        rows = (*outer, *own)
        if isinstance(node, ast.ClassDef):
            yield from _inside(node.body, file, rows)
        elif node.name.startswith("test"):
            for row in dict.fromkeys(rows):
                yield row, Shown(file=file, name=node.name)


def _rows(node: ast.AST) -> tuple[str, ...]:
    return rows_of(node) if isinstance(node, ast.expr) else ()


def shown() -> dict[str, list[Shown]]:
    """Return the tests of every row that a test names, by file and name."""
    found: dict[str, list[Shown]] = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for row, test in named_in(tree, path.relative_to(ROOT / "tests").as_posix()):
            found.setdefault(row, []).append(test)
    return found


def catalogue() -> dict[str, dict[str, Any]]:
    """Return `docs/rows.toml`: sections, rows, and why a row is not shown."""
    with (ROOT / "docs/rows.toml").open("rb") as file:
        return tomllib.load(file)


def faults() -> list[str]:
    """Return what is wrong: a row that neither a test names nor a reason; a mark without a row."""
    told, found = catalogue(), shown()
    rows, later = told["rows"], told["not_shown"]
    return [
        *(
            f"{r}: no test names it, and no reason is said"
            for r in rows
            if r not in {*found, *later}
        ),
        *(f"{r}: tests name it, so it is shown" for r in later if r in found),
        *(f"{r}: {found[r][0].name} names a row that is not there" for r in found if r not in rows),
        *(f"{r}: a reason for a row that is not there" for r in later if r not in rows),
    ]


def failures_page(made: str) -> str:
    """Return the page of the failure catalogue."""
    told, found = catalogue(), shown()
    count = sum(row in found for row in told["rows"])
    parts = [
        "# Failure catalogue",
        made.replace("the program", "the tests' marks and docs/rows.toml"),
        "What can go wrong, what must happen, and the tests that show it. A row that no test"
        " shows says why.",
        f"{count} of {len(told['rows'])} rows have a test.",
    ]
    table: list[str] = []
    for row, (where, fault, must) in told["rows"].items():
        if row in told["sections"]:
            table = [f"## {told['sections'][row]}", "", HEAD]
            parts.append("")
        shows = _tests(found[row]) if row in found else f"not shown: {told['not_shown'][row]}"
        table.append(f"| {row} | {where} | {fault} | {must} | {shows} |")
        parts[-1] = "\n".join(table)
    return "\n\n".join(parts) + "\n"


HEAD = "| row | where | fault | what must happen | tests |\n|---|---|---|---|---|"


def _tests(found: list[Shown]) -> str:
    files: dict[str, list[str]] = {}
    for test in found:
        files.setdefault(test.file, []).append(test.name)
    return "<br>".join(f"`{file}`: {', '.join(names)}" for file, names in files.items())
