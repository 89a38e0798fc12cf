"""`puntual doctor`: is this machine fit to deliver, and will the project still be next month?"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from itertools import chain
from pathlib import Path

import click

from puntual.cli import reading, text
from puntual.cli.clocks import clock
from puntual.cli.early import Answer
from puntual.cli.examined import examined
from puntual.cli.options import as_of_option, env_option, json_option, project_option, root_of
from puntual.cli.places import lake_path, pointers_path, state_folder
from puntual.local.clock_services import judged, offset_of
from puntual.local.collect import dead, remove
from puntual.local.index import log_of
from puntual.local.pointers import SqliteLeases
from puntual.local.preflight import examine
from puntual.ports.clock import Clock
from puntual.runner.clock import SystemClock

SIGNS = {"ok": "✓", "warn": "!", "fail": "✗"}


@click.command(name="doctor", help="Is this machine fit to deliver?")
@project_option
@env_option
@as_of_option
@click.option(
    "--release-lease", default=None, help="Give up a lease that a machine that is gone left."
)
@click.option(
    "--clock-service",
    "services",
    multiple=True,
    metavar="URL",
    help="Compare the clock with what these say in their HTTP Date; give two or more.",
)
@click.option(
    "--collect",
    is_flag=True,
    default=False,
    help="Remove objects that no manifest names and that are older than any run.",
)
@click.option(
    "--dry-run", is_flag=True, default=False, help="With --collect: list them and remove nothing."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    env: str | None,
    as_of: datetime | None,
    release_lease: str | None,
    services: tuple[str, ...],
    collect: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Try everything a run relies on; exit 3 when something fails, 2 for a wrong project."""
    root = root_of(ctx, project)
    watch = clock(as_of)
    read = reading.read(root, env)
    if release_lease is not None:
        _release(root, release_lease, watch)
    zones = tuple({read.time_zone, *(r.time_zone for r in read.reports.values())})
    if collect:
        _collect(root, watch, dry_run=dry_run, as_json=as_json)
        return
    answers: list[Answer] = []
    for answer in chain(
        examine(state_folder(root), zones=zones, clock=watch),
        _services(services),
        examined(read, root, watch),
    ):
        answers.append(answer)
        if not as_json:  # each as it comes: the next one may take its time
            about, level, sentence = answer
            text.say(f" {SIGNS[level]} {about:<28} {sentence}")
    failed = any(level == "fail" for _, level, _ in answers)
    if as_json:
        data: dict[str, object] = {
            "answers": [{"about": a, "level": level, "sentence": s} for a, level, s in answers]
        }
        text.envelope("doctor", data, ok=not failed, at=watch.now())
    ctx.exit(3 if failed else 0)


def _release(root: Path, name: str, clock: Clock) -> None:
    leases = SqliteLeases(pointers_path(root), clock)
    holder = leases.holder(name)
    if holder is None:
        text.say(f" · nobody holds the lease {name!r}")
        return
    leases.revoke(name)
    text.say(f" ● the lease {name!r} was given up")


def _services(urls: tuple[str, ...]) -> list[Answer]:
    if not urls:
        return []
    clock = SystemClock()  # `--as-of` is for drills; this is about the machine
    level, sentence = judged([offset_of(url, clock) for url in urls])
    return [("clock services", level, sentence)]


def _collect(root: Path, clock: Clock, *, dry_run: bool, as_json: bool) -> None:
    """Remove, or list, what is provably dead; nobody may be running."""
    lake = lake_path(root)
    leases = SqliteLeases(pointers_path(root), clock)
    with closing(leases), leases.acquire("run"):
        found = dead(lake, log_of(pointers_path(root)), SystemClock().now())
        if not dry_run:
            remove(lake, found)
    if as_json:
        objects = [{"name": one.name, "bytes": str(one.bytes)} for one in found]
        text.envelope("doctor", {"removed": not dry_run, "objects": objects}, at=clock.now())
        return
    for one in found:
        text.say(f" · {one.name}  {one.bytes:,} bytes, {one.age.days} days old")
    word = "would be removed" if dry_run else "removed"
    size = sum(one.bytes for one in found)
    text.say(f" ● {len(found):,} objects that nothing names {word}, {size:,} bytes")
