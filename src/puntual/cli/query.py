"""`puntual query`: SQL over the curated days, read-only; classified values masked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from puntual.cli import restored, text
from puntual.cli.options import env_option, json_option, project_option, root_of
from puntual.cli.places import catalog_path, need_project
from puntual.cli.query_mask import Classified, classified, masked, without_values
from puntual.errors import PermanentError, ProjectError
from puntual.model.project import AWS, Project
from puntual.model.shown import no_formula, printable
from puntual.ports.engine import Answer
from puntual.project.classified import DAY

TIMEOUT = 600.0
"""Seconds, as `local.catalog.TIMEOUT`, which is heavy to import for a line of help."""

MEMORY = 4 << 30
"""What the process of a query may take, in bytes; DuckDB's own limit lies below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """
    An answer, and what tells what it is made of.

    Attributes:
        answer: In clear.
        tables: The datasets that could be asked, with their columns in order.
        project: What is declared; None where nothing had to be read for the answer.
    """

    answer: Answer
    tables: dict[str, tuple[str, ...]]
    project: Project | None = None


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
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 86_400),
    default=TIMEOUT,
    help="Seconds that it may take on this machine (default 600).",
)
@click.option(
    "--unmask", is_flag=True, default=False, help="Show classified values; this is put on record."
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
    timeout: float,
    unmask: bool,
    env: str | None,
    as_json: bool,
) -> None:
    """
    Run one SELECT over every published dataset; each has a `reference_date` column.

    A column is shown where everything it is made of is `classification: public` in its contract;
    counts always are. Of another, a mask is shown: its length, and a digest that is the same
    for equal values of one answer. What the SQL does not tell is masked. A condition on a
    classified column may be asked.

    The same tables can be attached by any DuckDB user: `.puntual/catalog.duckdb`. In an
    environment on AWS, Athena is asked, in what its workgroup allows to be read.

    `json` gives values as they are, and says of each column whether it is masked. `text` shows
    what is not printable as escapes, and `csv` puts an apostrophe before a text that a
    spreadsheet would compute (`=1+1`); both say below, and `csv` on standard error, which
    columns are masked.
    """
    root = root_of(ctx, project)
    asked = _asked(root, env, sql, limit, timeout)
    found = classified(root, asked.project, sql, asked.tables, asked.answer)
    if unmask:
        _on_record(root, env, asked.project, found)
    answer = asked.answer if unmask else masked(found)
    hidden = (False,) * len(found.masked) if unmask else found.masked
    typed = list(zip(*answer.columns, strict=True))
    rows = [[_plain(v) for v in row] for row in typed]
    if as_json or form == "json":
        told = zip(answer.names, answer.types, hidden, strict=True)
        data: dict[str, object] = {
            "columns": [{"name": n, "type": t, "masked": m} for n, t, m in told],
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
    if any(hidden):
        names = ", ".join(n for n, m in zip(answer.names, hidden, strict=True) if m)
        said = f"masked: {names}; --unmask shows it and puts it on record"
        in_table = form == "text" and not as_json
        (text.say if in_table else text.complain)(said)
        if found.unread:
            text.complain(f"the project cannot be read, so nothing is public: {found.unread}")


def _on_record(root: Path, env: str | None, project: Project | None, found: Classified) -> None:
    """
    Put on record what is about to be shown, in the ledger of this folder.

    Raises:
        ProjectError: C1000 the project cannot be read; C1905 this person may not see it.
        TransientError, EvidenceError, PermanentError: See `RecordedReveals.note`.
    """
    if not found.columns:
        return
    from puntual.cli.reveals import on_record
    from puntual.project.read import read_project

    declared = project or read_project(root)
    about = "query" if env is None else f"query:{env}"
    today = datetime.now(ZoneInfo(declared.time_zone)).date()
    on_record(root, declared, "query", about, today, found.columns)


def _asked(root: Path, env: str | None, sql: str, limit: int, timeout: float) -> _Asked:
    """
    Ask the tables of an environment; SQL that cannot be run is the caller's fault.

    What the engine says of a fault is told without values: the message of a cast that failed
    has the text that it failed on.

    Raises:
        ProjectError: Q1001 the SQL is wrong; Q1003 it is not answered alike on AWS.
        PermanentError: The catalog or a published file cannot be read; T3001 out of memory;
            Q1007 it did not end in time.
        TransientError: T5001, T5002.
    """
    try:
        if env is None:
            return _ask(root, sql, limit, timeout)
        return _ask_in(root, env, sql, limit, timeout)
    except PermanentError as error:
        if error.code != "Q1001":
            raise
        raise ProjectError(
            error.code,
            error.message,
            where="the SQL of this call",
            expected=error.expected,
            observed=without_values(error.observed),
            next_step="correct the SQL; the tables are the published datasets",
        ) from error


def _ask(
    root: Path, sql: str, limit: int, timeout: float, project: Project | None = None
) -> _Asked:
    """Ask the catalog of this machine."""
    from puntual.local.catalog import query, tables_at
    from puntual.local.process import bound_memory

    restored.at_hand(root)
    bound_memory(MEMORY)
    path = catalog_path(root)
    if not path.exists():
        need_project(root, "query")
    tables = {t.name: (DAY, *(name for name, _ in t.columns)) for t in tables_at(path)}
    answer = query(path, sql, limit=limit, timeout=timeout)
    return _Asked(answer=answer, tables=tables, project=project)


def _ask_in(root: Path, env: str, sql: str, limit: int, timeout: float) -> _Asked:
    """Ask the catalog of an environment; on AWS it has a time of its own."""
    from puntual.project.read import read_project

    project = read_project(root, env=env)
    if project.place != AWS:
        return _ask(root, sql, limit, timeout, project)
    from puntual.cli import remote

    with remote.led_to_stage(root, env):
        from puntual.aws.athena import Athena
        from puntual.aws.bucket import Bucket
        from puntual.aws.clients import client
        from puntual.aws.deployment import settings_of

        settings = settings_of(project.name, client("lambda"))
        athena = Athena(
            client("athena"),
            client("glue"),
            Bucket(client("s3"), settings.lake, project.name).below("athena"),
            workgroup=settings.athena,
            database=settings.catalog,
        )
        answer = athena.query(sql, {}, limit=limit)
        tables = {name: tuple(columns) for name, columns in athena.tables(sql).items()}
        return _Asked(answer=answer, tables=tables, project=project)


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
