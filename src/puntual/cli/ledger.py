"""`puntual ledger`: what is on record, and proofs about it for those who saw it before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from puntual.cli import books, founded, places, reading, remote, text, wiring
from puntual.cli.clocks import clock
from puntual.cli.options import env_option, json_option, project_option, root_of
from puntual.cli.verify import consistency_of
from puntual.cli.witnessed import named, witnessed
from puntual.errors import EvidenceError, ProjectError
from puntual.evidence import checkpoint as checkpoints
from puntual.evidence import ledger_files
from puntual.evidence.checkpoint import Checkpoint
from puntual.evidence.ledger import Entry, Event, Told, decode
from puntual.evidence.signed_log import LOST, SignedLog, lost_name
from puntual.local.disk import translated
from puntual.local.ledger import read_apart
from puntual.ports.ledger import Ledger
from puntual.runner.record import Record, catch_up


@click.group(name="ledger", help="What is on record, and proofs about it.")
def command() -> None:
    """Hold the commands of the ledger."""


@contextmanager
def read_ledger(root: Path, env: str | None) -> Iterator[SignedLog]:
    """
    Lend a ledger for reading: of this machine, or of where the environment is deployed.

    Raises:
        ProjectError: C1000, C1903 there is none, C1004, C1912.
        EvidenceError: V4003, V4004 it was set back or altered.
        TransientError: T5001, T5002, T5003.
        PermanentError: V5001, T1002, T1003, T5004-T5009.
    """
    there = reading.deployed(root, env)
    if there is None:
        yield books.read_ledger(root)
        return
    with remote.led_to_stage(root, there.away):
        yield founded.ledger(there.name)


@command.command(name="show", help="Show the last entries, newest first.")
@project_option
@click.option("-n", "--number", type=click.IntRange(min=1), default=20, help="Default 20.")
@env_option
@json_option
@click.pass_context
def show(
    ctx: click.Context, project: Path | None, number: int, env: str | None, as_json: bool
) -> None:
    """Show what happened, as it was put on record."""
    entries: list[tuple[int, Entry]] = []
    with read_ledger(root_of(ctx, project), env) as ledger:
        for index, data in ledger.backwards():
            if len(entries) == number:
                break
            entries.append((index, decode(data)))
    if as_json:
        listed = [
            {
                "index": str(index),
                "event": e.told.event.value,
                "at": e.at.isoformat(),
                "step": e.told.step,
                "reference_date": e.told.reference_date,
                "facts": e.told.facts,
            }
            for index, e in entries
        ]
        facts = {"origin": ledger.origin, "size": str(ledger.size), "entries": listed}
        text.envelope("ledger-show", facts)
        return
    text.say(f" {ledger.origin}   {ledger.size:,} entries")
    for index, e in entries:
        about = " ".join(t for t in (e.told.step, e.told.reference_date) if t)
        text.say(f" {index:>7,}  {e.at:%Y-%m-%d %H:%M:%S}  {e.told.event.value:<15} {about}")


@command.command(name="check", help="Read every entry and compare with what was signed.")
@project_option
@env_option
@json_option
@click.pass_context
def check(ctx: click.Context, project: Path | None, env: str | None, as_json: bool) -> None:
    """Compute every root again from the entries; exits 3 where one differs."""
    with read_ledger(root_of(ctx, project), env) as ledger:
        checked = ledger.check()
    if as_json:
        data = {"entries": str(ledger.size), "checkpoints": str(checked)}
        text.envelope("ledger-check", data)
    else:
        text.say(f" ● {ledger.size:,} entries give the roots of {checked:,} checkpoints")


@command.command(name="prove", help="Prove that a tree of one size begins with a smaller one.")
@project_option
@click.option("--from", "first", type=click.IntRange(min=1), required=True, help="Smaller size.")
@click.option("--to", "second", type=click.IntRange(min=1), default=None, help="Default: now.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@env_option
@click.pass_context
def prove(
    ctx: click.Context,
    project: Path | None,
    first: int,
    second: int | None,
    file: Path,
    env: str | None,
) -> None:
    """Write the proof that a receiver asks for: `puntual verify --consistency FILE`."""
    with read_ledger(root_of(ctx, project), env) as ledger:
        second = ledger.size if second is None else second
        if not first <= second <= ledger.size:
            raise ProjectError(
                "C1903",
                "the ledger has no such two trees",
                expected=f"1 <= from <= to <= {ledger.size}",
                observed=f"from {first} to {second}",
                next_step=f"{text.in_env('ledger show', env)}",
            )
        proof = ledger_files.encode(consistency_of(ledger, first, second))
    with translated(str(file)):
        file.write_bytes(proof)
    text.say(f" ● {file}: {ledger.origin}, {first:,} → {second:,}")


@command.command(name="anchor", help="Go on from a ledger that was set back; receivers see it.")
@project_option
@click.option("--reason", required=True, help="Why, in words; it stands in the ledger.")
@click.option(
    "--seen",
    type=click.Path(path_type=Path),
    default=None,
    metavar="PACKAGE|FILE",
    help="Nothing is lost: the ledger holds this checkpoint, the newest that a receiver has.",
)
@click.pass_context
def anchor(ctx: click.Context, project: Path | None, reason: str, seen: Path | None) -> None:
    """
    Accept that the last checkpoint that was shown is lost, and go on from here.

    That is on record, with the sizes that were shown, before the checkpoint that was kept apart is
    replaced; a receiver who holds it refuses what follows until people have talked. With `--seen`
    the ledger must hold that checkpoint and all others that are at hand, or nothing is changed.
    """
    root = root_of(ctx, project)
    given = None if seen is None else _held(root, seen)
    read, watch = reading.read(root), clock(None)
    places.make_folder(places.lake_path(root))
    apart = books.apart_path(root)
    lost = read_apart(apart)
    with wiring.leased(root, watch) as held, wiring.open_store(root) as store:
        opened = books.open_books(root, read.name, past=True)
        facts: dict[str, object] = {
            "reason": reason,
            "lost_size": "" if lost is None or given else str(lost.size),
            "lost_root": "" if lost is None or given else lost.root.hex(),
            LOST: [lost_name(c) for c in _missing(root, opened.ledger)],
        }
        if given is not None:
            facts |= {"seen_size": str(given.size), "seen_root": given.root.hex()}
        by = Record(store=store, books=opened, epoch=held.epoch, at=watch.now())
        catch_up(by, also=(Told(event=Event.ANCHOR, facts=facts),))
        now = checkpoints.decode(opened.ledger.checkpoint(opened.ledger.size - 1))
    text.say(f" ● {now.origin}: {now.size:,} entries from here on")


def _held(root: Path, seen: Path) -> Checkpoint:
    """
    Return the checkpoint that an operator has brought; the ledger holds it, and all at hand.

    Raises:
        EvidenceError: V4001, V4002 it is none; V4003 the ledger does not hold it, or another one
            that was shown; V4004.
        ProjectError: C1008, C1903.
        PermanentError: V5001, T1002, T1003.
    """
    ledger = books.read_ledger(root)
    current = books.open_keys(root).current
    found = named(seen, current)
    for one in (found, *witnessed(root, current, every=True)):
        if not ledger.holds(one):
            raise EvidenceError(
                "V4003",
                "the ledger does not hold what was shown before: rollback detected",
                where=str(books.ledger_path(root)),
                expected=f"{one.origin} with its first {one.size:,} entries",
                observed=f"{ledger.origin} with {ledger.size:,} entries",
                next_step="Restore the newest backup of .puntual, then ask again.",
            )
    return found


def _missing(root: Path, ledger: Ledger) -> list[Checkpoint]:
    """Return what left with packages and is not in the ledger, which goes on without it."""
    shown = {lost_name(c): c for c in witnessed(root, books.open_keys(root).current, every=True)}
    return [c for c in shown.values() if c.size > ledger.size or ledger.root(c.size) != c.root]


@command.command(name="stamp", help="Ask an authority for a time stamp with every delivery.")
@project_option
@click.option("--url", required=True, help='Of the authority (RFC 3161); "" asks none any more.')
@click.pass_context
def stamp(ctx: click.Context, project: Path | None, url: str) -> None:
    """Name the authority; a delivery waits at most 5 s for it, and goes without a token then."""
    root = root_of(ctx, project)
    books.see_authority(url, "--url")
    path = books.stamp_path(root)
    places.make_folder(path.parent)
    with translated(str(path)):
        path.write_text(url, encoding="utf-8")
    text.say(f" ● {url or 'no authority'}")
