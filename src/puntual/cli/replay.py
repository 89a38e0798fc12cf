"""`puntual replay`: delivered days rebuilt from raw alone, and whether every byte is the same."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import click

from puntual.checks.encoding import ALGORITHM
from puntual.cli import places, restored, text
from puntual.cli.options import date_option, env_option, json_option, project_option, root_of
from puntual.cli.replay_days import chosen
from puntual.cli.replayer import Assignment, Fault, Outcome, reports_of
from puntual.cli.replaying import replayed
from puntual.cli.vantage import Vantage, vantage
from puntual.evidence.facts import to_json
from puntual.local.trial import kept_name, remove_dead, trial_folder
from puntual.model.manifest import Digest
from puntual.project.history import looks_back
from puntual.project.program import code_digest

SHOWN = 10
"""Differences that are shown of a day; all of them are in the answer of `--json`."""

HOW: Mapping[str, str] = {
    "made_by": "Spark and Redshift",
    "rebuilt_by": "DuckDB",
    "bytes": "every byte of reports and exceptions",
    "counts": "records and sums of all datasets and loads; hops, controls, findings, decisions",
    "rows": f"digests ({ALGORITHM}) of the rows of all datasets, those set aside, and Redshift's",
    "not": "the bytes of Parquet, and in a package what names them",
}
"""How a deployed day is compared, for people and programs."""


@click.command(name="replay", help="Rebuild delivered days from raw and compare every byte.")
@project_option
@date_option(required=False)
@env_option
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    default=None,
    help="Processes side by side (default: one for each core).",
)
@click.option("--keep", is_flag=True, default=False, help="Keep what was made, and say where.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    when: str | None,
    env: str | None,
    jobs: int | None,
    keep: bool,
    as_json: bool,
) -> None:
    """
    Rebuild delivered days, every one of them unless `-d` names some, and compare.

    Days that were meant and not delivered are left out, and named: held, not finished, or never
    run.

    The sealed raw objects are read and verified; everything after them is made anew beside the
    real state, which is not touched. Of a deployed project they are copied, and the day is made
    here by DuckDB: what Spark wrote is compared by the digest of its rows. Exits 0 when all is the
    same, 1 when something differs, 3 when raw is damaged or the machine fails.
    """
    root = root_of(ctx, project)
    with vantage(root, env) as place:
        code = _replay(place, when, jobs, keep=keep, as_json=as_json)
    ctx.exit(code)


def _replay(
    place: Vantage, when: str | None, jobs: int | None, *, keep: bool, as_json: bool
) -> int:
    """Rebuild the days that are meant, say what was found, and return the exit code."""
    root, read = place.root, place.project()
    if not place.is_away:
        for line in restored.restore(root, lambda: read, datetime.now(UTC)):
            (text.complain if as_json else text.say)(line)
    names = _names(place)
    meant = chosen(read, names, when, env=read.away or None)
    days = meant.days
    processes = min(jobs or len(os.sched_getaffinity(0)), len(days))
    state = places.state_folder(root)
    remove_dead(state)
    said = _Said(names=names, days=days, left_out=meant.left_out, quiet=as_json, away=read.away)
    with trial_folder(state, keep=keep) as (folder, lock):
        given = Assignment(
            root=str(root),
            env=place.env or "",
            folder=str(folder),
            names=dict(names),
            code=code_digest(),
            processes=processes,
            looks_back=looks_back(read),
            keep=keep,
        )
        with closing(replayed(list(_shares(given, processes)), days, lock)) as outcomes:
            for outcome in outcomes:
                said.take(outcome)
    code = said.end(kept_name(folder) if keep else None)
    if as_json:
        text.envelope("replay", said.data(), ok=code == 0)
    return code


def _names(place: Vantage) -> Mapping[str, Digest]:
    if not (place.is_away or place.was_run):  # to open a file that is not there makes it
        return {}
    with place.store() as store:
        return store.pointers.read_prefix("")


def _shares(given: Assignment, processes: int) -> Iterator[Assignment]:
    for number in range(processes):
        yield replace(given, folder=str(Path(given.folder) / str(number)))


@dataclass(slots=True, kw_only=True)
class _Said:
    """What was found, told day by day in their order, and the answer at the end."""

    names: Mapping[str, Digest]
    days: tuple[date, ...]
    left_out: Mapping[date, str]
    quiet: bool
    away: str
    found: dict[date, Outcome] = field(default_factory=dict)
    told: int = 0
    began: float = field(default_factory=time.monotonic)

    def take(self, outcome: Outcome) -> None:
        """Take a day's outcome, and tell every day whose turn it is."""
        self.found[outcome.day] = outcome
        while self.told < len(self.days) and self.days[self.told] in self.found:
            if not self.quiet:
                self._wipe()
                self._tell(self.found[self.days[self.told]])
            self.told += 1
        if not self.quiet and sys.stderr.isatty() and text.on_terminal():
            click.echo(f"\r   {self._pace()}\033[K", nl=False, err=True)

    def end(self, kept: Path | None) -> int:
        """Say how it went, and return the exit code."""
        outcomes = self.found.values()
        broken = sum(1 for o in outcomes if o.damaged or o.stopped)
        other = sum(1 for o in outcomes if o.differences)
        same = len(self.found) - broken - other
        if not self.quiet:
            self._wipe()
            text.say(
                f" {same:,} of {len(self.days):,} days are the same, {other:,} differ, "
                f"{broken:,} could not be replayed   {self._pace()}"
            )
            for line in (*self._how(), *_left_out(self.left_out)):
                text.say(line)
            if any(o.another_program for o in outcomes):
                text.say("   some were delivered by another version of the program; their")
                text.say(
                    "   statements name it, so of a package report and exceptions are compared"
                )
            if kept is not None:
                text.say(f"   kept in {kept}")
        return 3 if broken else 1 if other else 0

    def data(self) -> dict[str, object]:
        """Return the `data` of the answer."""
        how = {"how": {"of": self.away, **HOW}} if self.away else {}
        return {
            "days": [
                {"verdict": _verdict(self.found[day])} | _plain(self.found[day])
                for day in self.days
            ],
            "left_out": [
                {"day": day.isoformat(), "why": why} for day, why in self.left_out.items()
            ],
            **how,
        }

    def _how(self) -> Iterator[str]:
        """Yield what was compared with what, where another engine made the days."""
        if not self.away:
            return
        made, here = HOW["made_by"], HOW["rebuilt_by"]
        yield f"   raw was copied from {self.away} and its digests were compared; the days, which"
        yield f"   {made} had made, were rebuilt here by {here} from it alone"
        yield "   compared:"
        yield from (f"     {HOW[about]}" for about in ("bytes", "counts", "rows"))
        yield f"   not compared: {HOW['not']}"

    def _pace(self) -> str:
        seconds = max(time.monotonic() - self.began, 0.001)
        return (
            f"{len(self.found):,} of {len(self.days):,} in {seconds:.0f} s, "
            f"{len(self.found) / seconds:.1f} days/s"
        )

    def _wipe(self) -> None:
        if sys.stderr.isatty() and text.on_terminal():
            click.echo("\r\033[K", nl=False, err=True)

    def _tell(self, outcome: Outcome) -> None:
        day, verdict = outcome.day.isoformat(), _verdict(outcome)
        if verdict == "same":
            reports = ", ".join(reports_of(self.names, outcome.day))
            text.say(f" ● {day}  same     {outcome.records:,} raw records, {reports}")
            return
        text.say(f" {'✗' if verdict == 'failed' else '◐'} {day}  {verdict}")
        for fault in (*outcome.damaged, *((outcome.stopped,) if outcome.stopped else ())):
            for line in _fault_lines(fault):
                text.say(line)
        for difference in outcome.differences[:SHOWN]:
            because = f"   because of {', '.join(difference.because)}" if difference.because else ""
            text.say(f"   {difference.step}: {difference.about}{because}")
            text.say(f"      delivered {difference.was}")
            text.say(f"      replayed  {difference.now}")
        if len(outcome.differences) > SHOWN:
            text.say(f"   and {len(outcome.differences) - SHOWN} more: --json has all of them")


def _left_out(days: Mapping[date, str]) -> Iterator[str]:
    """Yield how many days were not rebuilt, and which and why."""
    if not days:
        return
    yield f"   left out: {len(days):,} that were not delivered"
    for day, why in list(days.items())[:SHOWN]:
        yield f"     {day.isoformat()}  {why}"
    if len(days) > SHOWN:
        yield f"     and {len(days) - SHOWN:,} more: --json has all of them"


def _verdict(outcome: Outcome) -> str:
    if outcome.damaged or outcome.stopped:
        return "failed"
    return "differs" if outcome.differences else "same"


def _plain(outcome: Outcome) -> dict[str, object]:
    found = to_json(outcome)
    assert isinstance(found, dict)  # noqa: S101 - a dataclass is an object
    return found


def _fault_lines(fault: Fault) -> Iterator[str]:
    yield f"   {fault.code}  {fault.message}"
    for label, value in (
        ("where", fault.where),
        ("expected", fault.expected),
        ("observed", fault.observed),
        ("next", fault.next_step),
    ):
        if value:
            yield f"     {label:<9} {value}"
