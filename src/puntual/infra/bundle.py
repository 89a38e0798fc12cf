"""Folders that travel with the template: the program, the project, the dependencies."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import puntual

PACKAGE = Path(puntual.__file__).parent

PROJECT = (
    "puntual.yaml",
    "contracts",
    "models",
    "checks",
    "controls",
    "reports",
    "policies",
    "calendars",
    "tests",
)
"""What of a project's folder travels (design 6); never data, state or evidence."""

_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", ".*", "*.pyc", "infra", "console", "stage", "example", "verifier"
)
"""What neither a function nor a job imports: this room and the stage need packages of their own."""


def program(out: Path) -> Path:
    """
    Copy the package `puntual` into a folder, as functions and jobs import it.

    Raises:
        OSError: It cannot be written.
    """
    shutil.copytree(PACKAGE, out / "puntual", ignore=_LEFT_OUT)
    return out


def project(root: Path, out: Path) -> Path:
    """
    Copy the files of a report project into a folder.

    Raises:
        OSError: They cannot be read or written.
    """
    out.mkdir(parents=True)
    for name in PROJECT:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, out / name, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        elif source.is_file():
            shutil.copyfile(source, out / name)
    return out


def script(job: str) -> Path:
    """Return the file that a Glue job runs; a name only, for this room does not import `aws`."""
    return PACKAGE / "aws" / "jobs" / f"{job}.py"


def digest(requirements: str, target: str) -> str:
    """Return what names a layer of dependencies: what it is made from, not what it came to."""
    return hashlib.sha256(f"{target}\n{requirements}".encode()).hexdigest()
