"""Reads a report project whole, and refuses a wrong one with every complaint at once."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

from puntual.errors import Complaint, ProjectError
from puntual.model.check import Check
from puntual.model.control import ControlRule
from puntual.model.policy import Policy
from puntual.model.project import AWS, LOCAL, Project
from puntual.model.report import Calendar, Report
from puntual.project.around import Known
from puntual.project.calendars import read_calendar
from puntual.project.checks import Reading, read_check
from puntual.project.complaints import Complaints, suggest
from puntual.project.contracts import ReadContract, read_contract
from puntual.project.controls import read_control
from puntual.project.datasets import Datasets, read_models
from puntual.project.files import Folder
from puntual.project.policies import Ruled, check_together, read_policy
from puntual.project.portable_project import check_on_spark
from puntual.project.projections import Columns
from puntual.project.quality import read_reconciliations
from puntual.project.reports import Around, digest, read_report
from puntual.project.runs import check_steps
from puntual.project.section import Section, open_yaml
from puntual.project.settings import FILE, Settings, read_settings
from puntual.project.strangers import strangers
from puntual.project.uncompared import (
    uncompared,
    untied,
    warn_of_uncompared,
    warn_of_untied,
)
from puntual.project.yaml import load


def read_project(root: Path, *, env: str | None = None) -> Project:
    """
    Read a report project.

    Args:
        root: Its folder.
        env: An environment of `puntual.yaml`; None for the file as it stands.

    Raises:
        ProjectError: C1000 with every complaint over all files, when one of them is an error.
        PermanentError: T1002, T1003 the file of a time zone cannot be read.
    """
    project, complaints, files = lint(root, env=env)
    if project is None:
        raise refusal(complaints, files)
    return project


def refusal(complaints: tuple[Complaint, ...], files: int) -> ProjectError:
    """Return the error C1000 that carries complaints, of which one at least is an error."""
    errors = [c for c in complaints if c.severity == "error"]
    first = errors[0]
    return ProjectError(
        "C1000",
        f"the project has {len(errors)} error{'s' if len(errors) != 1 else ''} in {files} files",
        complaints=complaints,
        where=f"{first.file}:{first.line}:{first.column}" if first.line else first.file,
        observed=f"{first.code} {first.message}",
        next_step="puntual check",
    )


def lint(
    root: Path, *, env: str | None = None
) -> tuple[Project | None, tuple[Complaint, ...], int]:
    """
    Read a report project and return what is wrong with it.

    Args:
        root: Its folder.
        env: An environment of `puntual.yaml`; None for the file as it stands.

    Returns:
        The project, None if a complaint is an error; the complaints by file, line and column;
        how many files were read.

    Raises:
        ProjectError: C1120 the contract standard's JSON Schema is not installed.
        PermanentError: T1002, T1003 the file of a time zone cannot be read.
    """
    folder, complaints = Folder(root=root), Complaints()
    settings = _settings(folder, complaints, env)
    if settings is None:
        return None, complaints.sorted(), len(folder.seen)
    contracts, broken = _contracts(folder, complaints, settings)
    plain = {name: read.contract for name, read in contracts.items()}
    unread = frozenset(settings.source_sections) - plain.keys()
    datasets = read_models(folder, plain, settings.models, complaints, unread=unread)
    _pairs(settings, contracts, broken, complaints)
    _loaded(settings, datasets)
    calendars = _calendars(folder, complaints)
    reports = _reports(folder, complaints, datasets, settings, calendars)
    known = Known(
        tables=_tables(datasets, settings),
        datasets=datasets,
        contracts=plain,
        sources=settings.sources,
        reports=reports,
        calendars=calendars,
    )
    project = Project(
        name=settings.name,
        time_zone=settings.time_zone,
        sources=settings.sources,
        contracts=plain,
        owners={name: read.owner for name, read in contracts.items() if read.owner},
        models=datasets.models,
        checks=_checks(folder, complaints, datasets),
        controls=_controls(folder, complaints, known, contracts.values()),
        calendars=calendars,
        reports=reports,
        warehouse=settings.warehouse,
        run=settings.run,
        notices=settings.notices,
        roles=settings.roles,
        place=settings.place,
        away=env or "" if settings.place != LOCAL else "",
        environments=settings.environments,
        digest="",
    )
    project = replace(project, policies=_policies(folder, complaints, project))
    check_steps(settings.run_section, project)
    if AWS in (settings.place, *settings.environments.values()):
        check_on_spark(folder, datasets, _listed(folder, Complaints(), "checks"), complaints)
    project = replace(project, uncompared=uncompared(project), untied=untied(project))
    warn_of_uncompared(project, folder, complaints)
    warn_of_untied(project, folder, complaints)
    strangers(folder, complaints)
    found = complaints.sorted()
    right = not complaints.errors
    return replace(project, digest=folder.digest()) if right else None, found, len(folder.seen)


def _settings(folder: Folder, complaints: Complaints, env: str | None) -> Settings | None:
    source, refused = folder.read(FILE)
    if refused:
        hint = "puntual init makes a project; -C names its folder"
        complaints.add(refused.code, f"{FILE} {refused.message}", source, hint=hint)
        return None
    node = load(source, complaints)
    return None if node is None else read_settings(node, source, complaints, env)


def _contracts(
    folder: Folder, complaints: Complaints, settings: Settings
) -> tuple[dict[str, ReadContract], int]:
    found: dict[str, ReadContract] = {}
    broken = 0
    for path in folder.names("contracts"):
        if not path.endswith(".odcs.yaml"):
            continue
        source, refused = folder.read(path)
        if refused:
            complaints.add(refused.code, f"the contract {refused.message}", source)
            broken += 1
            continue
        read = read_contract(source, complaints, settings.sources, settings.time_zone)
        if read is None:
            broken += 1
        elif read.contract.dataset in found:
            first = found[read.contract.dataset].contract.file
            message = f"dataset '{read.contract.dataset}' has a contract already: {first}"
            read.schema.complain("C1303", message, "name")
        else:
            found[read.contract.dataset] = read
    return found, broken


def _pairs(
    settings: Settings, contracts: dict[str, ReadContract], broken: int, complaints: Complaints
) -> None:
    """Complain about a source without a contract, and a contract without a source."""
    for name, section in settings.source_sections.items():
        if name not in contracts and not broken:
            hint = suggest(name, contracts.keys() - settings.source_sections.keys())
            message = f"source '{name}' has no contract"
            spot = settings.top.section("sources", "'sources'")
            at = spot.key_spot(name) if spot is not None else section.node
            section.complain("C1014", message, at, hint=hint)
    for name, read in contracts.items():
        if name not in settings.source_sections:
            hint = suggest(name, settings.source_sections.keys() - contracts.keys())
            read.schema.complain("C1014", f"no source is called '{name}'", "name", hint=hint)


def _loaded(settings: Settings, datasets: Datasets) -> None:
    """Complain about warehouse tables that are no datasets, or have our column of the day."""
    section = settings.warehouse_section
    if section is None:
        return
    for spot in section.item_spots("tables"):
        name = getattr(spot, "text", "")
        columns = datasets.columns.get(name)
        if name not in datasets.columns:
            hint = suggest(name, datasets.columns)
            section.complain("C1012", f"unknown dataset '{name}'", spot, hint=hint)
        elif columns is not None and "reference_date" in columns:
            message = f"'{name}' has a column reference_date, which the warehouse puts in front"
            section.complain("C1017", message, spot, hint="rename it in the model or contract")


def _checks(folder: Folder, complaints: Complaints, datasets: Datasets) -> dict[str, Check]:
    reading = Reading(folder=folder, datasets=datasets, used=set())
    found: dict[str, Check] = {}
    for section in _listed(folder, complaints, "checks"):
        check = read_check(reading, section)
        _once(section, found, check.id if check else "", "check")
        if check is not None:
            found.setdefault(check.id, check)
    for path in folder.names("checks"):
        if path.endswith(".sql") and path not in reading.used:
            source, refused = folder.read(path)
            if refused:
                complaints.add(refused.code, f"the check {refused.message}", source)
            else:
                message = "no check uses this file"
                complaints.add("C1305", message, source, severity="warning")
    return dict(sorted(found.items()))


def _tables(datasets: Datasets, settings: Settings) -> dict[str, Columns | None]:
    """Return the warehouse's tables with their columns."""
    return datasets.tables(t for t in settings.warehouse.tables if t in datasets.columns)


def _controls(
    folder: Folder, complaints: Complaints, known: Known, contracts: Iterable[ReadContract]
) -> dict[str, ControlRule]:
    """Read the controls of `controls/` and those that stand in contracts."""
    found: dict[str, ControlRule] = {}
    read = [(s, read_control(s, known)) for s in _listed(folder, complaints, "controls")]
    read += [pair for c in contracts for pair in read_reconciliations(c.schema, known)]
    for section, control in read:
        _once(section, found, control.id if control else "", "control")
        if control is not None:
            found.setdefault(control.id, control)
    return dict(sorted(found.items()))


def _once(section: Section, found: Container[str], name: str, what: str) -> None:
    if name and name in found:
        section.complain("C1303", f"{what} '{name}' stands twice", "id")


def _listed(folder: Folder, complaints: Complaints, kind: str) -> list[Section]:
    """Return the mappings listed under `kind` in every YAML file of the folder `kind`."""
    found: list[Section] = []
    for path in folder.names(kind):
        if path.endswith(".yaml"):
            top = open_yaml(folder, path, complaints, path, pick=lambda section: section)
            if top is not None:
                found += top.items(kind, f"a {kind.removesuffix('s')}")
                top.done()
    return found


def _calendars(folder: Folder, complaints: Complaints) -> dict[str, Calendar]:
    found: dict[str, Calendar] = {}
    for path in folder.names("calendars"):
        if path.endswith(".yaml"):
            name = path.removeprefix("calendars/").removesuffix(".yaml")
            top = open_yaml(folder, path, complaints, path, pick=lambda section: section)
            found[name] = _unread(name) if top is None else read_calendar(name, top)
    return found


def _unread(name: str) -> Calendar:
    """Stand in for a calendar that could not be read, so that its name is known."""
    return Calendar(
        name=name,
        source="",
        published=date.min,
        valid_from=date.min,
        valid_until=date.max,
        weekend=(),
        holidays=(),
    )


def _reports(
    folder: Folder,
    complaints: Complaints,
    datasets: Datasets,
    settings: Settings,
    calendars: dict[str, Calendar],
) -> dict[str, Report]:
    around = Around(
        tables=_tables(datasets, settings),
        datasets=frozenset(datasets.columns),
        calendars=calendars,
        time_zone=settings.time_zone,
        raw={s: datasets.columns.get(s) for s in settings.sources},
    )
    found: dict[str, Report] = {}
    for name in folder.folders("reports"):
        report = read_report(folder, name, around, complaints)
        if report is not None:
            found[name] = replace(report, digest=digest(folder, name))
    if not folder.folders("reports"):
        settings.top.complain("C1018", "the project has no report: reports/<name>/report.yaml")
    return found


def _policies(folder: Folder, complaints: Complaints, project: Project) -> dict[str, Policy]:
    rules = {*project.checks, *project.controls, *(f"{m}_key" for m in project.models)}
    ruled = Ruled(
        sources=project.sources.keys(),
        rules=rules | {f"{name}_conflicts" for name in project.sources},
        reports=project.reports,
        roles=project.roles,
    )
    sections: dict[str, Section] = {}
    for path in folder.names("policies"):
        if path.endswith(".yaml"):
            name = path.removeprefix("policies/").removesuffix(".yaml")
            top = open_yaml(folder, path, complaints, path, pick=lambda section: section)
            if top is not None:
                sections[name] = top
    found = {n: read_policy(s, n, s.source.sha256, ruled) for n, s in sections.items()}
    check_together(sections, found)
    return found
