"""`puntual check`: read the project, run nothing, report every complaint at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from puntual.cli import lapsed, policed, reading, text
from puntual.cli.options import as_of_option, env_option, json_option, project_option, root_of


@click.command(name="check", help="Read the project and report every complaint at once.")
@project_option
@env_option
@as_of_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    env: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Lint the project; exit 2 if anything is an error."""
    began = time.monotonic()
    root = root_of(ctx, project)
    read, complaints, files = reading.checked(root, env)
    if read is not None:
        now = as_of or datetime.now(UTC)
        ended = (*lapsed.complaints(root, read, now), *policed.complaints(root, read, now))
        # Here alone: a run finds out by itself, and the engine's import takes its time.
        from puntual.cli import binding

        complaints = (*complaints, *ended, *binding.complaints(root, read))
    errors = sum(c.severity == "error" for c in complaints)
    warnings = len(complaints) - errors
    if as_json:
        data: dict[str, object] = {
            "files": str(files),
            "errors": str(errors),
            "warnings": str(warnings),
            "complaints": [text.complaint_json(c) for c in complaints],
        }
        text.envelope("check", data, ok=not errors)
    else:
        for line in text.complaint_lines(complaints):
            text.say(line)
        text.say(
            f" {errors} errors, {warnings} warnings in {files} files "
            f"({time.monotonic() - began:.2f} s)"
        )
    ctx.exit(2 if errors else 0)
