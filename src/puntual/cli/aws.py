"""`puntual aws local`: AWS on this machine, started, stopped and asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from puntual.aws.stage import launch
from puntual.aws.stage.standing import Standing
from puntual.cli import text
from puntual.cli.options import json_option, project_option, root_of
from puntual.cli.places import state_folder

F = TypeVar("F", bound=Callable[..., Any])
NOT_RUNNING = 3


def folder_option(command: F) -> F:
    """Add `--folder`, where everything of a stage lies."""
    return click.option(
        "--folder",
        type=click.Path(path_type=Path, file_okay=False),
        default=None,
        help="Where everything of it lies (default: .puntual/aws-local of the project).",
    )(command)


@click.group(name="aws", help="AWS on this machine, to try what is deployed.")
def command() -> None:
    """Hold the commands of AWS."""


@command.group(name="local", help="A process that answers for AWS: start, stop, look.")
def local() -> None:
    """Hold the commands of the stage."""


@local.command(name="up", help="Start it, unless it runs; print what the shell should export.")
@project_option
@folder_option
@click.option("--port", type=int, default=0, help="Where it listens (default: a free one).")
@click.option(
    "--scale",
    default=launch.SCALE,
    show_default=True,
    metavar="FACTOR",
    help="Multiplies waits and retry delays of state machines; timeouts stay as they are.",
)
@click.option("--keep", is_flag=True, default=False, help="Keep its state when it is stopped.")
@json_option
@click.pass_context
def up(
    ctx: click.Context,
    project: Path | None,
    folder: Path | None,
    port: int,
    scale: str,
    keep: bool,
    as_json: bool,
) -> None:
    """Print exports to standard output, so that `eval "$(puntual aws local up)"` sets them."""
    if not _factor(scale):
        raise click.BadParameter(f"{scale!r} is no factor such as 0.02 or 1", param_hint="--scale")
    stage, new = launch.up(
        _place(ctx, project, folder),
        env=os.environ,
        say=text.complain,
        port=port,
        scale=scale,
        keep=keep,
    )
    if as_json:
        text.envelope("aws-local-up", {"started": new, **_told(stage)})
        return
    text.complain(f"the stage {'listens' if new else 'runs already'} on {stage.endpoint}")
    text.complain(f"log {stage.log}; a folder for each run of a job in {stage.jobs}")
    for name, value in stage.environment().items():
        text.say(f"export {name}={value}")


@local.command(name="down", help="Stop it, and everything that it left running.")
@project_option
@folder_option
@json_option
@click.pass_context
def down(ctx: click.Context, project: Path | None, folder: Path | None, as_json: bool) -> None:
    """Stop by process id, PostgreSQL too, whatever was killed before."""
    ended = launch.down(_place(ctx, project, folder), env=os.environ, say=text.complain)
    if as_json:
        text.envelope("aws-local-down", {"ended": ended})
    else:
        text.say(f"stopped: {len(ended)} processes" if ended else "no stage ran")


@local.command(name="status", help="Does it run, and where? Exit 3 if it does not.")
@project_option
@folder_option
@json_option
@click.pass_context
def status(ctx: click.Context, project: Path | None, folder: Path | None, as_json: bool) -> None:
    """Ask it; what is only written down is not believed."""
    place = _place(ctx, project, folder)
    stage = launch.standing(place, os.environ)
    if as_json:
        told: dict[str, object] = _told(stage) if stage else {"folder": str(place.resolve())}
        text.envelope("aws-local-status", {"running": stage is not None, **told}, ok=bool(stage))
    elif stage is None:
        text.say("no stage runs; `puntual aws local up` starts it")
    else:
        text.say(f"runs since {stage.since} on {stage.endpoint} as process {stage.pid}")
        text.say(f"waits times {stage.scale}; state {'kept' if stage.kept else 'not kept'}")
        text.say(f"log {stage.log}")
        text.say(f"runs of jobs {stage.jobs}")
        text.say(f"PostgreSQL {stage.postgresql}")
    if stage is None:
        ctx.exit(NOT_RUNNING)


def _place(ctx: click.Context, project: Path | None, folder: Path | None) -> Path:
    return folder or state_folder(root_of(ctx, project)) / "aws-local"


def _factor(text_of: str) -> bool:
    whole, _, part = text_of.partition(".")
    return (whole + part).isdigit() and text_of.isascii()


def _told(stage: Standing) -> dict[str, object]:
    return {
        "endpoint": stage.endpoint,
        "environment": stage.environment(),
        "pid": stage.pid,
        "port": stage.port,
        "since": stage.since,
        "scale": stage.scale,
        "kept": stage.kept,
        "postgresql": stage.postgresql,
        "folder": stage.folder,
        "log": str(stage.log),
        "jobs": str(stage.jobs),
        "faults": str(stage.faults),
    }
