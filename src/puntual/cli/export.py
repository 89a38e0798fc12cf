"""`puntual export`: what ran, in forms that other systems read; never on the way of a delivery."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import click

from puntual.cli import lineage_events, places, restored, text
from puntual.cli.archive import open_archive
from puntual.cli.dates import resolve
from puntual.cli.options import date_option, env_option, project_option, root_of
from puntual.cli.vantage import Vantage, vantage
from puntual.errors import PermanentError, ProjectError, TransientError
from puntual.evidence import canonical
from puntual.local.disk import translated
from puntual.local.lineage import LineageLog
from puntual.model.project import Project
from puntual.project.zones import zone


@click.group(name="export", help="Write what ran in forms that other systems read.")
def command() -> None:
    """Export."""


@command.command(name="openlineage", help="Events of runs as NDJSON (OpenLineage 2-0-2).")
@project_option
@date_option()
@click.option(
    "--to",
    default=None,
    metavar="FILE|URL",
    help="A new file, or a receiver, to which each event is posted once (default: standard "
    "output).",
)
@env_option
@click.pass_context
def openlineage(
    ctx: click.Context, project: Path | None, when: str, to: str | None, env: str | None
) -> None:
    """
    Write one JSON object a line for each step that ran: START, then COMPLETE or FAIL.

    Forwarded is what the runs have written beside the ledger; only what is missing there is
    derived from the manifests and the journal. The same days give the same bytes. Of a deployed
    project everything is derived so.
    """
    root = root_of(ctx, project)
    url = _address(to) if to is not None and "://" in to else None
    with vantage(root, env) as place:
        declared = place.project()
        here = zone(declared.time_zone)
        days = resolve(when, declared, now=datetime.now(UTC), zone=here)
        if not place.is_away:
            open_archive(root)
            restored.at_hand(root)
        lines = _lines(place, declared, days)
        if url is not None:
            _forward(root, url, lines, days)
        elif to is not None:
            _save(Path(to), lines, days)
        else:
            for line in lines:
                sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()


def _lines(place: Vantage, project: Project, days: tuple[date, ...]) -> Iterator[bytes]:
    """Yield the events of every day that ran; a single day that did not is refused."""
    for day in days:
        try:
            yield from lineage_events.lines(place, project, day)
        except ProjectError as error:
            if error.code != "C1005" or len(days) == 1:
                raise


def _save(to: Path, lines: Iterable[bytes], days: tuple[date, ...]) -> None:
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


def _forward(root: Path, url: SplitResult, lines: Iterable[bytes], days: tuple[date, ...]) -> None:
    """
    Post every event that the receiver has not taken yet, oldest first.

    Raises:
        TransientError: D2005; what was taken so far is on record.
        PermanentError: D2006; T1001-T1003 it cannot be put on record.
    """
    # What it imports (ssl) is what an export into a file does not need.
    from puntual.local.receiver import post

    log = LineageLog(places.lineage_path(root))
    sent = 0
    with log.taken_by(url.geturl()) as taken:
        owed = [(name, line) for line in lines if (name := _name(line)) not in taken.names]
        for name, line in owed:
            try:
                post(url, line)
            except (TransientError, PermanentError) as fault:
                fault.message += f"; {sent:,} of {len(owed):,} events were taken, the rest is kept"
                raise
            with translated(str(places.lineage_path(root))):
                taken.add(name)
            sent += 1
    text.say(f" {sent:,} events of {len(days):,} day(s) taken by {url.hostname}")


def _name(line: bytes) -> str:
    """Return what names an event: its run and its type."""
    told = canonical.decode(line)
    assert isinstance(told, dict)  # noqa: S101 - every event is an object
    return f"{told['run']['runId']} {told['eventType']}"


def _address(named: str) -> SplitResult:
    try:
        url = urlsplit(named)
        good = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good:
        message = "a receiver is named such as https://catalogue.example/api/v1/lineage"
        raise click.BadParameter(message, param_hint="--to")
    return url
