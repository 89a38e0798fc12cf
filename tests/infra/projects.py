"""Small projects in memory, and a strategy of such projects with any times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time

from hypothesis import strategies as st

from puntual.model.contract import Column, ColumnType, Contract, JsonLines, Kind
from puntual.model.project import Model, Project, WarehouseSettings
from puntual.model.report import Calendar, Field, Layout, PlanB, Report
from puntual.model.run import DEFAULT_TIMES, RunSettings, StepTimes
from puntual.model.source import NoControl, StreamSource


def made(
    *,
    sources: int = 1,
    models: int = 1,
    reports: int = 1,
    rehearsed: bool = False,
    kinds: Mapping[str, StepTimes] = DEFAULT_TIMES,
    steps: Mapping[str, StepTimes] | None = None,
    time_zone: str = "America/Mexico_City",
    starts: time = time(2, 0),
) -> Project:
    """Return a project of so many sources, models and reports; each source feeds a table."""
    names = [f"s{number}" for number in range(sources)]
    return Project(
        name="banco_de_prueba",
        time_zone=time_zone,
        sources={n: StreamSource(name=n, stream=n, control=NoControl(reason="")) for n in names},
        contracts={n: _contract(n) for n in names},
        models={f"m{n}": _model(f"m{n}", names[0]) for n in range(models)},
        checks={},
        controls={},
        reports={f"r{n}": _report(f"r{n}", rehearsed=rehearsed) for n in range(reports)},
        calendars={"c": CALENDAR},
        warehouse=WarehouseSettings(kind="redshift", location="", tables=tuple(names)),
        run=RunSettings(kinds=kinds, steps=steps or {}, starts=starts),
        digest="",
    )


CALENDAR = Calendar(
    name="c",
    source="none",
    published=date(2025, 12, 1),
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
    weekend=(),
    holidays=(),
)


@st.composite
def times(draw: st.DrawFn, least: int = 1) -> StepTimes:
    """Draw times that `puntual.yaml` may declare."""
    return StepTimes(
        timeout=draw(st.integers(least, 900)),
        retries=draw(st.integers(0, 4)),
        interval=draw(st.integers(1, 60)),
        backoff=draw(st.integers(1, 4)),
        max_delay=draw(st.integers(1, 300)),
    )


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """Draw a project whose jobs have enough time for a Glue job."""
    jobs = ("land", "curate", "build", "load")
    kinds = {kind: draw(times(least=600 if kind in jobs else 1)) for kind in sorted(DEFAULT_TIMES)}
    sources = draw(st.integers(1, 3))
    own = draw(st.sets(st.integers(0, sources - 1)))
    return made(
        sources=sources,
        models=draw(st.integers(0, 3)),
        reports=draw(st.integers(1, 3)),
        rehearsed=draw(st.booleans()),
        kinds=kinds,
        steps={f"land:s{number}": draw(times(least=600)) for number in sorted(own)},
    )


def _contract(name: str) -> Contract:
    kinds = {
        "id": ColumnType(kind=Kind.TEXT),
        "amount": ColumnType(kind=Kind.DECIMAL, precision=18, scale=2),
    }
    return Contract(
        dataset=name,
        version="1",
        file=f"contracts/{name}.odcs.yaml",
        columns=tuple(Column(name=n, source_name=n, type=kind) for n, kind in kinds.items()),
        format=JsonLines(),
    )


def _model(name: str, source: str) -> Model:
    return Model(
        name=name, file=f"models/{name}.sql", sql=f"SELECT * FROM {source}", inputs=(source,)
    )


def _report(name: str, *, rehearsed: bool) -> Report:
    return Report(
        name=name,
        title=name,
        institution="Banco Ejemplo",
        sql="SELECT 1 AS n",
        file=f"reports/{name}/report.sql",
        layout=Layout(kind="delimited", file_name="x", detail=(Field(name="n"),)),
        calendar="c",
        due_after=1,
        due_at=time(7, 0),
        time_zone="America/Mexico_City",
        emergency=PlanB(sql="SELECT 1 AS n", file="e.sql") if rehearsed else None,
    )
