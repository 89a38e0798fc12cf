"""`puntual reconcile`: the waterfall of a day, the rows behind a break, one row at its stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from puntual.cli import dates, junit, profiled, text, waterfall
from puntual.cli.options import date_option, env_option, json_option, project_option, root_of
from puntual.cli.reconciled import Reconciled, check_dataset, json_of, reconciled
from puntual.cli.vantage import archived, vantage
from puntual.model.manifest import Manifest
from puntual.model.masked import Mask

if TYPE_CHECKING:
    from puntual.cli.drilled import Looking
    from puntual.cli.rows import About
    from puntual.model.broken_row import BrokenRows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What one call of the command asks for."""

    root: Path
    env: str | None
    day: date
    dataset: str | None
    rows: str | None
    row: str | None
    limit: int
    explained: bool
    unmask: bool
    form: str


@click.command(name="reconcile", help="Where rows and money fell out, hop by hop.")
@project_option
@date_option(one=True)
@click.option("--dataset", default=None, help="Only this dataset.")
@click.option(
    "--rows",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[HOP|CONTROL]",
    help="The rows behind a break: the first one, DATASET[:SIDE], or a control's id; where no hop "
    "is broken, what the warehouse holds now.",
)
@click.option(
    "--row",
    default=None,
    metavar="KEY|OBJECT:POSITION",
    help="One row at its four stages: raw bytes, parsed, curated, report line.",
)
@click.option("--limit", type=click.IntRange(1), default=20, help="Rows named (default 20).")
@click.option(
    "--explained", is_flag=True, default=False, help="Also name rows that left with a reason."
)
@click.option(
    "--unmask", is_flag=True, default=False, help="Show classified values; this is put on record."
)
@click.option(
    "--profile", is_flag=True, default=False, help="How columns changed since the day before."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "junit"]),
    default="text",
    help="Form; json is --json.",
)
@env_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    when: str,
    dataset: str | None,
    rows: str | None,
    row: str | None,
    limit: int,
    explained: bool,
    unmask: bool,
    profile: bool,
    form: str,
    env: str | None,
    as_json: bool,
) -> None:
    """
    Print the hops and controls as the run committed them; exit 1 if one is broken.

    With --rows what is stored now is compared: a row that differs since, or a side that cannot
    be compared, is exit 1 as well. Without a name --rows shows the first break; where no hop is
    broken, it compares every table of the warehouse with what was loaded into it.

    Values of columns that a contract does not classify as public are masked unless --unmask is
    given: how long they are, and a digest by which equal values of the day look equal.
    """
    asked = _Asked(
        root=root_of(ctx, project),
        env=env,
        day=dates.one(when, root_of(ctx, project), datetime.now(UTC)),
        dataset=dataset,
        rows=rows,
        row=row,
        limit=limit,
        explained=explained,
        unmask=unmask,
        form="json" if as_json else form,
    )
    _check_form(asked, profile=profile)
    if profile:
        _profile(asked)
        return
    with archived(asked.root, env) as archive:
        committed = archive.day(asked.day)
    found = reconciled(committed, asked.day, dataset=dataset, env=env)
    if row is not None:
        _row(asked, committed)
        return
    if rows is None:
        _print(asked, found)
        ok = found.ok
    else:
        ok = _rows(asked, found, committed)
    ctx.exit(0 if ok else 1)


def _check_form(asked: _Asked, *, profile: bool) -> None:
    """
    Refuse a form that what is asked for does not have, rather than answer in another.

    Raises:
        click.BadParameter: It has none.
    """
    what = "--profile" if profile else "--row" if asked.row is not None else ""
    if what and asked.form in ("csv", "junit"):
        message = f"{what} is shown as text or json, not as {asked.form}"
        raise click.BadParameter(message, param_hint="--format")


def _print(asked: _Asked, found: Reconciled) -> None:
    if asked.form == "json":
        text.envelope("reconcile", json_of(found), ok=found.ok)
    elif asked.form == "csv":
        click.echo(junit.csv_of(found), nl=False)
    elif asked.form == "junit":
        click.echo(junit.junit(found), nl=False)
    else:
        _say(waterfall.lines(found))


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        text.say(line)


@contextmanager
def _looking(asked: _Asked, committed: dict[str, Manifest]) -> Iterator[Looking]:
    from puntual.cli.drilled import look_into
    from puntual.cli.stocked import refuse_unmasked

    with vantage(asked.root, asked.env) as place:
        if asked.unmask:
            refuse_unmasked(place)
        with look_into(
            place,
            asked.day,
            committed,
            limit=asked.limit,
            explained=asked.explained,
            unmask=asked.unmask,
        ) as looking:
            yield looking


def _reveal(asked: _Asked, looking: Looking, columns: Iterable[str]) -> None:
    """Put on record what is about to be shown in clear."""
    from puntual.cli import reveals

    about = f"reconcile/{asked.day.isoformat()}"
    reveals.on_record(asked.root, looking.project, "reconcile", about, asked.day, columns)


def _rows(asked: _Asked, found: Reconciled, committed: dict[str, Manifest]) -> bool:
    """
    Name rows, and return whether the day agreed and still does.

    Without a name it is the first break; where no hop is broken, what was loaded is compared with
    what was stored for it, since the run's own answer is of then.
    """
    from puntual.cli import listed, reveals
    from puntual.cli import rows as listing

    about = listing.chosen(found, asked.rows or "")
    unnamed = not asked.rows and found.first_break is None
    now = listing.loads(found) if unnamed else ()
    behind: list[tuple[About, BrokenRows]] = []
    mask = Mask()
    if about or now:
        with _looking(asked, committed) as looking:
            behind = [(a, listing.rows_behind(looking, a)) for a in about]
            for hop in now:
                rows = listing.rows_behind(looking, hop)
                if rows.unread or listing.wanted(rows, explained=asked.explained):
                    behind.append((hop, rows))
            mask = looking.mask
            if asked.unmask:
                _reveal(asked, looking, (c for _, b in behind for c in reveals.of_rows(b, mask)))
    answer = listed.Listed(
        found=found,
        behind=tuple(behind),
        now=now if unnamed else None,
        mask=mask,
        explained=asked.explained,
    )
    if asked.form == "json":
        text.envelope("reconcile", answer.json(), ok=answer.ok)
    elif asked.form == "csv":
        click.echo(answer.csv(), nl=False)
    elif asked.form == "junit":
        click.echo(answer.junit(), nl=False)
    else:
        _say(answer.lines())
    return answer.ok


def _row(asked: _Asked, committed: dict[str, Manifest]) -> None:
    from puntual.cli import reveals, traced

    assert asked.row is not None  # noqa: S101 - its caller saw to it
    with _looking(asked, committed) as looking:
        rows, total = traced.traced(looking, asked.row, asked.dataset)
        mask = looking.mask
        if asked.unmask:
            _reveal(asked, looking, (c for r in rows for c in reveals.of_traced(r, mask)))
    if asked.form == "json":
        data: Mapping[str, object] = {
            "reference_date": asked.day.isoformat(),
            "shown": str(len(rows)),
            "total": str(total),
            "rows": [traced.json_of(r, mask) for r in rows],
        }
        text.envelope("reconcile-row", data)
        return
    for row in rows:
        _say(traced.text_of(row, mask))
    if total > len(rows):
        text.say(f" and {total - len(rows)} more rows of this key or more; name one by its place")


def _profile(asked: _Asked) -> None:
    with archived(asked.root, asked.env) as archive:
        committed = archive.day(asked.day)
        reconciled(committed, asked.day, env=asked.env)
        before, found = profiled.changes(archive, committed, asked.day, asked.dataset)
    every = profiled.profiles(committed)
    if asked.dataset is not None:
        check_dataset(asked.dataset, (p.dataset for p in every), asked.day)
    now = tuple(p for p in every if asked.dataset in (None, p.dataset))
    if asked.form == "json":
        data = {"reference_date": asked.day.isoformat()} | profiled.json_of(now, before, found)
        text.envelope("reconcile-profile", data)
    else:
        _say(profiled.text_of(now, before, found))
