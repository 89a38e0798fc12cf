"""
The stage's own Python environment: made once, from packages locked by hash.

ministack pins a botocore that is not the project's, so the two never share an environment. Where
packages come from is the machine's own setting of pip; no host is named here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from puntual.errors import PermanentError

LOCK = Path(__file__).with_name("requirements.txt")
OWN = "PUNTUAL_STAGE_PYTHON"
"""An interpreter that has the packages already; then nothing is made."""
READY = ".ready"


def folder(env: Mapping[str, str]) -> Path:
    """Return where the environment lies: one for each lock and Python version."""
    cache = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME", "~")).expanduser() / ".cache")
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    version = ".".join(map(str, sys.version_info[:2]))
    return Path(cache) / "puntual" / f"stage-{lock}-py{version}"


def interpreter(env: Mapping[str, str], say: Callable[[str], None]) -> Path:
    """
    Return the stage's interpreter; make its environment if it is not there.

    Two that make it at once wait for each other. One that was begun and not ended is made anew.

    Args:
        env: Such as `os.environ`.
        say: Told what takes long.

    Raises:
        PermanentError: T5091 it cannot be made.
    """
    if own := env.get(OWN):
        if not os.access(own, os.X_OK):
            raise _refused(f"{OWN} names no interpreter", own)
        return Path(own)
    place = folder(env)
    python = place / "bin" / "python"
    if (place / READY).exists():
        return python
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with (place.parent / f"{place.name}.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            if not (place / READY).exists():
                say(f"making the stage's environment in {place} (once; some 150 MB)")
                _make(place, python)
    except OSError as error:
        raise _refused(str(error), str(place)) from error
    return python


def _make(place: Path, python: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    install = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    for command in (
        [sys.executable, "-m", "venv", str(place)],
        [*install, "install", "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)],
    ):
        done = subprocess.run(  # noqa: S603 - our own interpreter and lock
            command, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise _refused(done.stderr.strip()[-2000:], str(place))
    (place / READY).touch()


def _refused(observed: str, where: str) -> PermanentError:
    return PermanentError(
        "T5091",
        "the stage's environment cannot be made",
        where=where,
        expected="the packages of its lock, of exactly those bytes",
        observed=observed,
        next_step="Let pip reach your package index and run again; or set "
        f"{OWN} to an interpreter that has them.",
    )
