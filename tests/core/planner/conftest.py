"""A small project in memory: one source, one model that carries it, one report."""

from __future__ import annotations

from datetime import date, time

import pytest

from puntual.model.check import Check, NotNull
from puntual.model.contract import Column, ColumnType, Contract, JsonLines, Kind, Measure
from puntual.model.control import ControlKind, ControlRule
from puntual.model.project import Model, Project, WarehouseSettings
from puntual.model.report import Calendar, Field, Folder, Layout, Report
from puntual.model.source import ControlFile, StreamSource


@pytest.fixture
def calendar() -> Calendar:
    return Calendar(
        name="mx-example",
        source="example",
        published=date(2025, 12, 10),
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        weekend=(6, 7),
        holidays=((date(2026, 11, 16), "Revolution day"), (date(2026, 12, 25), "Christmas")),
    )


@pytest.fixture
def report() -> Report:
    return Report(
        name="credit_daily",
        title="Daily",
        institution="Banco Ejemplo",
        sql="SELECT 1 AS n",
        file="reports/credit_daily/report.sql",
        layout=Layout(kind="delimited", file_name="x", detail=(Field(name="n"),)),
        calendar="mx-example",
        due_after=1,
        due_at=time(7, 0),
        time_zone="America/Mexico_City",
        destinations=(Folder(path="out"),),
    )


@pytest.fixture
def project(calendar: Calendar, report: Report) -> Project:
    events = Contract(
        dataset="events",
        version="1",
        file="contracts/events.odcs.yaml",
        columns=(Column(name="id", source_name="id", type=ColumnType(kind=Kind.TEXT)),),
        format=JsonLines(),
        key=("id",),
        measures=(Measure(column="amount", unit="MXN"),),
    )
    model = Model(
        name="movements",
        file="models/movements.sql",
        sql="SELECT * FROM events",
        inputs=("events",),
        carries="events",
    )
    return Project(
        name="banco",
        time_zone="America/Mexico_City",
        sources={
            "events": StreamSource(name="events", stream="s", control=ControlFile(pattern="c.json"))
        },
        contracts={"events": events},
        models={"movements": model},
        checks={"has_id": Check(id="has_id", dataset="movements", rule=NotNull(columns=("id",)))},
        controls={
            "tie": ControlRule(id="tie", kind=ControlKind.BUSINESS, left=(), right=(), measures=())
        },
        reports={"credit_daily": report},
        calendars={"mx-example": calendar},
        warehouse=WarehouseSettings(kind="duckdb", location="w.duckdb", tables=("movements",)),
        digest="",
    )
