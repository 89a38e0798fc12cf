"""`puntual ack`: what the receiver of a delivery answered, or that it could not be reached."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

from puntual.cli import dates, reading, text
from puntual.cli.clocks import clock
from puntual.cli.counter import Counter, counter
from puntual.cli.options import (
    InstantType,
    as_of_option,
    env_option,
    json_option,
    project_option,
    root_of,
)
from puntual.errors import ProjectError
from puntual.evidence import canonical
from puntual.evidence.facts import to_json
from puntual.model.acknowledgement import Acknowledgement, Answer
from puntual.model.check import Severity
from puntual.model.delivery import Delivery, State
from puntual.model.notice import REJECTED, Obligation
from puntual.ports.clock import Clock
from puntual.project.program import code_digest
from puntual.runner import acknowledge as acks
from puntual.runner import checkpoint, tell
from puntual.runner.execute import Desk, settle_sent

LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is kept as proof."""

SKEW = timedelta(minutes=5)
"""How far the receiver's clock may be off from ours, either way."""

_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_SENT = (State.SENT, State.ACCEPTED, State.REJECTED, State.SUPERSEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What the call asks to record; `at` None: now."""

    answer: Answer
    identifier: str
    at: datetime | None
    file: Path | None
    retry: bool


@click.command(name="ack", help="Record what the receiver of a delivery answered, with its proof.")
@project_option
@env_option
@click.argument("report")
@click.option("-d", "--date", "when", required=True, metavar="DATE", help="Reference date.")
@click.option("--version", type=int, default=None, help="Of the delivery (default: the newest).")
@click.option(
    "--status",
    type=click.Choice([a.value for a in Answer]),
    default=None,
    help="What it answered; attempted: nobody was there. Without it: show what is recorded.",
)
@click.option("--id", "identifier", default="", help="The receiver's folio, or a ticket's number.")
@click.option("--at", type=InstantType(), default=None, help="When it answered (default: now).")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="The file that proves it; a copy is kept.",
)
@click.option(
    "--retry/--no-retry",
    default=True,
    help="With attempted: whether `puntual watch` goes on trying (default: yes).",
)
@as_of_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    env: str | None,
    report: str,
    when: str,
    version: int | None,
    status: str | None,
    identifier: str,
    at: datetime | None,
    file: Path | None,
    retry: bool,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Record an answer for good, and move the delivery with it."""
    root, watch = root_of(ctx, project), clock(as_of)
    day = dates.one(when, root, watch.now())
    read = reading.read(root, env)
    (name,) = reading.chosen_reports(read, report)
    wish = None
    if status is not None:
        wish = _Wish(answer=Answer(status), identifier=identifier, at=at, file=file, retry=retry)
        _possible(wish)
    with counter(root, read, env, watch) as place:
        delivery = _delivery(place.desk, name, day, version, env)
        if wish is not None:
            delivery, made = _record(place, delivery, wish, watch, env)
            if not as_json:
                text.say(f" ● {made}")
        found = acks.records(place.store, name, day)
    if as_json:
        data: dict[str, object] = {
            "delivery": str(delivery.id),
            "state": delivery.state.value,
            "acknowledgements": [_json(one) for one in found],
        }
        text.envelope("ack", data, at=watch.now())
        return
    for one in found:
        text.say(_line(one))
    if not found:
        text.say(f" ○ {delivery.id}: nothing is recorded; --status records an answer")


def _possible(wish: _Wish) -> None:
    if not wish.identifier.strip():
        raise click.BadParameter("an answer needs the receiver's identifier", param_hint="--id")
    if not wish.retry and wish.answer is not Answer.ATTEMPTED:
        raise click.BadParameter("only an attempt can be the last", param_hint="--no-retry")


def _delivery(desk: Desk, report: str, day: date, version: int | None, env: str | None) -> Delivery:
    known = desk.journal.deliveries(report=report, reference_date=day)
    found = [d for d in known if version in (None, d.id.version)]
    if found:
        return found[0]
    raise ProjectError(
        "D3001",
        f"there is no such delivery: {report}/{day.isoformat()}",
        where=f"{report}/{day.isoformat()}",
        expected="a delivery that was sent or tried",
        observed=", ".join(str(d.id) for d in known) or "none",
        next_step=f"{text.in_env('status', env)}; {text.in_env('run', env)} -d {day.isoformat()}",
    )


def _record(
    place: Counter, delivery: Delivery, wish: _Wish, watch: Clock, env: str | None
) -> tuple[Delivery, str]:
    """Write the answer down: first for good, then in the journal, then beside the evidence."""
    desk, store = place.desk, place.store
    sha256 = _file_of(store, delivery, wish, env)
    name, now = delivery.id, watch.now()
    _in_time(desk, delivery, wish, now)
    given = acks.Given(
        acknowledgement=Acknowledgement(
            delivery=name,
            answer=wish.answer,
            identifier=wish.identifier.strip(),
            at=wish.at or now,
            recorded_at=now,
            sha256=sha256,
            attempts=acks.attempts(desk.journal, name) if wish.answer is Answer.ATTEMPTED else (),
            retry=wish.retry,
        ),
        attachment=_read(wish.file) if wish.file else None,
        suffix=_suffix(wish.file) if wish.file else "",
    )
    with place.alone() as epoch:
        made, new = acks.acknowledge(store, given, code=code_digest(), epoch=epoch)
    found = acks.records(store, name.report, name.reference_date)
    moved = acks.answered(delivery, found)
    if moved != delivery:
        desk.journal.save(moved, replacing=frozenset({delivery.state}))
    _notice(desk, moved, made, env)
    _lay(place, given, made, found)
    place.tell(Obligation(report=name.report, reference_date=name.reference_date))
    word = "recorded" if new else "was recorded already"
    return moved, f"{name}  {moved.state.value}  {made.answer.value} {made.identifier} {word}"


def _file_of(store: checkpoint.Store, delivery: Delivery, wish: _Wish, env: str | None) -> str:
    """Return the digest of the report's file; an answer to a file that was never sent is none."""
    name = delivery.id
    if delivery.state in _SENT:
        return delivery.sha256
    made = checkpoint.read(store, f"report:{name.report}", name.reference_date)
    reports = made.manifest.of_role("report") if made else ()
    if wish.answer is Answer.ATTEMPTED and reports:
        return reports[0].sha256
    raise ProjectError(
        "D3001",
        f"{name} was not sent: there is nothing that the receiver could have answered",
        where=str(name),
        expected="state sent" if wish.answer is not Answer.ATTEMPTED else "a report that was made",
        observed=f"state {delivery.state.value}",
        next_step=f"{text.in_env('run', env)} -d {name.reference_date.isoformat()}",
    )


def _in_time(desk: Desk, delivery: Delivery, wish: _Wish, now: datetime) -> None:
    """
    Refuse a time at which nobody can have answered: a record is evidence and never changed.

    Nobody answers what was not sent yet, tries what was not made yet, or knows of the future.

    Raises:
        ProjectError: D3003.
    """
    name, at = delivery.id, wish.at or now
    if wish.answer is Answer.ATTEMPTED:
        first, since = _made_at(desk, delivery), "when the report was made"
    else:
        first, since = delivery.sent_at, "when it was sent"
    if (first is None or first - SKEW <= at) and at <= now + SKEW:
        return
    minutes = SKEW // timedelta(minutes=1)
    earliest = f"from {_minute(first)} ({since}) " if first is not None else ""
    raise ProjectError(
        "D3003",
        f"{name} cannot have been {wish.answer.value} then",
        where=f"{name}, --at" if wish.at else f"{name}, --as-of",
        expected=f"{earliest}to {_minute(now)} (now), {minutes} minutes more either way",
        observed=_minute(at),
        next_step="give the time that the receipt shows, with its offset",
    )


def _made_at(desk: Desk, delivery: Delivery) -> datetime | None:
    """Return when a report of the day was first made; None where the journal has it no more."""
    step = f"report:{delivery.id.report}"
    events = desk.journal.steps(delivery.id.reference_date)
    return min((e.at for e in events if e.step == step and e.outcome == "done"), default=None)


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError as exc:
        raise click.BadParameter(f"{file}: {exc.strerror}", param_hint="--file") from exc
    if len(data) > LARGEST:
        raise click.BadParameter(f"larger than {LARGEST >> 20} MiB", param_hint="--file")
    return data


def _suffix(file: Path) -> str:
    found = file.suffix.lower()
    return found if _SUFFIX.fullmatch(found) else ".bin"


def _notice(desk: Desk, moved: Delivery, made: Acknowledgement, env: str | None) -> None:
    """A rejection needs people until an acceptance follows."""
    name = moved.id
    obligation = Obligation(report=name.report, reference_date=name.reference_date)
    if made.answer is Answer.REJECTED and moved.state is State.REJECTED:
        said = tell.rejected(name, made.identifier, env or "")
        # At the instant that is kept with it, from which a lost journal's notice has the same id.
        due = desk.due(name.report, name.reference_date) if desk.due else None
        said = tell.dated(said, due)
        desk.notices.open(obligation, REJECTED, Severity.ERROR, said, made.recorded_at)
    elif moved.state is State.ACCEPTED:
        settle_sent(desk, obligation)
        ended = f"accepted by its receiver, {made.identifier}"
        desk.notices.resolve(obligation, REJECTED, desk.clock.now(), ended)


def _lay(
    place: Counter, given: acks.Given, made: Acknowledgement, found: tuple[Acknowledgement, ...]
) -> None:
    """Lay the record, and the file that proves it, beside the evidence pack of the delivery."""
    name = made.delivery
    number = found.index(made) + 1
    stem = f"{name.report}_{name.reference_date:%Y%m%d}_v{name.version}.acknowledgements"
    record = {"schema": "puntual/acknowledgement/1"} | _json(made)
    files = {f"{stem}/{number:03d}-{made.answer.value}.json": canonical.encode(record)}
    if given.attachment is not None:
        files[f"{stem}/{number:03d}-attachment{given.suffix}"] = given.attachment
    place.destinations.deliver(place.evidence, name, files)


def _json(one: Acknowledgement) -> dict[str, object]:
    facts = to_json(one)
    assert isinstance(facts, dict)  # noqa: S101 - of a dataclass
    return facts | {"delivery": str(one.delivery)}


def _line(one: Acknowledgement) -> str:
    at = one.at.strftime("%Y-%m-%d %H:%M UTC")
    proof = f"  file {one.attachment[:12]}…" if one.attachment else ""
    tried = f"  {len(one.attempts)} attempts" if one.attempts else ""
    stop = "" if one.retry else "  not tried again"
    return f"   {at}  {one.answer.value}  {one.identifier}{proof}{tried}{stop}"
