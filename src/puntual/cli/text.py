"""What people and programs read: sentences to a terminal, one JSON envelope to a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import click

from puntual.errors import Complaint, ProjectError, PuntualError
from puntual.model.shown import printable


def in_env(command: str, env: str | None) -> str:
    """Return how a command is called in an environment; None: in none that is named."""
    return f"puntual {command} --env {env}" if env else f"puntual {command}"


def say(line: str = "") -> None:
    """Print a line for people, to standard output; what is not printable as escapes."""
    click.echo(printable(line))


def complain(line: str) -> None:
    """Print a line for people, to standard error; what is not printable as escapes."""
    click.echo(f"puntual: {printable(line)}", err=True)


def envelope(
    command: str, data: Mapping[str, object], *, ok: bool = True, at: datetime | None = None
) -> None:
    """
    Print the JSON answer of a command: one object, versioned, exact numbers as strings.

    Args:
        command: Names the schema `puntual/<command>/1`.
        data: JSON values without floats.
        ok: Whether the command found nothing wrong.
        at: The instant of the answer; None: now.
    """
    answer = {
        "schema": f"puntual/{command}/1",
        "ok": ok,
        "generated_at": (at or datetime.now(UTC)).isoformat(timespec="seconds"),
        "data": data,
    }
    click.echo(json.dumps(answer, ensure_ascii=False))


def fault(error: PuntualError, wants_json: bool) -> None:
    """Print a known fault: what, where, expected, observed, next; and as JSON if asked."""
    if wants_json:
        click.echo(json.dumps(_fault_json(error), ensure_ascii=False))
    for line in fault_lines(error):
        click.echo(printable(line), err=True)


def fault_lines(error: PuntualError) -> list[str]:
    """Return a fault as the lines that people read."""
    if isinstance(error, ProjectError) and error.complaints:
        return [*complaint_lines(error.complaints), f"{error.code}  {error.message}"]
    lines = [f"{error.code}  {error.message}"]
    for label, value in (
        ("where", error.where),
        ("expected", error.expected),
        ("observed", error.observed),
        ("next", error.next_step),
    ):
        if value:
            lines.append(f"  {label:<9} {value}")
    return lines


def complaint_lines(complaints: tuple[Complaint, ...]) -> list[str]:
    """Return complaints with the line they are about and a caret under the place."""
    from puntual.project.complaints import show

    return [line for c in complaints for line in show(c).splitlines()]


def _fault_json(error: PuntualError) -> dict[str, object]:
    complaints = error.complaints if isinstance(error, ProjectError) else ()
    return {
        "schema": "puntual/error/1",
        "ok": False,
        "code": error.code,
        "error": error.message,
        "where": error.where,
        "expected": error.expected,
        "observed": error.observed,
        "next": error.next_step,
        "errors": [complaint_json(c) for c in complaints],
    }


def complaint_json(complaint: Complaint) -> dict[str, object]:
    """Return a complaint as JSON values; line and column are small integers."""
    return {
        "code": complaint.code,
        "message": complaint.message,
        "severity": complaint.severity,
        "file": complaint.file,
        "line": complaint.line,
        "column": complaint.column,
        "hint": complaint.hint,
    }


def number(value: int) -> str:
    """Return a count as people write it: 1,990,412."""
    return f"{value:,}"


def on_terminal() -> bool:
    """Say whether people are watching standard output."""
    return sys.stdout.isatty()
