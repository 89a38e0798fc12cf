"""`puntual diff`: what two versions of a delivery say differently."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click

from puntual.cli import dates, differing, text
from puntual.cli.options import date_option, env_option, json_option, project_option, root_of
from puntual.cli.vantage import archived
from puntual.errors import ProjectError
from puntual.runner import checkpoint
from puntual.runner.versions import Version, read_sent, sent_versions

TWO = 2
"""Versions that a comparison needs."""


@click.command(name="diff", help="What two versions of a delivery say differently.")
@click.argument("report")
@project_option
@date_option(one=True)
@click.option(
    "--from", "first", type=int, default=None, help="Earlier version (default: the one before)."
)
@click.option("--to", "last", type=int, default=None, help="Later version (default: the newest).")
@env_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    report: str,
    project: Path | None,
    when: str,
    first: int | None,
    last: int | None,
    env: str | None,
    as_json: bool,
) -> None:
    """Compare two versions that were sent; exit 1 if they tell their receiver something else."""
    root = root_of(ctx, project)
    day = dates.one(when, root, datetime.now(UTC))
    with archived(root, env) as store:
        before, after = _two(store, report, day, first, last)
        found, same = differing.compared(store, before, after)
    alike = differing.is_nothing(before, after, found, same)
    if as_json:
        text.envelope("diff", differing.as_json(before, after, found, same), ok=alike)
    else:
        for line in differing.lines(before, after, found, same):
            text.say(line)
    ctx.exit(0 if alike else 1)


def _two(
    store: checkpoint.Store, report: str, day: date, first: int | None, last: int | None
) -> tuple[Version, Version]:
    known = sent_versions(store, report, day)
    if first is None and last is None and len(known) < TWO:
        only = "".join(f"v{n} alone" for n in known)
        raise ProjectError(
            "P3032",
            f"{report} {day.isoformat()} has {'one version' if only else 'no version'} that was "
            "sent: there is nothing to compare",
            where="puntual diff",
            expected="two versions that were sent",
            observed=only or "none",
            next_step="puntual status --all lists the deliveries",
        )
    later = last if last is not None else max(known, default=1)
    earlier = first if first is not None else later - 1
    for number in (earlier, later):
        if number not in known:
            listed = ", ".join(f"v{n}" for n in sorted(known)) or "none"
            raise ProjectError(
                "P3032",
                f"{report} {day.isoformat()} has no version v{number} that was sent",
                where="puntual diff",
                expected=f"two of the versions that were sent: {listed}",
                observed=f"v{number}",
                next_step="puntual status --all lists the deliveries",
            )
    return read_sent(store, report, known[earlier]), read_sent(store, report, known[later])
