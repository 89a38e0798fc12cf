"""`puntual notices`: what people were told, by which channel, and what nobody has taken yet."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

import click

from puntual.cli import reading, restored, telling, text
from puntual.cli.clocks import clock
from puntual.cli.options import as_of_option, env_option, json_option, project_option, root_of
from puntual.cli.places import journal_path
from puntual.cli.shown import notice_json
from puntual.cli.vantage import vantage
from puntual.local.outbox import SqliteOutbox
from puntual.model.notice import Notice, SendState
from puntual.model.project import AWS
from puntual.model.route import Posted, Send

SHOWN = 50


@click.command(name="notices", help="What people were told, and what nobody has taken yet.")
@project_option
@env_option
@as_of_option
@click.option("--all", "everything", is_flag=True, help="Also what is resolved; the newest 50.")
@click.option("--send", is_flag=True, help="First send what is due, as a run does at its end.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    env: str | None,
    as_of: datetime | None,
    everything: bool,
    send: bool,
    as_json: bool,
) -> None:
    """Show the notices with each receiver; the exit code does not depend on them."""
    root, watch = root_of(ctx, project), clock(as_of)
    read = reading.read(root, env)
    if read.place == AWS:
        _deployed(root, env, now=watch.now(), as_json=as_json)
        return
    restored.at_hand(root, watch.now())
    if send and journal_path(root).is_file():
        telling.tell(root, read, watch)
    found = _posted(root, everything=everything)
    failing = sum(one.failing for posted in found for one in posted.sends)
    if as_json:
        data: dict[str, object] = {
            "notices": [posted_json(posted) for posted in found],
            "failing": str(failing),
        }
        text.envelope("notices", data, ok=not failing, at=watch.now())
        return
    for posted in found:
        for line in _lines(posted):
            text.say(line)
    if not found:
        text.say(" ● no notice is open" if not everything else " ○ there never was a notice")
    if unheard := telling.unheard(read):
        text.say(f"   {unheard}")
    if failing:
        text.say(telling.failing_line(failing))


def _deployed(root: Path, env: str | None, *, now: datetime, as_json: bool) -> None:
    """Show the open notices of a deployed project; its topics are answerable for their mail."""
    with vantage(root, env) as place:
        found = place.notices()
    if as_json:
        listed = [notice_json(notice) | {"sends": []} for notice in found]
        text.envelope("notices", {"notices": listed, "failing": "0"}, at=now)
        return
    for notice in found:
        for line in _lines(Posted(number=0, notice=notice, sends=())):
            text.say(line)
    if not found:
        text.say(" ● no notice is open")
    text.say("   told by the topics of the deployment, each by severity")


def posted_json(posted: Posted) -> dict[str, object]:
    """Return a notice and its sends as JSON values; counts are strings."""
    resolved = posted.notice.resolved_at
    return notice_json(posted.notice) | {
        "resolved_at": resolved.isoformat() if resolved else None,
        "sends": [_send_json(send) for send in posted.sends],
    }


def _send_json(send: Send) -> dict[str, object]:
    waits = send.state is SendState.QUEUED
    return {
        "id": send.message,
        "phase": send.phase.value,
        "target": send.target,
        "state": send.state.value,
        "attempts": str(send.attempts),
        "next_at": send.next_at.isoformat() if waits else None,
        "told_at": send.told_at.isoformat() if send.told_at else None,
        "receipt": send.receipt or None,
        "code": send.code or None,
        "error": send.error or None,
    }


def _posted(root: Path, *, everything: bool) -> tuple[Posted, ...]:
    if not journal_path(root).is_file():
        return ()
    with closing(SqliteOutbox(journal_path(root))) as outbox:
        return outbox.history(SHOWN) if everything else outbox.unsettled()


def _lines(posted: Posted) -> list[str]:
    notice = posted.notice
    sign = "!" if notice.resolved_at is None else "●"
    first = f" {sign} {notice.obligation}  {notice.cause}  {notice.severity.value}  {_span(notice)}"
    said = [f"   {line}" for line in notice.text.splitlines()]
    return [first, *said, *(f"     {_sent(send)}" for send in posted.sends)]


def _span(notice: Notice) -> str:
    if notice.resolved_at is None:
        return f"open since {_minute(notice.opened_at)}"
    return f"{_minute(notice.opened_at)} to {_minute(notice.resolved_at)}"


def _sent(send: Send) -> str:
    match send.state:
        case SendState.TOLD:
            when = _minute(send.told_at) if send.told_at else ""
            return f"{send.phase.value}  told {when}  {send.target}  {send.receipt}"
        case SendState.DROPPED:
            return f"{send.phase.value}  over before it could be told  {send.target}"
        case SendState.QUEUED:
            tried = f"{send.attempts} attempts, next {_minute(send.next_at)}"
            why = f"  {send.code} {send.error}" if send.code else ""
            return f"{send.phase.value}  NOT TOLD  {tried}  {send.target}{why}"


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
