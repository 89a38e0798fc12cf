"""What importing costs: `import puntual` loads nothing, the command line nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("duckdb", "pyarrow", "sqlglot", "psycopg", "jsonschema", "ruamel", "cryptography", "boto3")
SHOW = """
import sys

import pytest
before = set(sys.modules)
import {module}
print(*sorted(set(sys.modules) - before))
"""


def loaded_by(module: str) -> set[str]:
    """Return the modules that a fresh interpreter loads for an import."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW.format(module=module)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return set(done.stdout.split())


def test_importing_puntual_loads_no_room_and_no_third_party() -> None:
    assert loaded_by("puntual") - set(sys.stdlib_module_names) == {"puntual"}


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    tops = {name.split(".")[0] for name in loaded_by("puntual.cli.main")}
    assert sorted(tops & set(HEAVY)) == []


@pytest.mark.parametrize("module", ["status", "late", "wiring"])
def test_what_status_needs_loads_neither_an_engine_nor_the_steps(module: str) -> None:
    loaded = loaded_by(f"puntual.cli.{module}")
    assert sorted({name.split(".")[0] for name in loaded} & set(HEAVY)) == []
    assert sorted(loaded & {"puntual.runner.step", "puntual.runner.world"}) == []
