"""`puntual doctor`: is this machine fit to deliver, and will the project still be next month?"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from puntual.cli import reading, text, wiring
from puntual.cli.clocks import clock
from puntual.cli.options import as_of_option, env_option, json_option, project_option, root_of
from puntual.cli.places import pointers_path, state_folder, stream_path
from puntual.errors import PuntualError
from puntual.local.pointers import SqliteLeases
from puntual.local.preflight import examine
from puntual.model.report import Calendar
from puntual.model.source import DatabaseSource, FileSource, Source, StreamSource
from puntual.ports.clock import Clock

SIGNS = {"ok": "✓", "warn": "!", "fail": "✗"}
NOTICE_DAYS = 45
"""A calendar that ends sooner is a warning: the next year is published in December."""

Answer = tuple[str, str, str]


@click.command(name="doctor", help="Is this machine fit to deliver?")
@project_option
@env_option
@as_of_option
@click.option(
    "--release-lease", default=None, help="Give up a lease that a machine that is gone left."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    env: str | None,
    as_of: datetime | None,
    release_lease: str | None,
    as_json: bool,
) -> None:
    """Try everything a run relies on; exit 3 when something fails, 2 for a wrong project."""
    root = root_of(ctx, project)
    watch = clock(as_of)
    read = reading.read(root, env)
    if release_lease is not None:
        _release(root, release_lease, watch)
    zones = tuple({read.time_zone, *(r.time_zone for r in read.reports.values())})
    answers = [
        *examine(state_folder(root), zones=zones, clock=watch),
        *(_calendar(c, watch.now()) for c in read.calendars.values()),
        *(_source(s, root) for s in read.sources.values()),
    ]
    failed = any(level == "fail" for _, level, _ in answers)
    if as_json:
        data: dict[str, object] = {
            "answers": [{"about": a, "level": level, "sentence": s} for a, level, s in answers]
        }
        text.envelope("doctor", data, ok=not failed, at=watch.now())
    else:
        for about, level, sentence in answers:
            text.say(f" {SIGNS[level]} {about:<28} {sentence}")
    ctx.exit(3 if failed else 0)


def _release(root: Path, name: str, clock: Clock) -> None:
    leases = SqliteLeases(pointers_path(root), clock)
    holder = leases.holder(name)
    if holder is None:
        text.say(f" · nobody holds the lease {name!r}")
        return
    leases.revoke(name)
    text.say(f" ● the lease {name!r} was given up")


def _calendar(calendar: Calendar, now: datetime) -> Answer:
    left = (calendar.valid_until - now.date()).days
    sentence = f"valid until {calendar.valid_until.isoformat()}, {left} days"
    if left < 0:
        return f"calendar {calendar.name}", "fail", f"ended {calendar.valid_until.isoformat()}"
    return f"calendar {calendar.name}", "ok" if left > NOTICE_DAYS else "warn", sentence


def _source(source: Source, root: Path) -> Answer:
    about = f"source {source.name}"
    match source:
        case FileSource():
            folder = (root / source.pattern.split("{")[0].split("*")[0]).parent
            if folder.is_dir():
                return about, "ok", f"folder {folder.name}/ can be read"
            return about, "warn", f"folder {folder.name}/ does not exist yet"
        case StreamSource():
            known = stream_path(root).is_file()
            if known:
                return about, "ok", f"stream {source.stream}"
            return about, "warn", "no stream yet: puntual stream create"
        case DatabaseSource():
            return _database(source, root, about)


def _database(source: DatabaseSource, root: Path, about: str) -> Answer:
    try:
        moment = wiring.databases(root).probe(source)
    except PuntualError as error:
        return about, "fail", f"{error.code} {error.message}"
    return about, "ok", f"answers; its clock says {moment.isoformat(timespec='seconds')}"
