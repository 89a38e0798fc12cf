"""Fetches what functions need into a folder, for the layer of dependencies."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from puntual.errors import ProjectError
from puntual.infra.compute import PYTHON

LARGEST = 250 << 20
"""Bytes of a function with its layers, unpacked (Lambda, quotas)."""

LONGEST = 1200
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
"""What Amazon Linux 2023 runs; a wheel of any of them will do."""

_NOT_USED = (
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "pyarrow/include",
    "pyarrow/src",
    "pyarrow/libarrow_flight*",
    "pyarrow/libarrow_substrait*",
    "pyarrow/_flight*",
    "pyarrow/_substrait*",
    "bin",
)
"""Parts of wheels that no function of ours opens; with them the layer is too large."""


def fetch(requirements: str, folder: Path) -> Path:
    """
    Fetch packages for Lambda into `python/` of a folder, unless they are there.

    The packages come from where this machine's pip is set up to look.

    Args:
        requirements: One pin a line.
        folder: Of the layer; made anew if what it holds was made from something else.

    Raises:
        ProjectError: C1605 they cannot be fetched, or are too large.
        OSError: The folder cannot be written.
    """
    marker = folder / "requirements.txt"
    if marker.is_file() and marker.read_text(encoding="utf-8") == requirements:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    target = folder / "python"
    target.mkdir(parents=True)
    listed = target / "requirements.txt"
    listed.write_text(requirements, encoding="utf-8")
    _installed(listed, target)
    for pattern in _NOT_USED:
        for path in sorted(target.glob(pattern), reverse=True):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if size > LARGEST:
        raise _refused(f"at most {LARGEST:,} bytes unpacked", f"{size:,} bytes")
    marker.write_text(requirements, encoding="utf-8")
    return folder


def _installed(requirements: Path, target: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--requirement", str(requirements), "--target", str(target), "--no-compile"),
        *("--only-binary", ":all:", "--python-version", PYTHON.removeprefix("python")),
        *("--implementation", "cp"),
        *(f"--platform={name}" for name in PLATFORMS),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            command, capture_output=True, text=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise _refused("the packages", f"nothing after {LONGEST} s") from late
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["no word"]
        raise _refused(f"wheels for {PYTHON} on x86_64", said[-1])


def _refused(expected: str, observed: str) -> ProjectError:
    return ProjectError(
        "C1605",
        "the layer of dependencies cannot be made",
        where="pip install --target",
        expected=expected,
        observed=observed,
        next_step="see what pip is set up to ask; or --layer with a folder that was made elsewhere",
    )
