"""`puntual key`: who may sign what; keys are made, replaced and ended, each on record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from puntual.cli import books, founded, places, reading, remote, text, wiring
from puntual.cli.archive import Archive, open_archive
from puntual.cli.clocks import clock
from puntual.cli.options import (
    env_option,
    json_option,
    parse_day,
    project_option,
    report_option,
    root_of,
)
from puntual.cli.vantage import archived
from puntual.errors import ProjectError
from puntual.evidence import dsse, trust
from puntual.evidence.digest import sha256
from puntual.evidence.ledger import STATEMENT, Event, Told
from puntual.evidence.trust import COMPLETENESS, Role, Trust
from puntual.local.disk import translated
from puntual.ports.ledger import Ledger
from puntual.runner.record import Record, attested, catch_up

if TYPE_CHECKING:
    from puntual.local.keys import KeyFile, LocalKeys

ROLES = click.Choice([r.value for r in Role])
passphrase_option = click.option(
    "--passphrase",
    default="",
    metavar="env:NAME",
    help="Encrypt it; where the passphrase is found.",
)
root_key_option = click.option(
    "--root-key",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="The root key, where it is kept away from this machine.",
)
root_passphrase_option = click.option(
    "--root-passphrase", default="", metavar="env:NAME", help="Where its passphrase is found."
)


@click.group(name="key", help="Who may sign what: make, replace and end keys.")
def command() -> None:
    """Hold the commands of keys."""


@command.command(name="list", help="Show every key, and the root's fingerprint.")
@project_option
@env_option
@json_option
@click.pass_context
def show(ctx: click.Context, project: Path | None, env: str | None, as_json: bool) -> None:
    """Show whose signatures count, in which role, since and until which position."""
    current, _ = _in_force(root_of(ctx, project), env)
    _say(current, as_json=as_json, what="key-list")


@command.command(name="create", help="Make a key that counts from now on.")
@project_option
@click.argument("name")
@click.option("--role", type=ROLES, required=True, help="What it may sign.")
@passphrase_option
@root_key_option
@root_passphrase_option
@env_option
@json_option
@click.pass_context
def create(
    ctx: click.Context,
    project: Path | None,
    name: str,
    role: str,
    passphrase: str,
    root_key: Path | None,
    root_passphrase: str,
    env: str | None,
    as_json: bool,
) -> None:
    """Make a key, and put it on record."""
    root = root_of(ctx, project)
    with _changing(root, root_key, root_passphrase, env, Role(role)) as (keys, size, by):
        found = keys.create(name, Role(role), size=size, passphrase=passphrase, root=by)
    _say(found, as_json=as_json, what="key-create")


@command.command(name="rotate", help="Replace a key by a new one; both sign that it is so.")
@project_option
@click.argument("name")
@passphrase_option
@root_key_option
@root_passphrase_option
@env_option
@json_option
@click.pass_context
def rotate(
    ctx: click.Context,
    project: Path | None,
    name: str,
    passphrase: str,
    root_key: Path | None,
    root_passphrase: str,
    env: str | None,
    as_json: bool,
) -> None:
    """Replace a key; what the old one signed goes on counting."""
    root = root_of(ctx, project)
    role = next((k.role for k in _in_force(root, env)[0].keys if k.name == name), None)
    with _changing(root, root_key, root_passphrase, env, role) as (keys, size, by):
        found = keys.rotate(name, size=size, passphrase=passphrase, root=by)
    _say(found, as_json=as_json, what="key-rotate")


@command.command(name="revoke", help="End a key: nothing that it signs from then on counts.")
@project_option
@click.argument("name")
@click.option("--reason", required=True, help="Why, in words; it stands in the trust file.")
@click.option(
    "--since",
    type=click.IntRange(min=0),
    default=None,
    help="Entry of the ledger from which it does not count (default: now).",
)
@root_key_option
@root_passphrase_option
@env_option
@json_option
@click.pass_context
def revoke(
    ctx: click.Context,
    project: Path | None,
    name: str,
    reason: str,
    since: int | None,
    root_key: Path | None,
    root_passphrase: str,
    env: str | None,
    as_json: bool,
) -> None:
    """End a key, and put it on record."""
    root = root_of(ctx, project)
    with _changing(root, root_key, root_passphrase, env) as (keys, size, by):
        at = size if since is None else since
        found = keys.revoke(name, since=at, why=reason, root=by)
    _say(found, as_json=as_json, what="key-revoke")


@command.command(name="require", help="Say how many approvers must sign a delivery.")
@project_option
@click.option("--full", type=click.IntRange(0, 16), default=None, help="Of a full delivery.")
@click.option("--partial", type=click.IntRange(0, 16), default=None, help="Of a partial one.")
@click.option("--emergency", type=click.IntRange(0, 16), default=None, help="Of an emergency one.")
@root_key_option
@root_passphrase_option
@env_option
@json_option
@click.pass_context
def require(
    ctx: click.Context,
    project: Path | None,
    full: int | None,
    partial: int | None,
    emergency: int | None,
    root_key: Path | None,
    root_passphrase: str,
    env: str | None,
    as_json: bool,
) -> None:
    """Say how many approvers must sign; one pipeline key always must."""
    asked = {"full": full, "partial": partial, "emergency": emergency}
    root = root_of(ctx, project)
    with _changing(root, root_key, root_passphrase, env) as (keys, size, by):
        now = {c: dict(keys.current.thresholds[-1].of(c)) for c in COMPLETENESS}
        for whole, number in asked.items():
            if number is not None:
                now[whole][Role.APPROVER] = number
        found = keys.require(now, size=size, root=by)
    _say(found, as_json=as_json, what="key-require")


@command.command(name="sign", help="Sign the statement of a delivery, as one of its approvers.")
@project_option
@report_option
@click.option("-d", "--date", "when", required=True, metavar="DATE", help="Reference date.")
@click.option("--name", required=True, help="Whose key signs.")
@env_option
@json_option
@click.pass_context
def sign(
    ctx: click.Context,
    project: Path | None,
    report: str | None,
    when: str,
    name: str,
    env: str | None,
    as_json: bool,
) -> None:
    """Sign what was attested; the signature is bound to its bytes and travels with it."""
    root = root_of(ctx, project)
    chosen = reading.chosen_reports(reading.read(root, env), report)
    day = parse_day(when)
    with _signing(root, env) as desk:
        for one in chosen:
            data = _statement(desk.archive, one, day, env)
            envelope = dsse.Envelope(payload=data, kind=dsse.STATEMENT)
            at, _ = attested(desk.ledger, sha256(data))
            keyid = desk.keys.approve(name, envelope, sha256(data), position=at)
            facts = {"statement": sha256(data), "keyid": keyid, "name": name}
            desk.write(
                Told(event=Event.APPROVAL, step=f"attest:{one}", reference_date=when, facts=facts)
            )
            if not as_json:
                text.say(f" ● {one} {when}: {name} has signed statement {sha256(data)[:12]}…")
    if as_json:
        text.envelope("key-sign", {"reports": list(chosen), "name": name})
    elif env and not desk.here:
        text.say(f"   on record with the delivery        next: {text.in_env('run', env)} -d {when}")


@command.command(name="export", help="Write what a receiver is given once: trust file, verifier.")
@project_option
@env_option
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@json_option
@click.pass_context
def export(
    ctx: click.Context, project: Path | None, env: str | None, folder: Path, as_json: bool
) -> None:
    """Write trust.json and the two verifiers; the root's fingerprint goes on paper."""
    current, data = _in_force(root_of(ctx, project), env)
    places.make_folder(folder)
    with translated(str(folder)):
        (folder / "trust.json").write_bytes(data)
        for name in books.VERIFIERS:
            (folder / name).write_bytes(books.verifier(name).read_bytes())
    fingerprint = trust.fingerprint(current.root)
    if as_json:
        text.envelope("key-export", {"folder": str(folder), "root": fingerprint})
        return
    text.say(f" ● {folder}: trust.json, {', '.join(books.VERIFIERS)}")
    text.say(f"   on paper: root key {fingerprint}")


def _in_force(root: Path, env: str | None) -> tuple[Trust, bytes]:
    """Return the trust file in force: here, or where the environment's project is deployed."""
    there = reading.deployed(root, env)
    if there is None:
        keys = _keys(root)
        return keys.current, keys.trust()
    with remote.led_to_stage(root, there.away):
        found = founded.deployed(there.name)
    return found.current, found.data


def _keys(root: Path) -> LocalKeys:
    if not books.has_keys(root):
        raise ProjectError(
            "C1902",
            "there are no keys here yet",
            where=str(books.keys_path(root)),
            expected="keys, which the first run makes",
            observed="none",
            next_step="puntual run -d DATE, or puntual key create",
        )
    return books.open_keys(root)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """
    Where a person signs.

    Attributes:
        keys: Those of people, and the trust file.
        ledger: In which statements are told of.
        archive: In which they lie.
        write: Puts something on record; where it is deployed the run does so with the delivery.
        here: It is this machine.
    """

    keys: LocalKeys
    ledger: Ledger
    archive: Archive
    write: Callable[[Told], None]
    here: bool


@contextmanager
def _signing(root: Path, env: str | None) -> Iterator[_Desk]:
    """Hold the run's lease, and lend what a person signs with; or what is deployed."""
    if (there := reading.deployed(root, env)) is not None:
        from puntual.cli.deployed_keys import deployed_keys

        with archived(root, env) as archive:
            yield _Desk(
                keys=deployed_keys(root, there.name),
                ledger=founded.ledger(there.name),
                archive=archive,
                write=lambda told: None,
                here=False,
            )
        return
    read, watch = reading.read(root, env), clock(None)
    places.make_folder(places.lake_path(root))
    with wiring.leased(root, watch) as held, wiring.open_store(root) as store:
        opened = books.open_books(root, read.name)
        by = Record(store=store, books=opened, epoch=held.epoch, at=watch.now())
        yield _Desk(
            keys=books.open_keys(root),
            ledger=opened.ledger,
            archive=open_archive(root),
            write=lambda told: catch_up(by, also=(told,)),
            here=True,
        )


@contextmanager
def _changing(
    root: Path, root_key: Path | None, passphrase: str, env: str | None, role: Role | None = None
) -> Iterator[tuple[LocalKeys, int, KeyFile | None]]:
    """
    Lend the keys for a change of the trust file, which is put on record afterwards.

    Of a deployed project the next run puts it on record: it has one writer. No run works there
    while it is given another key to sign with.

    Args:
        root: The project's folder.
        root_key: The root key, where it is kept away.
        passphrase: Where its passphrase is found.
        env: Of `puntual.yaml`.
        role: Of a new key.
    """
    by = key_file(root_key, passphrase)
    if (there := reading.deployed(root, env)) is not None:
        from puntual.aws.desk import quiet
        from puntual.cli.deployed_keys import deployed_keys

        signs = role in (Role.PIPELINE, Role.LOG)
        with (
            remote.led_to_stage(root, there.away),
            quiet(there.name) if signs else nullcontext(),
        ):
            yield deployed_keys(root, there.name), founded.ledger(there.name).size, by
        return
    read, watch = reading.read(root, env), clock(None)
    places.make_folder(places.lake_path(root))
    with wiring.leased(root, watch) as held, wiring.open_store(root) as store:
        if books.has_keys(root) and not books.open_keys(root).signs_next(
            size := books.read_ledger(root, to_sign=True).size
        ):
            yield books.open_keys(root), size, by  # nothing can be signed until this was done
        else:
            opened = books.open_books(root, read.name)
            first = Record(store=store, books=opened, epoch=held.epoch, at=watch.now())
            catch_up(first)
            yield books.open_keys(root), opened.ledger.size, by
        again = books.open_books(root, read.name)
        catch_up(Record(store=store, books=again, epoch=held.epoch, at=watch.now()))


def key_file(path: Path | None, passphrase: str) -> KeyFile | None:
    """Return the root key that a command was given; None where it lies in the project."""
    from puntual.local.keys import KeyFile

    return None if path is None else KeyFile(path=path, passphrase=passphrase)


def _statement(archive: Archive, report: str, day: date, env: str | None) -> bytes:
    made = archive.day(day).get(f"attest:{report}")
    if made is None:
        raise ProjectError(
            "C1005",
            f"{report} was not attested for {day.isoformat()}",
            expected="a delivery that waits for signatures",
            observed="none",
            next_step=f"{text.in_env('run', env)} -d {day.isoformat()}",
        )
    (ref,) = (o for o in made.of_role("package") if o.detail["name"] == STATEMENT)
    return archive.objects.read(ref)


def _say(found: Trust, *, as_json: bool, what: str) -> None:
    fingerprint = trust.fingerprint(found.root)
    if as_json:
        keys = [
            {
                "keyid": k.keyid,
                "name": k.name,
                "role": k.role.value,
                "since": str(k.since),
                "until": None if k.until is None else str(k.until),
                "why": k.why,
            }
            for k in found.keys
        ]
        asked = {
            c: {r.value: str(n) for r, n in found.thresholds[-1].of(c).items()}
            for c in COMPLETENESS
        }
        data = {"origin": found.origin, "version": str(found.version), "root": fingerprint}
        text.envelope(what, data | {"keys": keys, "thresholds": asked})
        return
    text.say(f" {found.origin}   trust file {found.version}")
    text.say(f"   root key  {fingerprint}")
    for key in sorted(found.keys, key=lambda k: (k.role, k.since, k.name)):
        until = "" if key.until is None else f" until {key.until:,} ({key.why})"
        text.say(
            f"   {key.role.value:<9} {key.name:<16} {key.keyid[:16]}…  since {key.since:,}{until}"
        )
    for whole in COMPLETENESS:
        needed = ", ".join(f"{n} {r.value}" for r, n in found.thresholds[-1].of(whole).items())
        text.say(f"   {whole:<9} needs {needed}")
