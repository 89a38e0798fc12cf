"""A report project, read and found right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from puntual.model.check import Check
from puntual.model.contract import Contract, Measure
from puntual.model.control import ControlRule
from puntual.model.policy import Policy, Roles
from puntual.model.report import Calendar, Report
from puntual.model.route import Route
from puntual.model.run import RunSettings
from puntual.model.source import Source

LOCAL, AWS = "local", "aws"
"""Where an environment of a project runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Rows of the carried source that a model leaves out on purpose: a condition on a row."""

    name: str
    rows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """
    A curated dataset made by one SELECT from others.

    Attributes:
        name: File name without `.sql`; `^[a-z_][a-z0-9_]{0,62}$`.
        file: Path relative to the project.
        sql: The SELECT, in DuckDB's dialect.
        inputs: Datasets it reads, sorted; each is a contract's dataset or another model.
        key: Columns that identify a row; uniqueness is checked when given.
        measures: Columns with exact sums.
        carries: The source dataset whose rows this model carries one for one (its rows keep
            `_object` and `_position`), so that the waterfall goes through it; None: it is an
            aggregate or a mixture.
        filters: Which rows of the carried source it leaves out, by declared rule; what no filter
            names and is not there is a break.
        digest: SHA-256 of the file's bytes.
    """

    name: str
    file: str
    sql: str
    inputs: tuple[str, ...]
    key: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    carries: str | None = None
    filters: tuple[Filter, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseSettings:
    """
    Where the day is loaded.

    Attributes:
        kind: `duckdb`, `postgresql` or, on AWS, `redshift`.
        location: Path relative to the project, or connection (`env:NAME` or a URL); of
            Redshift, the name of the database.
        tables: Curated datasets that are loaded, sorted; each becomes a table of its name with
            a `reference_date` column in front.
    """

    kind: str
    location: str
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """
    Everything `puntual run` needs to know.

    Attributes:
        name: The project's name.
        time_zone: IANA zone of schedules and of days where nothing else is said.
        sources: By name.
        contracts: By dataset; the keys are those of `sources`.
        owners: Dataset → who answers for it, by the `team` of its contract. It is no part of the
            contract that a landed day is held against: another owner makes no other data.
        models: In dependency order, by name.
        checks: By id.
        controls: By id.
        reports: By name.
        calendars: By name.
        warehouse: Where the day is loaded.
        run: When a run starts, and how long each step may take.
        policies: What may be delivered when something is missing, by name.
        roles: Who holds which role, as declared.
        notices: Who is told of what, in the order declared.
        place: Where the environment runs that was read: `local` or `aws`.
        away: The name of that environment where it is not this machine; else "".
        uncompared: Models that reach a loaded table and that no hop, control or tie compares with
            anything they are made from, sorted.
        untied: Reports whose files no tie and no control compares with what they are made from,
            sorted.
        environments: Every environment that is declared → where it runs.
        digest: SHA-256 over every file that was read, by path.
    """

    name: str
    time_zone: str
    sources: Mapping[str, Source]
    contracts: Mapping[str, Contract]
    models: Mapping[str, Model]
    checks: Mapping[str, Check]
    controls: Mapping[str, ControlRule]
    reports: Mapping[str, Report]
    calendars: Mapping[str, Calendar]
    warehouse: WarehouseSettings
    run: RunSettings = field(default_factory=RunSettings)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    roles: Roles = field(default_factory=dict)
    notices: tuple[Route, ...] = ()
    place: str = LOCAL
    away: str = ""
    uncompared: tuple[str, ...] = ()
    untied: tuple[str, ...] = ()
    environments: Mapping[str, str] = field(default_factory=dict)
    digest: str
