"""
Events of runs for lineage catalogues: written beside the ledger when a run has ended.

They follow from manifests and journal, so none is lost with a run that was killed or a disk that
was full: the next run writes what is missing. No run waits for them, and none fails for them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, time
from itertools import groupby
from pathlib import Path

from puntual import __version__
from puntual.cli import places, text
from puntual.cli.archive import Archive
from puntual.cli.vantage import Here, Vantage
from puntual.errors import ProjectError, PuntualError
from puntual.evidence import canonical
from puntual.evidence.openlineage import Attempt, RunFacts, events
from puntual.local.journal import SqliteJournal
from puntual.local.lineage import LineageLog
from puntual.model.lineage import ColumnNode
from puntual.model.manifest import Digest, Manifest
from puntual.model.project import Project
from puntual.ports.journal import StepEvent
from puntual.project.zones import zone
from puntual.runner import checkpoint

FAILED = frozenset({"failed", "timed out", "died", "bug"})
ATTEMPTS = FAILED | {"done"}
"""Outcomes of the journal that are attempts of a step."""

AT_ONCE = 50
"""Runs before this one whose events are written by one run, at most; the next has the rest."""


@contextmanager
def afterwards(root: Path, project: Project) -> Iterator[set[str]]:
    """
    Write the events of runs when all else is done, however that ended.

    Yields:
        An empty set: the caller adds the names of its runs, once it has the lease for them.
    """
    ran: set[str] = set()
    try:
        yield ran
    finally:
        if ran:
            write(root, project, ran)


def write(root: Path, project: Project, ran: Collection[str]) -> None:
    """
    Write the events of runs that have ended, and of runs before them that have none yet.

    What fails is said on standard error, and written by the next run; nothing is raised for it,
    for it must not change how a run ends.

    Args:
        root: The project's folder.
        project: As it was read; what was changed since a run is left out of its events.
        ran: Names of the runs of this process; what began after them may still be going on.
    """
    log = LineageLog(places.lineage_path(root))
    try:
        with closing(SqliteJournal(places.journal_path(root))) as journal:
            owed = _owed(log, journal, ran)
    except PuntualError as fault:
        _complain("the events of this run are", fault)
        return
    for day, named in groupby(sorted(owed, key=lambda r: r[0]), key=lambda r: r[0]):
        try:
            facts = _known(Here(root=root), project, day)
            for _, run in named:
                log.write(day, run, list(events(facts, {run})))
        except PuntualError as fault:
            _complain(f"events of {day.isoformat()} are", fault)


def lines(place: Vantage, project: Project, day: date) -> list[bytes]:
    """
    Return the events of a day in the order of their instants: those written, and those missing.

    Where a project is deployed none is written: all follow from what its runs have recorded.

    Raises:
        ProjectError: C1005 nothing was run for that day.
        EvidenceError: V2001 a written event was altered; V1002 a manifest was.
        PermanentError: T1002, T1003, T2004; T5004-T5008.
        TransientError: T2002; T5001, T5002, T5003.
    """
    if place.is_away:
        facts = _known(place, project, day)
        return sorted(events(facts, {a.run for a in facts.attempts}), key=_instant)
    log = LineageLog(places.lineage_path(place.root))
    found = list(log.read(day))
    with closing(SqliteJournal(places.journal_path(place.root))) as journal:
        known = journal.runs(ATTEMPTS)
    missing = {run for d, run in known if d == day and not log.has(d, run)}
    if missing or not found:
        found += events(_known(place, project, day), missing)
    return sorted(found, key=_instant)


def _owed(log: LineageLog, journal: SqliteJournal, ran: Collection[str]) -> list[tuple[date, str]]:
    known = journal.runs(ATTEMPTS)
    last = max((i for i, (_, run) in enumerate(known) if run in ran), default=-1)
    owed = [k for k in known[: last + 1] if not log.has(*k)]
    return owed[-(len(ran) + AT_ONCE) :]


def _known(place: Vantage, project: Project, day: date) -> RunFacts:
    """Return what is known of a day: its manifests and its attempts."""
    with place.journal() as journal, place.store() as store:
        happened = tuple(e for e in journal.steps(day) if e.outcome in ATTEMPTS)
        return _facts(project, _manifests(store, day, happened), day, happened)


def _manifests(
    store: Archive, day: date, happened: tuple[StepEvent, ...]
) -> dict[str, tuple[Digest, Manifest]]:
    """Return what is committed; a day whose first step failed has attempts, and nothing else."""
    try:
        found = store.day(day)
    except ProjectError as error:
        if error.code != "C1005" or not happened:
            raise
        return {}
    return {
        step: (store.pointers.read(checkpoint.pointer(step, day)) or "", manifest)
        for step, manifest in found.items()
    }


def _facts(
    project: Project,
    manifests: dict[str, tuple[Digest, Manifest]],
    day: date,
    happened: tuple[StepEvent, ...],
) -> RunFacts:
    settings = project.warehouse
    file = f"{project.name}/{settings.location}" if settings.kind == "duckdb" else ""
    made_by = _made_by(project)
    as_run = {
        step
        for step, (_, manifest) in manifests.items()
        if step in made_by and manifest.inputs.get(made_by[step][0]) == made_by[step][1]
    }
    columns = _columns(project)
    sql = {f"build:{m.name}": m.sql for m in project.models.values()}
    sql |= {f"report:{r.name}": r.sql for r in project.reports.values()}
    return RunFacts(
        project=project.name,
        version=__version__,
        place=project.name,
        warehouse=(settings.kind, f"{file}." if file else "warehouse."),
        day=day,
        nominal=datetime.combine(day, time(), tzinfo=zone(project.time_zone)),
        manifests=manifests,
        attempts=tuple(map(_attempt, happened)),
        columns={n: columns[n] for step, (_, _, n) in made_by.items() if step in as_run},
        sql={step: text for step, text in sql.items() if step in as_run},
    )


def _made_by(project: Project) -> dict[str, tuple[str, str, str]]:
    """Return step → (file, its digest now, name in `RunFacts.columns`): as run, or not at all."""
    found = {
        f"curate:{c.dataset}": (c.file, c.digest, c.dataset) for c in project.contracts.values()
    }
    found |= {f"build:{m.name}": (m.file, m.digest, m.name) for m in project.models.values()}
    reports = project.reports.values()
    return found | {f"report:{r.name}": (r.file, r.digest, f"report:{r.name}") for r in reports}


def _columns(project: Project) -> dict[str, tuple[ColumnNode, ...]]:
    # Its import (sqlglot's optimizer) is what a run that wrote no event does not need.
    from puntual.project.lineage import lineage_of

    lineage = lineage_of(project)
    found = {n: lineage.of_dataset(n) for n in (*project.contracts, *project.models)}
    for name, report in project.reports.items():
        fields = {f.name for f in report.layout.detail}
        found[f"report:{name}"] = tuple(
            n for n in lineage.of_report(name) if n.level != "file" and n.column in fields
        )
    return found


def _attempt(event: StepEvent) -> Attempt:
    return Attempt(
        run=event.run,
        step=event.step,
        good=event.outcome == "done",
        at=event.at,
        seconds=event.seconds,
        fault=" ".join(event.facts[k] for k in ("code", "error") if k in event.facts),
    )


def _instant(event: bytes) -> datetime:
    told = canonical.decode(event)
    assert isinstance(told, dict)  # noqa: S101 - every event is an object
    return datetime.fromisoformat(str(told["eventTime"]))


def _complain(what: str, fault: PuntualError) -> None:
    text.complain(f"{what} not written, the next run does it: {fault.code} {fault.message}")
