"""The quick part of `puntual doctor`: what would stop a day for certain, before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from puntual.cli import places
from puntual.errors import EvidenceError, PermanentError
from puntual.local.fitness import FACTOR, clock_fault, folder_fault, free_bytes, space_fault
from puntual.model.project import Project
from puntual.runner import checkpoint

LAST_DAYS = 3
"""Days whose size is looked at; a month's end is no surprise on the day after it."""

_MIB = 1 << 20


def faults(project: Project, root: Path, size: int) -> Iterator[PermanentError]:
    """
    Yield what would stop a day on this machine for certain.

    Args:
        project: What would be run.
        root: Its folder.
        size: Bytes of a day, by `day_bytes`.

    Yields:
        T1002 a folder may not be written; T1004 less space than the largest of the last days
        took; T1005 the clock is behind what was written here.
    """
    for folder in _folders(project, root):
        fault = folder_fault(folder)
        if fault is not None:
            yield fault
    if not any(folder_fault(f) for f in _folders(project, root)):
        fault = space_fault(places.state_folder(root), size)
        if fault is not None:
            yield fault
    fault = clock_fault(_newest(root), datetime.now(UTC))
    if fault is not None:
        yield fault


def unplaced(project: Project, root: Path) -> Iterator[PermanentError]:
    """
    Yield which deliveries would fail on this machine: D1001, a destination may not be written.

    That stops no day: a receiver that is down is tried again, and the file is kept until then.
    """
    for report in project.reports.values():
        for destination in report.destinations:
            fault = folder_fault(root / destination.path)
            if fault is not None:
                yield _refused(report.name, destination.path, fault)


def warnings(project: Project, root: Path, size: int) -> Iterator[str]:
    """Yield what may go wrong with a day of a size in bytes and does not stop it, in sentences."""
    for fault in unplaced(project, root):
        yield (
            f"{fault.code} {fault.message}: {fault.observed}; the file is made, kept, and sent "
            "when it can be"
        )
    yield from short_of_space(root, size)


def short_of_space(root: Path, size: int) -> Iterator[str]:
    """Yield that the disk may become too small during a day of a size in bytes, in a sentence."""
    needed, free = FACTOR * size, free_bytes(places.state_folder(root))
    if free < needed:
        yield (
            f"disk space may become short: {free / _MIB:,.0f} MiB free, {needed / _MIB:,.0f} MiB "
            "are comfortable by the last days"
        )


def day_bytes(store: checkpoint.Store) -> int:
    """Return the bytes of the largest of the last days; 0 where none is published or readable."""
    days: dict[str, list[str]] = {}
    for name, digest in store.pointers.read_prefix("").items():
        step, _, day = name.rpartition("/")
        if step:
            days.setdefault(day, []).append(digest)
    return max((_bytes(store, days[day]) for day in sorted(days)[-LAST_DAYS:]), default=0)


def _bytes(store: checkpoint.Store, digests: Iterable[str]) -> int:
    total = 0
    for digest in digests:
        try:
            total += sum(o.bytes for o in checkpoint.by_digest(store, digest).objects)
        except EvidenceError:
            continue  # an estimate; the step that needs the manifest says what is wrong with it
    return total


def _folders(project: Project, root: Path) -> Iterator[Path]:
    yield places.state_folder(root)
    yield places.lake_path(root)
    yield places.commits_path(root)
    yield places.evidence_path(root)
    if project.warehouse.kind == "duckdb":
        yield (root / project.warehouse.location).parent


def _newest(root: Path) -> Iterator[Path]:
    yield places.pointers_path(root)
    yield places.journal_path(root)
    yield places.commits_path(root)


def _refused(report: str, path: str, fault: PermanentError) -> PermanentError:
    return PermanentError(
        "D1001",
        f"{report} cannot be placed in {path}",
        where=fault.where,
        expected="a folder that this user may write",
        observed=fault.observed,
        next_step="Correct the destination, then run again.",
    )
