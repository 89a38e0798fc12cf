"""What `puntual doctor` finds out about a project: folders, calendars, sources, its state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path

from puntual.cli import early, fit, places, restored, telling, wiring
from puntual.cli.archive import Archive
from puntual.cli.early import Answer
from puntual.errors import ProjectError, PuntualError
from puntual.local.index import log_of
from puntual.local.litter import litter
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.local.rebuild import is_damaged
from puntual.local.stream import LocalStream
from puntual.model.project import Project
from puntual.model.report import Report
from puntual.model.source import DatabaseSource, FileSource, StreamSource
from puntual.planner.obligation import last_known, next_owed
from puntual.ports.clock import Clock
from puntual.project.zones import zone


def examined(project: Project, root: Path, clock: Clock) -> Iterator[Answer]:
    """Look at everything that a day of this project relies on, besides the machine itself."""
    yield from _fit(project, root)
    yield early.zone_data()
    yield from (early.calendar(c, clock.now()) for c in project.calendars.values())
    yield from (_next_due(project, r, clock.now()) for r in project.reports.values())
    yield from _sources(project, root, clock)
    about = f"warehouse {project.warehouse.kind}"
    yield from early.answers({about: partial(_warehouse, project, root)})
    if unheard := telling.unheard(project):
        yield "notices", "warn", unheard
    yield from _state(root)
    yield _litter(root)


def _fit(project: Project, root: Path) -> Iterator[Answer]:
    size = 0
    if places.was_run(root):
        with closing(SqlitePointers(places.pointers_path(root))) as pointers:
            store = Archive(objects=LocalObjects(places.lake_path(root)), pointers=pointers)
            size = fit.day_bytes(store)
    wrong = [*fit.faults(project, root, size), *fit.unplaced(project, root)]
    for fault in wrong:
        yield "run", "fail", f"{fault.code} {fault.message}: {fault.observed}. {fault.next_step}"
    for sentence in fit.short_of_space(root, size):
        yield "run", "warn", sentence
    if not wrong:
        yield "run", "ok", f"folders can be written; a day takes {size / (1 << 20):,.1f} MiB"


def _next_due(project: Project, report: Report, now: datetime) -> Answer:
    """Say when the report is due next, and from when on its calendar cannot tell."""
    about, calendar = f"report {report.name}", project.calendars[report.calendar]
    place = zone(report.time_zone)
    try:
        owed = next_owed(report.terms, calendar, now, place)
    except ProjectError as error:
        return about, "warn", f"{error.code} {error.message}: its next due date is not known"
    day = owed.obligation.reference_date.isoformat()
    sentence = f"of {day} it is due {owed.due_at:%Y-%m-%d %H:%M %Z}"
    last = last_known(report.terms, calendar)
    if (last - now.astimezone(place).date()).days <= early.NOTICE_DAYS:
        until = f"after {last.isoformat()} it is not known when it is due"
        return about, "warn", f"{sentence}; {until}: {calendar.name} ends"
    return about, "ok", sentence


def _sources(project: Project, root: Path, clock: Clock) -> Iterator[Answer]:
    """Look at every source; databases last, for they may keep one waiting."""
    databases = []
    for source in project.sources.values():
        if isinstance(source, DatabaseSource):
            databases.append(source)
        else:
            yield _source(source, root, clock)
    yield from early.answers(early.probes(databases, root))


def _source(source: FileSource | StreamSource, root: Path, clock: Clock) -> Answer:
    about = f"source {source.name}"
    match source:
        case FileSource():
            folder = root / _fixed(source.pattern)
            if not folder.is_dir():
                return about, "warn", f"folder {folder.name}/ does not exist yet"
            try:
                next(folder.iterdir(), None)
            except OSError as exc:
                return about, "fail", f"S1301 folder {folder.name}/ cannot be read: {exc.strerror}"
            return about, "ok", f"folder {folder.name}/ can be read"
        case StreamSource():
            return _stream(source, root, clock, about)


def _fixed(pattern: str) -> str:
    """Return the folder of a pattern as far as its name is the same every day."""
    return re.split(r"[{*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0] or "."


def _stream(source: StreamSource, root: Path, clock: Clock, about: str) -> Answer:
    try:
        shards = LocalStream(places.stream_path(root), clock).shards(source.stream)
    except PuntualError as error:
        level = "warn" if error.code == "S1101" else "fail"
        return about, level, f"{error.code} {error.message}. {error.next_step}"
    return about, "ok", f"stream {source.stream}, {len(shards)} shards"


def _warehouse(project: Project, root: Path) -> Answer:
    about = f"warehouse {project.warehouse.kind}"
    try:
        with closing(wiring.open_warehouse(project.warehouse, root)) as warehouse:
            answer = warehouse.query("SELECT 1 AS one", {}, limit=1)
    except PuntualError as error:
        return about, "fail", f"{error.code} {error.message}. {error.next_step}"
    level = "ok" if answer.columns == ((1,),) else "fail"
    return about, level, "opens, and answers a question"


def _state(root: Path) -> Iterator[Answer]:
    """Compare the state file with the log that it is made from, record by record."""
    repaired = "`puntual status` keeps it under another name and makes it again"
    for path in (places.pointers_path(root), places.journal_path(root), places.catalog_path(root)):
        if is_damaged(path):
            yield f"state {path.name}", "fail", f"T2004 damaged: {repaired}"
            return
    try:
        restored.one_history(root)
    except PuntualError as error:
        yield "commit log", "fail", f"{error.code} {error.message}. {error.next_step}"
        return
    if not places.was_run(root):
        yield "commit log", "ok", "nothing was committed yet"
        return
    path = places.pointers_path(root)
    held: dict[str, str] = {}
    try:
        with closing(SqlitePointers(path)) as pointers:
            count = 0
            for commit, _ in log_of(path).after(0, ""):
                held |= dict(commit.pointers)
                count += 1
            same = held == dict(pointers.read_prefix(""))
    except PuntualError as error:
        yield "commit log", "fail", f"{error.code} {error.message}. {error.next_step}"
        return
    if same:
        yield "commit log", "ok", f"{count:,} commits, and {path.name} agrees with them"
    else:
        yield "commit log", "fail", f"{path.name} says something else: delete it, it is made again"


def _litter(root: Path) -> Answer:
    found = litter(places.state_folder(root), places.temporary(root))
    if not found:
        return "litter", "ok", "dead runs have left nothing"
    return "litter", "warn", f"{', '.join(found)}: removed when the next run begins"
