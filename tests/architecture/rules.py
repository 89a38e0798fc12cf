"""
What an import graph does not see, as functions from a module's tree to its offences.

The contract in `pyproject.toml` (import-linter) holds the layers. These rules hold the rest of
style.md section 5: packages nobody listed, calls to the clock, dynamic imports, code in a
room's `__init__`. Each takes a parsed file and returns sentences; none reads anything.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HOMES = {
    "aws": {"boto3", "botocore", "awsglue", "pyspark", "pyarrow"},
    "cli": {"click", "rich", "holidays"},
    "console": {"starlette", "uvicorn", "jinja2"},
    "engines": {"sqlglot", "duckdb", "py4j", "pyspark", "psycopg", "pyarrow"},
    "evidence": {"rfc8785", "cryptography", "securesystemslib"},
    "infra": {"aws_cdk", "constructs"},
    "landing": {"pyarrow"},
    "local": {"duckdb", "pyarrow", "cryptography", "rfc3161_client"},
    "project": {"ruamel", "jsonschema", "sqlglot", "tzdata"},
    "render": {"xlsxwriter", "typst"},
    "plugin": {"ministack", "botocore", "duckdb", "psutil", "psycopg", "pyarrow", "sqlglot"},
}
"""Third parties, each where style.md gives it a home; what is not named is refused everywhere."""

CORE = {"errors", "model", "checks", "planner", "evidence", "render", "ports"}
CORE_MAY_IMPORT = {
    "__future__", "abc", "ast", "base64", "binascii", "bisect", "codecs", "collections",
    "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum",
    "fractions", "functools", "hashlib", "hmac", "io", "itertools", "json", "operator", "re",
    "string", "struct", "textwrap", "types", "typing", "unicodedata", "xml", "zipfile",
}  # fmt: skip
CORE_MAY_NOT_CALL = {"now", "today", "utcnow", "uuid1", "uuid4", "open", "print"}
NO_FLOATS = {"model", "checks", "planner", "evidence", "render"}
CATCHES_ALL = {"runner/route.py", "cli/main.py"}
NEVER = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle"}
CODE = re.compile(r"[CSQRPLDVT]\d{4}")


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed file of `src/puntual`, by its path below it (`checks/judge.py`)."""

    path: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """
        The room it stands in: the first folder, or the file's own name at the top.

        What runs in the stage's own interpreter has its own packages.
        """
        if self.path.startswith("aws/stage/plugin/"):
            return "plugin"
        return self.path.split("/")[0].removesuffix(".py")


def parse(path: str, text: str) -> Module:
    """Return the module that a file's text is."""
    return Module(path, ast.parse(text, path))


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of everything the module imports, at any depth."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            for alias in node.names:
                yield node.lineno, f"{dots}{node.module or ''}.{alias.name}"


def third_parties_live_at_home(module: Module) -> list[str]:
    """Refuse a third party outside its home, and an unknown one everywhere."""
    home = HOMES.get(module.room, set())
    return [
        f"{module.path}:{line} imports {name}, whose home is not `{module.room}`"
        for line, name in imports(module)
        if (top := name.split(".")[0]) not in home | {"puntual"}
        and top not in sys.stdlib_module_names
    ]


def imports_are_absolute_and_at_the_top(module: Module) -> list[str]:
    """Refuse relative imports, and imports inside functions outside `cli`."""
    relative = [
        f"{module.path}:{line} imports relatively: {name}"
        for line, name in imports(module)
        if name.startswith(".")
    ]
    if module.room == "cli":
        return relative
    hidden = [
        f"{module.path}:{inner.lineno} imports inside {outer.name}()"
        for outer in ast.walk(module.tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    return relative + hidden


def core_imports_what_works_on_values(module: Module) -> list[str]:
    """Hold the core to an allow-list of the standard library."""
    if module.room not in CORE:
        return []
    home = HOMES.get(module.room, set())
    return [
        f"{module.path}:{line} imports {name}: the core touches values only"
        for line, name in imports(module)
        if name.split(".")[0] not in CORE_MAY_IMPORT | home | {"puntual"}
    ]


def core_asks_no_clock(module: Module) -> list[str]:
    """Refuse calls of the clock, of random identities, of files and of the screen in the core."""
    if module.room not in CORE:
        return []
    return [
        f"{module.path}:{node.lineno} calls {name}(): time and bytes are arguments"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and (name := _called(node)) in CORE_MAY_NOT_CALL
    ]


def nothing_is_imported_by_name_at_run_time(module: Module) -> list[str]:
    """
    Refuse `importlib` and `__import__` outside `cli`; `project` may read resources.

    The stage's plug-in looks for names that may be gone, so it imports by name.
    """
    if module.room in ("cli", "plugin"):
        return []
    resources = ("importlib.resources", "importlib.metadata")
    allowed = resources if module.room == "project" else ()
    by_import = [
        f"{module.path}:{line} imports {name}"
        for line, name in imports(module)
        if name.split(".")[0] in {"importlib", "runpy", "pkgutil"}
        and not name.startswith(allowed or "\0")
    ]
    by_call = [
        f"{module.path}:{node.lineno} calls {name}()"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and (name := _called(node)) in {"__import__", "eval", "exec"}
        and isinstance(node.func, ast.Name)
    ]
    return by_import + by_call


def a_module_opens_with_a_sentence(module: Module) -> list[str]:
    """Ask for a docstring whose first paragraph is a sentence."""
    first = (ast.get_docstring(module.tree) or "").split("\n\n")[0].strip()
    return [] if first.endswith((".", "?")) else [f"{module.path}:1 does not open with a sentence"]


def a_room_holds_only_its_docstring(module: Module) -> list[str]:
    """Ask that an `__init__.py` is a docstring and nothing else; the root has its version too."""
    if not module.path.endswith("__init__.py"):
        return []
    rest = module.tree.body[1:]
    if module.path == "__init__.py":
        rest = [node for node in rest if not _is_version(node)]
    return [f"{module.path}:{node.lineno} holds more than a docstring" for node in rest]


def nothing_catches_everything(module: Module) -> list[str]:
    """
    Refuse `except Exception`, `except BaseException` and a bare `except`.

    The two borders of a run may; so may a handler that cleans up and raises again, for it
    handles nothing.
    """
    if module.path in CATCHES_ALL:
        return []
    return [
        f"{module.path}:{node.lineno} catches everything"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _is_all(node.type) and not _raises_again(node)
    ]


def money_is_no_float(module: Module) -> list[str]:
    """Refuse float literals and `float(...)` where reports and money are computed."""
    if module.room not in NO_FLOATS:
        return []
    return [
        f"{module.path}:{node.lineno} makes a float"
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Call) and _called(node) == "float")
    ]


def nothing_is_pickled(module: Module) -> list[str]:
    """Refuse the formats whose reading runs code."""
    return [
        f"{module.path}:{line} imports {name}"
        for line, name in imports(module)
        if name.split(".")[0] in NEVER
    ]


def codes_in(module: Module) -> set[str]:
    """Return the message codes that stand in a module as texts of their own."""
    return {
        node.value
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and CODE.fullmatch(node.value)
    }


RULES: tuple[Callable[[Module], list[str]], ...] = (
    third_parties_live_at_home,
    imports_are_absolute_and_at_the_top,
    core_imports_what_works_on_values,
    core_asks_no_clock,
    nothing_is_imported_by_name_at_run_time,
    a_module_opens_with_a_sentence,
    a_room_holds_only_its_docstring,
    nothing_catches_everything,
    money_is_no_float,
    nothing_is_pickled,
)


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _is_version(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [
        t.id for t in node.targets if isinstance(t, ast.Name)
    ] == ["__version__"]


def _is_all(node: ast.expr | None) -> bool:
    if isinstance(node, ast.Tuple):
        return any(_is_all(one) for one in node.elts)
    return node is None or (
        isinstance(node, ast.Name) and node.id in {"Exception", "BaseException"}
    )


def _raises_again(node: ast.ExceptHandler) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None
