"""Whether the files that were delivered still lie where they were placed, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from puntual.errors import EvidenceError, PuntualError
from puntual.evidence.digest import sha256
from puntual.model.manifest import Digest
from puntual.runner import checkpoint
from puntual.runner.restate import steps_of
from puntual.runner.versions import sent_versions

Lying = Callable[[str], bytes]
"""Reads what lies at `FOLDER/NAME` of a destination; raises OSError where it cannot."""


def below(root: Path) -> Lying:
    """Return what reads the destinations of this machine, which are relative to a project."""
    return lambda place: (root / place).read_bytes()


def missing_or_altered(
    store: checkpoint.Store, lying: Lying, report: str, day: date
) -> tuple[EvidenceError, ...]:
    """
    Return what is wrong with a delivered file, at each destination of its delivery.

    Args:
        store: Where the delivery is recorded.
        lying: Reads what lies there now.
        report: Which report.
        day: Of which reference date.

    Returns:
        A D1003 for each version and destination that does not hold the recorded bytes; none
        for a delivery that was not made. A version that was superseded stays where it is.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    return tuple(
        fault
        for sent in sent_versions(store, report, day).values()
        for fault in _of_version(store, lying, report, sent)
    )


def unreadable(store: checkpoint.Store, report: str, day: date) -> EvidenceError | None:
    """Return why the record of a delivery cannot be read; None if it can, or there is none."""
    try:
        for sent in sent_versions(store, report, day).values():
            checkpoint.by_digest(store, sent)
            checkpoint.by_digest(store, steps_of(store, report, sent)[f"report:{report}"])
    except EvidenceError as fault:
        return fault
    return None


def _of_version(
    store: checkpoint.Store, lying: Lying, report: str, sent: Digest
) -> Iterator[EvidenceError]:
    made = checkpoint.by_digest(store, steps_of(store, report, sent)[f"report:{report}"])
    (file,) = made.of_role("report")
    name = str(made.facts["file_name"])
    where = str(checkpoint.by_digest(store, sent).facts["where"])
    yield from _faults(lying, name, _folders(where, name), file.sha256)


def _folders(where: str, name: str) -> list[str]:
    """Return the folders of `a/NAME, b/NAME`, as the delivery recorded them."""
    return where.removesuffix(f"/{name}").split(f"/{name}, ")


def _faults(lying: Lying, name: str, folders: list[str], expected: str) -> Iterator[EvidenceError]:
    for folder in folders:
        seen = _seen(lying, f"{folder}/{name}", expected)
        if seen is not None:
            yield EvidenceError(
                "D1003",
                f"{name} is no longer what was delivered to {folder}",
                where=f"{folder}/{name}",
                expected=f"sha256 {expected}",
                observed=seen,
                next_step="find out who changed it; the delivered bytes lie in evidence/",
            )


def _seen(lying: Lying, place: str, expected: str) -> str | None:
    """Return what lies there instead of the file; None if it is the file."""
    try:
        found = sha256(lying(place))
    except FileNotFoundError:
        return "no file"
    except OSError as error:
        return error.strerror or type(error).__name__
    return None if found == expected else f"sha256 {found}"


def as_line(fault: PuntualError) -> str:
    """Return a fault as one line."""
    return f"{fault.code} {fault.message}: expected {fault.expected}, observed {fault.observed}"
