"""
Which `except` handlers of the core were run: a pytest plugin (`-p support.handlers`).

It must be loaded before a module of the core is. Each handler of those modules, when they are
imported, gets one line more that remembers it; nothing else changes, and nothing is traced, so
that tests take no longer. At the end it writes the handlers that were not run to the file that
`HANDLERS_NOT_RUN` names, one `file:line` a line.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

SOURCE = Path(__file__).resolve().parents[2] / "src/puntual"
ROOMS = ("errors.py", "model", "project", "checks", "planner", "evidence", "render")
_RAN: set[str] = set()
_NAME = "__handler_ran__"


def files() -> Iterator[Path]:
    """Yield the modules of the core rooms."""
    for room in ROOMS:
        place = SOURCE / room
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place]


def handlers(tree: ast.AST) -> list[ast.ExceptHandler]:
    """Return the `except` handlers of a module, by line."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    return sorted(found, key=lambda node: node.lineno)


def places() -> set[str]:
    """Return `file:line` of every handler of the core."""
    return {
        f"{path.relative_to(SOURCE).as_posix()}:{node.lineno}"
        for path in files()
        for node in handlers(ast.parse(path.read_text(encoding="utf-8")))
    }


class _Loader(SourceFileLoader):
    def source_to_code(  # type: ignore[override]
        self, data: bytes, path: str, *, _optimize: int = -1
    ) -> CodeType:
        tree = ast.parse(data, path)
        name = Path(path).relative_to(SOURCE).as_posix()
        for node in handlers(tree):
            line = ast.parse(f"{_NAME}({f'{name}:{node.lineno}'!r})").body[0]
            for part in ast.walk(line):
                ast.copy_location(part, node.body[0])
            node.body.insert(0, line)
        return compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)  # never the cached bytes, which have no marks
        return self.source_to_code(self.get_data(path), path)

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, _NAME, _RAN.add)
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top, _, rest = fullname.partition(".")
        if top != "puntual" or rest.split(".")[0] not in {r.removesuffix(".py") for r in ROOMS}:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


def pytest_unconfigure() -> None:
    """Write what was not run."""
    missing = sorted(places() - _RAN)
    Path(os.environ["HANDLERS_NOT_RUN"]).write_text("".join(f"{p}\n" for p in missing))


if "HANDLERS_NOT_RUN" in os.environ:
    sys.meta_path.insert(0, _Finder())
