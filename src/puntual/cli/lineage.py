"""`puntual lineage`: what a column is made of; and a number of a file down to raw bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import click

from puntual.cli import dates, number_text, text
from puntual.cli.options import date_option, env_option, json_option, project_option, root_of
from puntual.cli.reading import chosen_reports, read
from puntual.cli.reveals import on_record
from puntual.cli.stocked import refuse_unmasked, stocked
from puntual.cli.vantage import Vantage, vantage
from puntual.engines.duckdb.lineage import payloads
from puntual.errors import ProjectError
from puntual.evidence.facts import to_json
from puntual.model.contract import Contract
from puntual.model.lineage import ColumnKind, ColumnNode, NumberLineage
from puntual.model.masked import Mask, salt_of
from puntual.model.project import Project
from puntual.project.classified import public_columns
from puntual.project.lineage import lineage_of
from puntual.runner.as_delivered import as_delivered
from puntual.runner.asking import Page, asking
from puntual.runner.left_out import with_balances
from puntual.runner.lineage import follow
from puntual.runner.raw_origins import in_warehouse_now, with_origins


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A number that somebody asks about, and how it is to be shown."""

    report: str
    day: date
    row: tuple[str, ...]
    column: str
    version: int | None
    page: Page
    left_out: bool
    unmask: bool


@click.command(name="lineage", help="Where a column, or one number of a file, comes from.")
@project_option
@click.argument("name", metavar="REPORT")
@date_option(required=False, one=True)
@click.option("--row", multiple=True, help="A row: COLUMN=TEXT, line:N, header or trailer.")
@click.option("--column", default=None, help="Only this column; with --row, whose number.")
@click.option(
    "--version",
    type=click.IntRange(1),
    default=None,
    help="Which version (default: the last sent).",
)
@click.option("--page", type=click.IntRange(1), default=1, help="Page of the rows (default 1).")
@click.option("--limit", type=click.IntRange(1), default=10, help="Rows a page (default 10).")
@click.option(
    "--left-out/--no-left-out", default=False, help="Also name the first rows that are not in it."
)
@click.option("--sql/--no-sql", default=False, help="Print the SQL of each hop as well.")
@click.option(
    "--unmask", is_flag=True, default=False, help="Show classified values; this is put on record."
)
@env_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    name: str,
    when: str | None,
    row: tuple[str, ...],
    column: str | None,
    version: int | None,
    page: int,
    limit: int,
    left_out: bool,
    sql: bool,
    unmask: bool,
    env: str | None,
    as_json: bool,
) -> None:
    """
    Print the columns of a report or model as trees; with --row, follow one number.

    A number is followed through the files that the delivery's manifests name: to its line, to
    the rows that it is made of, and to the bytes of their raw records; and every record of its
    sources that is not in it is counted by the reason. Exits 1 if it does not add up.
    """
    root = root_of(ctx, project)
    declared = read(root, env)
    if not row:
        _columns(declared, name, column, as_json=as_json)
        return
    (report,) = chosen_reports(declared, name)
    if when is None or column is None:
        raise click.UsageError("--row needs -d DATE and --column NAME")
    asked = Asked(
        report=report,
        day=dates.one(when, root, datetime.now(UTC)),
        row=_rows(row),
        column=column,
        version=version,
        page=Page(limit=limit, offset=(page - 1) * limit),
        left_out=left_out,
        unmask=unmask,
    )
    with vantage(root, env) as place:
        if unmask:
            refuse_unmasked(place)
        number = _number(place, declared, asked)
    good = number_text.adds_up(number)
    if as_json:
        data = to_json(number)
        assert isinstance(data, dict)  # noqa: S101 - a dataclass
        text.envelope("lineage", {"number": data}, ok=good)
    else:
        for line in number_text.lines(number, sql=sql):
            text.say(line)
    ctx.exit(0 if good else 1)


def _rows(row: tuple[str, ...]) -> tuple[str, ...]:
    """Return COLUMN=TEXT parts: one option may have several, each with its column."""
    parts: list[str] = []
    for one in row:
        split = one.split(",")
        parts += split if all("=" in p for p in split) else [one]
    return tuple(parts)


def _number(place: Vantage, project: Project, asked: Asked) -> NumberLineage:
    """Follow a number; put on record what is shown of it, before it is shown."""
    with stocked(place) as stock:
        delivery = as_delivered(
            project, stock.archive, stock.engine, asked.report, asked.day, version=asked.version
        )
        salt = salt_of(stock.secret(), delivery.made.digest)
        mask = Mask(public=public_columns(project), salt=salt, off=asked.unmask)
        asks = asking(delivery, mask, asked.page, left_out=asked.left_out)

        def bytes_of(
            path: str, contract: Contract, positions: frozenset[int], stream: bool
        ) -> dict[int, bytes]:
            return dict(payloads(path, contract, positions, stock.folder, stream=stream))

        number, found = follow(asks, asked.row, asked.column)
        atoms = with_origins(asks, with_balances(found, number.atoms), bytes_of)
        now = in_warehouse_now(asks, atoms, stock.warehouse)
        number = replace(
            number,
            atoms=atoms,
            hops=tuple(asks.hops),
            warehouse=now,
            revealed=tuple(sorted(asks.revealed)),
        )
    on_record(place.root, project, "lineage", number.delivery, asked.day, number.revealed)
    return number


def _columns(project: Project, name: str, column: str | None, *, as_json: bool) -> None:
    lineage = lineage_of(project)
    if name in project.models:
        nodes = lineage.of_dataset(name)
        known = [n.column for n in nodes]
        if column is not None and column not in known:
            raise ProjectError(
                "V7001",
                f"{name} has no such column",
                where=project.models[name].file,
                expected=", ".join(known),
                observed=column,
                next_step="name one of the columns",
            )
        nodes = tuple(n for n in nodes if column in (None, n.column))
    else:
        (report,) = chosen_reports(project, name)
        nodes = lineage.of_report(report, column)
    if as_json:
        text.envelope("lineage", {"columns": to_json(nodes)})
        return
    for node in nodes:
        _tree(node, 0)


def _tree(node: ColumnNode, depth: int) -> None:
    lead = " " + "   " * depth
    said = f"{node.dataset}.{node.column}" if node.dataset else node.column
    match node.kind:
        case ColumnKind.SOURCE:
            sent = f"   sent as {node.expression}" if node.expression else ""
            text.say(f"{lead}{said}   source{sent}")
        case ColumnKind.UNRESOLVED:
            text.say(f"{lead}{said}   unresolved   {node.where}")
        case _:
            text.say(f"{lead}{said} = {node.expression}   {node.where}".rstrip())
    for condition in node.conditions:
        text.say(f"{lead}   · {condition}")
    for inner in node.inputs:
        _tree(inner, depth + 1)
