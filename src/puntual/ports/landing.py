"""How the runner asks for a source's day to be landed and sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from puntual.errors import PuntualError
from puntual.model.finding import Finding
from puntual.model.manifest import Digest, ObjectRef
from puntual.model.seal import Seal

PARTS = "parts"
"""In the manifest of a landed day: column → value → moment or object → records, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedDay:
    """
    A source's day as it lies in the store.

    Attributes:
        objects: Raw objects in reading order (role `data`), then what was refused but kept
            (role `refused`, `detail["reason"]`), and the control record as it came (role
            `control`).
        seal: The verdict.
        findings: What was noticed by name: half-written, wrong day, sent twice, not the
            declared form, cut off, silent.
        record_root: Over every record of the data objects (`evidence/records.py`); "" where it
            was not made.
        parts: Of files: column → value → object → records, as text, where the contract names
            columns by which arrivals are watched.
    """

    objects: tuple[ObjectRef, ...]
    seal: Seal
    findings: tuple[Finding, ...]
    record_root: Digest = ""
    parts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateDay:
    """
    What a source has sent for a day since it was landed: kept for the next version.

    Attributes:
        objects: Everything that is kept, oldest first (role `late`); none of it is in the
            sealed set.
        findings: One for each object, or for all late records of a stream (S2008, S2011,
            S2022, S2023); then what the last look noticed: a file not whole yet (S2001), a
            gap (S1103), a source that was not looked at (S2024).
    """

    objects: tuple[ObjectRef, ...]
    findings: tuple[Finding, ...]


_DATABASES = "S12"
TIMED_OUT = "S1501"
"""Code of a source whose landing was killed by its timeout."""
_SILENT = frozenset({"S1101", "S1102", "S1301", TIMED_OUT})


def is_unanswered(fault: PuntualError) -> bool:
    """Say whether a fault means that a source cannot be asked, not that we cannot write."""
    return fault.code in _SILENT or fault.code.startswith(_DATABASES)


class Lander(Protocol):
    """Lands one source's day; repeating it lands nothing twice."""

    def land(self, source: str, reference_date: date, *, epoch: int) -> LandedDay:
        """
        Make everything the source has for the day immutable, then seal it.

        Raises:
            TransientError: The source does not answer.
            PermanentError: It never will.
        """

    def unanswered(self, source: str, reference_date: date, fault: PuntualError) -> LandedDay:
        """
        Seal a day whose source does not answer and is waited for no longer; it is not asked.

        Of a stream that is what was read of the day before, never `matched`; of any other
        source, and of a day of which nothing was read, `absent`. The fault is a finding.

        Args:
            source: Its name.
            reference_date: The day.
            fault: What asking it came to (`is_unanswered`).

        Raises:
            PermanentError: Its control record came, and cannot be kept.
            EvidenceError: What was landed before is missing or altered.
        """

    def land_late(self, source: str, reference_date: date, *, epoch: int) -> LateDay:
        """
        Keep what the source has for a landed day beyond what was landed, and nothing else.

        The landed day stays as it is, to the byte; what an earlier call kept is kept once. A
        source that does not answer is a finding, not an error: it undoes no delivery.

        Raises:
            TransientError: Another run lands the source.
            PermanentError: What came cannot be kept.
        """

    def restate(self, source: str, reference_date: date) -> LandedDay | None:
        """
        Return a landed day with all that is kept as late for it, sealed anew; None if nothing is.

        No source is asked; nothing that was landed or kept is changed.

        Raises:
            PermanentError: What is kept cannot be read.
            EvidenceError: It is missing or altered.
        """
