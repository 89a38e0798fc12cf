"""
Which `except` handlers of the core are run by tests of the core: a pytest plugin (failures.md G12).

It must be loaded before a module of the core is. Each handler of those modules, when they are
imported, gets one line more that remembers it; nothing else changes, and nothing is traced, so
that tests take no longer. A session of all tests fails at its end where a handler was not run,
and lists it; so does one of some tests with `HANDLERS_OF_ALL` in the environment.
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
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src/puntual"
ROOMS = ("errors.py", "model", "project", "checks", "planner", "evidence", "render")
BY_CHANCE = ("test_any", "whatever", "comes_back_equal", "the_bound")
"""Tests that search at random, or long: what they happen to meet is no proof."""
TESTS = Path(__file__).resolve().parents[1]

_NOW: set[str] = set()
"""What the test that runs has run so far."""
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
        setattr(module, _NAME, _NOW.add)
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


def counts(path: Path, name: str) -> bool:
    """Say whether what a test runs is run on purpose by a test of the core."""
    room = path.relative_to(TESTS).parts[1:2] if path.is_relative_to(TESTS / "core") else ()
    return bool(set(room) & set(ROOMS)) and not any(word in name for word in BY_CHANCE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Keep what a test of the core has run."""
    _NOW.clear()
    done = yield
    if counts(item.path, item.name):
        _RAN.update(_NOW)
    return done


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what another process of this session has run."""
    _RAN.update(getattr(node, "workeroutput", {}).get("handlers", ()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what this process has run, or end the session with what nobody has."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["handlers"] = sorted(_RAN)
    elif _of_all(config) and session.exitstatus == pytest.ExitCode.OK and places() - _RAN:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """List the handlers that were not run."""
    missing = sorted(places() - _RAN) if _of_all(config) else []
    if missing:
        terminalreporter.section("except handlers of the core that no test of the core has run")
        for place in missing:
            terminalreporter.line(f"src/puntual/{place}")


def _of_all(config: pytest.Config) -> bool:
    if "HANDLERS_OF_ALL" in os.environ:
        return True
    some = config.option.keyword or config.option.markexpr or config.option.collectonly
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not some


sys.meta_path.insert(0, _Finder())
