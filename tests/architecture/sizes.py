"""
Print the ten largest modules, functions and argument lists of `src`: `make sizes`.

Sizes are norms (style.md section 6): nothing refuses a commit for them, and a reviewer asks
whether there are two ideas in one.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"


def measure(source: Path) -> dict[str, list[tuple[int, str]]]:
    """Return (size, place) of every module, function and argument list, largest first."""
    found: dict[str, list[tuple[int, str]]] = {
        "lines of a module (norm 100-250)": [],
        "lines of a function (norm 8-15, under 50)": [],
        "positional arguments (norm 3)": [],
    }
    modules, functions, arguments = found.values()
    for file in sorted(source.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        name = file.relative_to(source).as_posix()
        modules.append((len(text.splitlines()), name))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                place = f"{name}:{node.lineno} {node.name}"
                functions.append(((node.end_lineno or node.lineno) - node.lineno + 1, place))
                arguments.append((len(node.args.posonlyargs + node.args.args), place))
    return {title: sorted(rows, key=lambda r: (-r[0], r[1])) for title, rows in found.items()}


def main() -> int:
    """Print the ten largest of each kind, and how large the whole is."""
    found = measure(SOURCE)
    for title, rows in found.items():
        print(title)
        for size, place in rows[:10]:
            print(f"  {size:5}  {place}")
    modules = next(iter(found.values()))
    print(f"the whole: {sum(size for size, _ in modules):,} lines in {len(modules)} modules")
    return 0


if __name__ == "__main__":
    sys.exit(main())
