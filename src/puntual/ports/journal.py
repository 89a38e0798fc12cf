"""What happened, for people: runs, step durations, deliveries. Rebuilt from manifests if lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from puntual.model.delivery import Delivery, State

FILES = "files"
"""Fact of a landing of files that found something new: name → records, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """
    One step of one run, with its duration in seconds.

    Attributes:
        run: Names the run.
        reference_date: The day.
        step: The step's id.
        outcome: `done`, `skipped` or `not needed`; of an attempt that failed: `failed`,
            `timed out`, `died` or `bug`; then `retried`, where another attempt follows. Of a
            run of which no step began: `refused`.
        seconds: Of the attempt; of `retried`, until the next one.
        at: UTC.
        summary: One sentence.
        facts: Such as the error's name and code; never a value of the data.
    """

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

    def save(self, delivery: Delivery, *, replacing: frozenset[State] | None = None) -> bool:
        """
        Insert or replace a delivery by its id.

        Args:
            delivery: As it stands.
            replacing: Replace it only in one of these states; None: in any. Looking and
                replacing are one, so that what another run has just written is not lost.

        Returns:
            False when it was in another state; nothing changed.
        """

    def deliveries(
        self, *, report: str | None = None, reference_date: date | None = None
    ) -> tuple[Delivery, ...]:
        """Return deliveries, newest reference date and version first."""

    def steps(self, reference_date: date) -> tuple[StepEvent, ...]:
        """Return the outcomes of a day, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """
    A dataset's day as readers find it.

    Attributes:
        manifest: Digest of the manifest that lists the files.
        files: Paths of Parquet files below a folder `reference_date=<day>`.
        records: Rows in them.
        columns: (name, type in DuckDB's words), in order.
    """

    dataset: str
    reference_date: date
    manifest: str
    files: tuple[str, ...]
    records: int
    columns: tuple[tuple[str, str], ...]


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

    def publish_all(self, partitions: Iterable[Partition]) -> None:
        """Publish many at once: all of them or none."""

    def published(self) -> Mapping[tuple[str, date], str]:
        """Return (dataset, day) → digest of the manifest that it is pointed at."""
