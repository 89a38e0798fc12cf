"""What asks about one delivery: its files by digest, what may be shown, what was asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from puntual.model.lineage import LineageHop
from puntual.model.masked import Mask
from puntual.ports.engine import Answer, Day
from puntual.project.conditions import Query
from puntual.project.qualified import bound, shown
from puntual.project.questions import tables_of
from puntual.project.tracing import ASIDE, CURATED, Tracer
from puntual.runner.as_delivered import AsDelivered

Value = tuple[object, str]
"""A value and its type in DuckDB's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which contributors are listed: so many from this one on, from 0."""

    limit: int
    offset: int = 0


@dataclass(slots=True, kw_only=True)
class Asking:
    """
    What asks about one delivery, and what it has asked.

    Attributes:
        delivery: Of what.
        mask: What may be shown.
        page: Which rows are listed.
        left_out: List also rows that are not in the number.
        tracer: Rewrites the report's SQL.
        values: Parameters that belong to the row.
        hops: What was asked.
        revealed: Classified columns that were shown.
    """

    delivery: AsDelivered
    mask: Mask
    page: Page
    left_out: bool
    tracer: Tracer
    values: dict[str, Value] = field(default_factory=dict)
    hops: list[LineageHop] = field(default_factory=list)
    revealed: set[str] = field(default_factory=set)

    def ask(self, tree: Query, about: str, *, told: bool = True) -> Answer:
        """
        Answer a query over the delivery's files.

        Raises:
            EvidenceError: V1001, V1002 a file is missing or altered.
            PermanentError: T3001; Q1001 the rewritten SQL failed.
        """
        read = tables_of(tree)
        tables, manifests = {}, {}
        for dataset in self.delivery.columns():
            if CURATED + dataset in read:
                made = self.delivery.curated(dataset)
                files = made.manifest.of_role("data")
                tables[CURATED + dataset] = tuple(map(self.delivery.locate, files))
                manifests[made.manifest.step] = made.digest
            if ASIDE + dataset in read:
                aside = self.delivery.aside(dataset)
                tables[ASIDE + dataset] = tuple(map(self.delivery.locate, aside))
                manifests["validate"] = self.delivery.steps["validate"].digest
        if told:
            self.hops.append(LineageHop(about=about, sql=shown(tree), manifests=manifests))
        day = Day(
            reference_date=self.delivery.day,
            zone=self.delivery.project.time_zone,
            tables=tables,
        )
        return self.delivery.engine.query(bound(tree, self.values), day, limit=None)

    def show(self, dataset: str, column: str, value: object) -> str | None:
        """Return a value as it may be shown; what is revealed is remembered."""
        if self.mask.off and column not in self.mask.public.get(dataset, frozenset()):
            self.revealed.add(f"{dataset}.{column}")
        return self.mask.shown(dataset, column, value)


def asking(delivery: AsDelivered, mask: Mask, listed: Page, *, left_out: bool = False) -> Asking:
    """Return what asks about a delivery."""
    report = delivery.project.reports[delivery.report]
    columns = delivery.columns()
    tracer = Tracer(
        project=delivery.project,
        columns=columns,
        aside=frozenset(d for d in columns if delivery.aside(d)),
        where=report.file,
    )
    return Asking(delivery=delivery, mask=mask, page=listed, left_out=left_out, tracer=tracer)
