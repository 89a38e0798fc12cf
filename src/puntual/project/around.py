"""What the controls of a project may name: tables, datasets, sources, reports, calendars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from puntual.model.contract import Contract, Measure
from puntual.model.control import (
    DatabaseSide,
    QuerySide,
    ReportSide,
    Side,
    Stage,
    StagedSide,
)
from puntual.model.report import Calendar, Report
from puntual.model.source import Source
from puntual.project.classified import public_of, public_of_all
from puntual.project.datasets import Datasets
from puntual.project.projections import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What a control may name.

    Attributes:
        tables: The warehouse's tables with their columns; None where they cannot be told.
        datasets: Every curated dataset.
        contracts: By dataset.
        sources: By name.
        reports: By name.
        calendars: By name.
    """

    tables: Mapping[str, Columns | None]
    datasets: Datasets
    contracts: Mapping[str, Contract]
    sources: Mapping[str, Source]
    reports: Mapping[str, Report]
    calendars: Mapping[str, Calendar]

    def names(self, stage: Stage) -> tuple[str, ...]:
        """Return the datasets that stand at a stage."""
        if stage in (Stage.SOURCE, Stage.RAW):
            return tuple(self.contracts)
        return tuple(self.tables if stage is Stage.WAREHOUSE else self.datasets.columns)

    def columns(self, side: Side, query: Columns | None = None) -> Columns | None:
        """
        Return the columns of a side's rows; None where they cannot be told.

        Args:
            side: Where the rows stand.
            query: The columns of its SELECT, if it is one.
        """
        match side:
            case StagedSide(stage=Stage.SOURCE):
                contract = self.contracts.get(side.dataset)
                if contract is None:
                    return None
                kinds = {c.name: c.type.kind.value for c in contract.columns}
                return {m.column: kinds[m.column] for m in contract.measures}
            case StagedSide(stage=Stage.WAREHOUSE):
                return self.tables.get(side.dataset)
            case StagedSide():
                return self.datasets.columns.get(side.dataset)
            case ReportSide():
                report = self.reports.get(side.report)
                return None if report is None else {f.name: "" for f in report.layout.detail}
            case QuerySide():
                return query
            case DatabaseSide():
                return None

    def unit(self, side: Side, column: str) -> str:
        """Return the unit in which a column's sums are declared; "" where it has none."""
        if not isinstance(side, StagedSide):
            return ""
        return next((m.unit for m in self.measures(side.dataset) if m.column == column), "")

    def is_public(self, side: Side, column: str) -> bool | None:
        """Say whether a column may be shown; None of a source database, which does not say."""
        shown = public_of_all(self.contracts, self.datasets.models, self.reports)
        match side:
            case StagedSide():
                return column in shown.get(side.dataset, frozenset())
            case ReportSide():
                return column in shown.get(f"report:{side.report}", frozenset())
            case QuerySide():
                return column.lower() in public_of(side.sql, shown)
            case DatabaseSide():
                return None

    def measures(self, dataset: str) -> tuple[Measure, ...]:
        """Return the declared measures of a dataset."""
        if dataset in self.contracts:
            return self.contracts[dataset].measures
        model = self.datasets.models.get(dataset)
        return () if model is None else model.measures

    def origin(self, dataset: str) -> str | None:
        """Return the source whose rows a dataset carries one for one."""
        if dataset in self.contracts:
            return dataset
        model = self.datasets.models.get(dataset)
        return None if model is None else model.carries
