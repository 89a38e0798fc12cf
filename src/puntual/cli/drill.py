"""`puntual drill`: a bad night on a copy of the example, and what was delivered when."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date
from pathlib import Path

import click

from puntual.cli import text
from puntual.cli.options import json_option
from puntual.cli.shown import delivery_json, glyph
from puntual.cli.stage import DAY, ZONE, Moment, Stage, start_of
from puntual.cli.stories import STORIES
from puntual.errors import ProjectError
from puntual.model.delivery import Delivery
from puntual.project.zones import zone


@click.command(
    name="drill", help="Play a bad night on a copy of the example; nothing real is used."
)
@click.argument("story", type=click.Choice([*STORIES, "list"]))
@click.option("--keep", is_flag=True, help="Keep the folder, and say where it is.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="A new or empty folder, which is kept (default: a temporary one).",
)
@json_option
def command(story: str, keep: bool, into: Path | None, as_json: bool) -> None:
    """Play a story on a simulated clock with the real commands, and show its timeline."""
    if story == "list":
        for name in STORIES:
            text.say(f" {name:<16} {_about(name)}")
        return
    if into is not None and into.exists() and any(into.iterdir()):
        raise ProjectError(
            "C1007",
            "the folder is not empty",
            where=str(into),
            expected="a new or empty folder",
            observed="other files",
            next_step="name another folder",
        )
    scratch = into or Path(tempfile.mkdtemp(prefix="puntual-drill-"))
    root = (into if into is not None else scratch / "bank").resolve()
    stage = Stage(root=root, now=start_of(DAY, "00:10"))
    try:
        stage.prepare()
        STORIES[story](stage)
        _show(story, stage, as_json=as_json)
        if keep or into is not None:
            text.complain(f"kept: {stage.root}")
    finally:
        if not keep and into is None:
            shutil.rmtree(scratch, ignore_errors=True)


def _show(story: str, stage: Stage, *, as_json: bool) -> None:
    moments, deliveries = stage.timeline(), stage.deliveries()
    if as_json:
        data: dict[str, object] = {
            "story": story,
            "timeline": [{"at": m.at.isoformat(), "who": m.who, "what": m.what} for m in moments],
            "deliveries": [delivery_json(d) for d in deliveries],
        }
        text.envelope("drill", data)
        return
    text.say(f" {story}: {_about(story)}")
    shown: date | None = None
    for moment in moments:
        at = moment.at.astimezone(zone(ZONE))
        if at.date() != shown:
            shown = at.date()
            text.say(f" {at.strftime('%A %Y-%m-%d')}")
        text.say(_line(moment, at.strftime("%H:%M")))
    text.say(" delivered")
    for delivery in deliveries:
        text.say(_delivered(delivery))


def _about(story: str) -> str:
    """Return the first sentence of a story."""
    return (STORIES[story].__doc__ or "").strip().partition("\n")[0]


def _line(moment: Moment, clock: str) -> str:
    return f"   {clock}  {moment.who:<8} {moment.what}"


def _delivered(delivery: Delivery) -> str:
    words = [delivery.state.value, delivery.timeliness.value.replace("_", " ")]
    if delivery.completeness is not None:
        words.insert(1, delivery.completeness.value)
    sent = ""
    if delivery.sent_at is not None:
        at = delivery.sent_at.astimezone(zone(ZONE)).strftime("%Y-%m-%d %H:%M %Z")
        sent = f"  {at}  {delivery.file_name}"
    return f"   {glyph(delivery)} {delivery.id}  {', '.join(words)}{sent}"
