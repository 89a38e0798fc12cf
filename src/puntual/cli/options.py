"""The options that several commands share, spelled once (ux.md 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class InstantType(click.ParamType[datetime]):
    """An RFC 3339 instant with its offset."""

    name = "instant"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the instant in UTC, or refuse a text without zone."""
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no instant such as 2026-11-23T05:00:00-06:00", param, ctx)
        if found.tzinfo is None:
            self.fail(f"{value!r} has no offset; write 2026-11-23T05:00:00-06:00", param, ctx)
        return found.astimezone(UTC)


def project_option(command: F) -> F:
    """Add `-C/--project`."""
    return click.option(
        "-C",
        "--project",
        type=click.Path(path_type=Path, file_okay=False),
        default=None,
        help="Folder of the report project (default: this folder).",
    )(command)


def date_option(required: bool = True, *, one: bool = False) -> Callable[[F], F]:
    """Add `-d/--date`, always the reference date; `one`: a range is not meant here."""
    range_too = "" if one else ", or A..B"
    return click.option(
        "-d",
        "--date",
        "when",
        required=required,
        metavar="DATE",
        help=f"Reference date: 2026-11-20, today, -1 (the business day before){range_too}.",
    )


def report_option(command: F) -> F:
    """Add `-r/--report`."""
    return click.option("-r", "--report", default=None, help="Only this report.")(command)


def env_option(command: F) -> F:
    """Add `-e/--env`."""
    return click.option("-e", "--env", default=None, help="An environment of puntual.yaml.")(
        command
    )


def as_of_option(command: F) -> F:
    """Add `--as-of`, the clock."""
    return click.option(
        "--as-of",
        type=InstantType(),
        default=None,
        help="The clock, for drills and tests: 2026-11-23T05:00:00-06:00.",
    )(command)


def json_option(command: F) -> F:
    """Add `--json`."""
    return click.option(
        "--json", "as_json", is_flag=True, default=False, help="Answer with one JSON object."
    )(command)


def root_of(ctx: click.Context, project: Path | None) -> Path:
    """Return the project's folder: the command's own option, the group's, or this folder."""
    chosen = project or ctx.obj or Path()
    assert isinstance(chosen, Path)  # noqa: S101 - click's own type
    return chosen.resolve()


def parse_day(text: str, *, param: str = "--date") -> date:
    """
    Return one date.

    Raises:
        click.BadParameter: It is no date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise click.BadParameter(
            f"{text!r} is no date such as 2026-11-20", param_hint=param
        ) from exc
