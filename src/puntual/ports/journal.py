"""What happened, for people: runs, step durations, deliveries. Rebuilt from manifests if lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from puntual.model.delivery import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """One step of one run: `done`, `skipped` or `failed`, with its duration in seconds."""

    run: str
    reference_date: date
    step: str
    outcome: str
    seconds: float
    at: datetime
    summary: str
    facts: Mapping[str, str]


class Journal(Protocol):
    """Durable when a call returns."""

    def record(self, event: StepEvent) -> None:
        """Append a step's outcome."""

    def save(self, delivery: Delivery) -> None:
        """Insert or replace a delivery by its id."""

    def deliveries(
        self, *, report: str | None = None, reference_date: date | None = None
    ) -> tuple[Delivery, ...]:
        """Return deliveries, newest reference date and version first."""

    def steps(self, reference_date: date) -> tuple[StepEvent, ...]:
        """Return the outcomes of a day, oldest first."""


class Catalog(Protocol):
    """Dataset, day → files: a projection of the pointers for readers, never the truth."""

    def publish(
        self,
        dataset: str,
        reference_date: date,
        *,
        manifest: str,
        files: tuple[str, ...],
        records: int,
        columns: tuple[tuple[str, str], ...],
    ) -> None:
        """Point a dataset's day at these files, in place of those before."""
