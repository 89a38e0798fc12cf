"""What `puntual doctor` finds out about a project: folders, calendars, sources, its state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import TZPATH

from puntual.cli import fit, places, restored, wiring
from puntual.cli.archive import Archive
from puntual.errors import ProjectError, PuntualError
from puntual.local.index import log_of
from puntual.local.litter import litter
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.local.rebuild import is_damaged
from puntual.local.stream import LocalStream
from puntual.model.project import Project
from puntual.model.report import Calendar, Report
from puntual.model.source import DatabaseSource, FileSource, Source, StreamSource
from puntual.planner.obligation import last_known, next_owed
from puntual.ports.clock import Clock
from puntual.project.zones import zone

NOTICE_DAYS = 45
"""A calendar that ends sooner is a warning: the next year is published in December."""

Answer = tuple[str, str, str]
"""What was looked at, `ok`, `warn` or `fail`, and one sentence."""


def examined(project: Project, root: Path, clock: Clock) -> Iterator[Answer]:
    """Look at everything that a day of this project relies on, besides the machine itself."""
    yield from _fit(project, root)
    yield _zone_data()
    yield from (_calendar(c, clock.now()) for c in project.calendars.values())
    yield from (_next_due(project, r, clock.now()) for r in project.reports.values())
    yield from (_source(s, root, clock) for s in project.sources.values())
    yield _warehouse(project, root)
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


def _zone_data() -> Answer:
    """Say which release of the IANA zone data is used: the system's, else the package's."""
    for folder in TZPATH:
        for name in ("tzdata.zi", "+VERSION"):
            path = Path(folder) / name
            if path.is_file():
                with path.open(encoding="utf-8", errors="replace") as file:
                    word = file.readline().removeprefix("# version").strip()
                return "zone data", "ok", f"release {word} of the system ({folder})"
        if Path(folder).is_dir() and any(Path(folder).iterdir()):
            return "zone data", "warn", f"of the system ({folder}), which does not say its release"
    try:
        return "zone data", "ok", f"package tzdata {version('tzdata')}"
    except PackageNotFoundError:
        return "zone data", "fail", "none: pip install tzdata"


def _calendar(calendar: Calendar, now: datetime) -> Answer:
    about, left = f"calendar {calendar.name}", (calendar.valid_until - now.date()).days
    sentence = f"valid until {calendar.valid_until.isoformat()}, {left} days"
    if left < 0:
        return about, "fail", f"ended {calendar.valid_until.isoformat()}: add the days published"
    if left <= NOTICE_DAYS:
        return about, "warn", f"{sentence}: add what its legal source has published"
    return about, "ok", sentence


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
    if (last - now.astimezone(place).date()).days <= NOTICE_DAYS:
        until = f"after {last.isoformat()} it is not known when it is due"
        return about, "warn", f"{sentence}; {until}: {calendar.name} ends"
    return about, "ok", sentence


def _source(source: Source, root: Path, clock: Clock) -> Answer:
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
        case DatabaseSource():
            return _database(source, root, about)


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


def _database(source: DatabaseSource, root: Path, about: str) -> Answer:
    try:
        moment = wiring.databases(root).probe(source)
    except PuntualError as error:
        return about, "fail", f"{error.code} {error.message}. {error.next_step}"
    return about, "ok", f"answers; its clock says {moment.isoformat(timespec='seconds')}"


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
