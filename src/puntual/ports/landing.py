"""How the runner asks for a source's day to be landed and sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from puntual.model.finding import Finding
from puntual.model.manifest import ObjectRef
from puntual.model.seal import Seal


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedDay:
    """
    A source's day as it lies in the store.

    Attributes:
        objects: Raw objects in reading order (role `data`), then what was refused but kept
            (role `refused`, `detail["reason"]`), the control record as it came (role
            `control`), and records that came after the seal (role `late`).
        seal: The verdict.
        findings: What was noticed by name: half-written, wrong day, sent twice, not the
            declared form, cut off, silent.
    """

    objects: tuple[ObjectRef, ...]
    seal: Seal
    findings: tuple[Finding, ...]


class Lander(Protocol):
    """Lands one source's day; repeating it lands nothing twice."""

    def land(self, source: str, reference_date: date, *, epoch: int) -> LandedDay:
        """
        Make everything the source has for the day immutable, then seal it.

        Raises:
            TransientError: The source does not answer.
            PermanentError: It never will.
        """
