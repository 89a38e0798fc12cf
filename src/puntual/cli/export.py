"""`puntual export`: what ran, in forms that other systems read; made afterwards, never in a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time
from pathlib import Path

import click

from puntual import __version__
from puntual.cli import restored, text
from puntual.cli.archive import Archive, open_archive
from puntual.cli.dates import resolve
from puntual.cli.options import date_option, project_option, root_of
from puntual.cli.places import journal_path
from puntual.cli.reading import read
from puntual.errors import PermanentError, ProjectError
from puntual.evidence.openlineage import Attempt, RunFacts, events
from puntual.local.journal import SqliteJournal
from puntual.model.lineage import ColumnNode
from puntual.model.project import Project
from puntual.ports.journal import StepEvent
from puntual.project.lineage import lineage_of
from puntual.project.zones import zone
from puntual.runner import checkpoint

_FAILED = frozenset({"failed", "timed out", "died", "bug"})


@click.group(name="export", help="Write what ran in forms that other systems read.")
def command() -> None:
    """Export."""


@command.command(name="openlineage", help="Events of runs as NDJSON (OpenLineage 2-0-2).")
@project_option
@date_option()
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="A new file (default: standard output).",
)
@click.pass_context
def openlineage(ctx: click.Context, project: Path | None, when: str, to: Path | None) -> None:
    """
    Write one JSON object a line for each step that ran: START, then COMPLETE or FAIL.

    They are derived from the manifests and the journal, so that a run never waits for a receiver
    of events, and the same days give the same bytes.
    """
    root = root_of(ctx, project)
    declared = read(root)
    here = zone(declared.time_zone)
    days = resolve(when, declared, now=datetime.now(UTC), zone=here)
    lines = _lines(root, declared, days)
    if to is None:
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
        return
    try:
        with to.open("xb") as file:
            count = sum(1 for line in lines if file.write(line + b"\n"))
    except OSError as exc:
        raise PermanentError(
            "T1002",
            f"cannot write {to.name}",
            where=str(to),
            expected="a new file in a folder that this user may write",
            observed=exc.strerror or type(exc).__name__,
            next_step="name another file; one that is there is not overwritten",
        ) from exc
    text.say(f" {count:,} events of {len(days):,} day(s) in {to}")


def _lines(root: Path, project: Project, days: tuple[date, ...]) -> Iterator[bytes]:
    """Yield the events of every day that ran; a single day that did not is refused."""
    store = open_archive(root)
    columns = _columns(project)
    restored.at_hand(root)
    with closing(SqliteJournal(journal_path(root))) as journal:
        for day in days:
            try:
                facts = _facts(project, store, day, journal.steps(day), columns)
            except ProjectError as error:
                if error.code != "C1005" or len(days) == 1:
                    raise
                continue
            yield from events(facts)


def _facts(
    project: Project,
    store: Archive,
    day: date,
    happened: tuple[StepEvent, ...],
    columns: dict[str, tuple[ColumnNode, ...]],
) -> RunFacts:
    settings = project.warehouse
    file = f"{project.name}/{settings.location}" if settings.kind == "duckdb" else ""
    manifests = {
        step: (store.pointers.read(checkpoint.pointer(step, day)) or "", manifest)
        for step, manifest in store.day(day).items()
    }
    made_by = _made_by(project)
    as_run = {
        step
        for step, (_, manifest) in manifests.items()
        if step in made_by and manifest.inputs.get(made_by[step][0]) == made_by[step][1]
    }
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
        attempts=tuple(_attempt(e) for e in happened if e.outcome in {"done", *_FAILED}),
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
