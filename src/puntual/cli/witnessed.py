"""Checkpoints that left with packages: what a ledger must still hold before anything is signed."""

from __future__ import annotations

import contextlib
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from puntual.cli import places
from puntual.errors import EvidenceError, ProjectError
from puntual.evidence import checkpoint as checkpoints
from puntual.evidence import ledger_files, tlog, trust
from puntual.evidence.checkpoint import Checkpoint
from puntual.evidence.trust import Trust
from puntual.evidence.trust_keys import verifies
from puntual.local.disk import read_regular, translated

NEWEST = 3
"""How many packages of each report are looked into: the last by reference date and version."""

WRITTEN_LAST = 4
"""How many more are: the last that were written, such as an older date that was corrected."""

_NAME = re.compile(r"([a-z_][a-z0-9_]*)_([0-9]{8})_v([1-9][0-9]{0,9})")


def witnessed(root: Path, current: Trust, *, every: bool = False) -> tuple[Checkpoint, ...]:
    """
    Return the checkpoints of this project's ledger in its newest packages.

    Whoever puts back an older `.puntual` has seldom taken the packages away that were made since.
    What cannot be read, or was not signed by the log, says nothing; `puntual verify` names it.

    Args:
        root: The project's folder.
        current: The trust file in force.
        every: Look into every package: an operator accepts what is lost.
    """
    folder = places.evidence_path(root)
    found = _packages(folder)
    chosen = sorted(found) if every else sorted(_newest(folder, found))
    return tuple(made for name in chosen if (made := _checkpoint(folder / name, current)))


def named(path: Path, current: Trust) -> Checkpoint:
    """
    Return the checkpoint in a package, in a proof of inclusion, or alone in a file.

    Raises:
        EvidenceError: V4001, V4002 it is none; V4003 the log of this project did not sign it.
        ProjectError: C1008 there is no such file.
        PermanentError: T1002, T1003.
    """
    file = path / ledger_files.PROOF if path.is_dir() else path
    if not file.is_file():
        raise ProjectError(
            "C1008",
            "there is no checkpoint to compare with",
            where=str(file),
            expected=f"a package, its {ledger_files.PROOF}, or a copy of ledger.checkpoint",
            observed="no such file",
            next_step="name the newest package that a receiver holds",
        )
    with translated(str(file)):
        data = file.read_bytes()
    is_proof = data.startswith(tlog.FIRST.encode())
    found = tlog.decode(data).checkpoint if is_proof else checkpoints.decode(data)
    if found.origin != current.origin or not trust.of_log(current, found, verifies):
        raise EvidenceError(
            "V4003",
            "this checkpoint is none that the log of this project has signed",
            where=str(file),
            expected=f"a checkpoint of {current.origin}, signed by its log",
            observed=f"one of {found.origin}",
            next_step="name a package of this project, as a receiver holds it",
        )
    return found


def _packages(folder: Path) -> dict[str, re.Match[str]]:
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    return {name: m for name in names if (m := _NAME.fullmatch(name))}


def _newest(folder: Path, found: dict[str, re.Match[str]]) -> set[str]:
    by_report: dict[str, list[tuple[str, int, str]]] = defaultdict(list)
    for name, match in found.items():
        by_report[match[1]].append((match[2], int(match[3]), name))
    chosen = {name for names in by_report.values() for *_, name in sorted(names)[-NEWEST:]}
    written = sorted(found, key=lambda name: _written(folder / name))
    return chosen | set(written[-WRITTEN_LAST:])


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _checkpoint(package: Path, current: Trust) -> Checkpoint | None:
    with contextlib.suppress(OSError, EvidenceError):
        made = tlog.decode(read_regular(package / ledger_files.PROOF)).checkpoint
        if made.origin != current.origin:
            return None
        if any(trust.of_log(known, made, verifies) for known in _known(package, current)):
            return made
    return None


def _known(package: Path, current: Trust) -> Iterator[Trust]:
    """Yield the trust file in force, then the package's: a later one, where keys were set back."""
    yield current
    later = trust.opened(read_regular(package / ledger_files.TRUST), verifies)
    if (later.root, later.origin) == (current.root, current.origin):
        yield later
