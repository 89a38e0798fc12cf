"""`puntual query`: SQL over the curated days, read-only."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from puntual.cli import text
from puntual.cli.options import env_option, json_option, project_option, root_of
from puntual.cli.places import catalog_path
from puntual.errors import PermanentError, ProjectError
from puntual.model.project import AWS
from puntual.model.shown import no_formula, printable

if TYPE_CHECKING:
    from puntual.ports.engine import Answer


MEMORY = 4 << 30
"""What the process of a query may take, in bytes; DuckDB's own limit lies below it."""


@click.command(name="query", help="Ask the curated data with SQL.")
@project_option
@click.argument("sql")
@click.option("--limit", type=click.IntRange(1), default=100, help="Rows shown (default 100).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    help="Form; in csv an apostrophe stands before a text that a spreadsheet would compute.",
)
@env_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    sql: str,
    limit: int,
    form: str,
    env: str | None,
    as_json: bool,
) -> None:
    """
    Run one SELECT over every published dataset; each has a `reference_date` column.

    The same tables can be attached by any DuckDB user: `.puntual/catalog.duckdb`. In an
    environment on AWS, Athena is asked, in what its workgroup allows to be read.

    `json` gives values as they are. `text` shows what is not printable as escapes, and `csv`
    puts an apostrophe before a text that a spreadsheet would compute (`=1+1`).
    """
    answer = _answer(root_of(ctx, project), env, sql, limit)
    typed = list(zip(*answer.columns, strict=True))
    rows = [[_plain(v) for v in row] for row in typed]
    if as_json or form == "json":
        data: dict[str, object] = {
            "columns": [
                {"name": n, "type": t} for n, t in zip(answer.names, answer.types, strict=True)
            ],
            "rows": rows,
            "shown": str(len(rows)),
            "truncated": answer.truncated,
        }
        text.envelope("query", data)
    elif form == "csv":
        harmless = [no_formula(name) for name in answer.names]
        _csv(
            harmless,
            [[no_formula(v) if isinstance(v, str) else _plain(v) for v in row] for row in typed],
        )
    else:
        _table(answer.names, rows, truncated=answer.truncated)


def _answer(root: Path, env: str | None, sql: str, limit: int) -> Answer:
    """
    Ask the tables of an environment; SQL that cannot be run is the caller's fault.

    Raises:
        ProjectError: Q1001 the SQL is wrong; Q1003 it is not answered alike on AWS.
        PermanentError: The catalog or a published file cannot be read; T3001 out of memory.
        TransientError: T5001, T5002.
    """
    try:
        return _ask(root, sql, limit) if env is None else _ask_in(root, env, sql, limit)
    except PermanentError as error:
        if error.code != "Q1001":
            raise
        raise ProjectError(
            error.code,
            error.message,
            where="the SQL of this call",
            expected=error.expected,
            observed=error.observed,
            next_step="correct the SQL; the tables are the published datasets",
        ) from error


def _ask(root: Path, sql: str, limit: int) -> Answer:
    """Ask the catalog of this machine."""
    from puntual.local.catalog import query
    from puntual.local.process import bound_memory

    bound_memory(MEMORY)
    return query(catalog_path(root), sql, limit=limit)


def _ask_in(root: Path, env: str, sql: str, limit: int) -> Answer:
    """Ask the catalog of an environment."""
    from puntual.project.read import read_project

    project = read_project(root, env=env)
    if project.place != AWS:
        return _ask(root, sql, limit)
    from puntual.cli import remote

    remote.need_boto3()
    from puntual.aws.athena import Athena
    from puntual.aws.bucket import Bucket
    from puntual.aws.clients import client
    from puntual.aws.deployment import settings_of

    with remote.led_to_stage(root, env):
        settings = settings_of(project.name, client("lambda"))
        athena = Athena(
            client("athena"),
            client("glue"),
            Bucket(client("s3"), settings.lake, project.name).below("athena"),
            workgroup=settings.athena,
            database=settings.catalog,
        )
        return athena.query(sql, {}, limit=limit)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    return value if value is None or isinstance(value, bool | str) else str(value)


def _csv(names: list[str], rows: list[list[object]]) -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)


def _table(names: tuple[str, ...], rows: list[list[object]], *, truncated: bool) -> None:
    names = tuple(map(printable, names))
    cells = [["" if v is None else printable(str(v)) for v in row] for row in rows]
    widths = [max([len(n), *(len(r[i]) for r in cells)]) for i, n in enumerate(names)]
    text.say("  ".join(n.ljust(w) for n, w in zip(names, widths, strict=True)).rstrip())
    text.say("  ".join("─" * w for w in widths))
    for row in cells:
        text.say("  ".join(v.ljust(w) for v, w in zip(row, widths, strict=True)).rstrip())
    text.say(f"{len(rows)} rows" + (" shown, there are more: --limit" if truncated else ""))
