"""What `puntual check` says of SQL that the engine could not run: it is bound over empty tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from puntual.engines.dialect.sql import quote, type_sql
from puntual.engines.duckdb.bind import Binder, open_binder
from puntual.errors import Complaint
from puntual.model.check import RowRule, SqlRows, SumEquals
from puntual.model.control import QuerySide, Stage, StagedSide, Term
from puntual.model.project import Project
from puntual.project.placed import Placed

_ORIGIN = {"_object": "VARCHAR", "_position": "BIGINT"}
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_HINT = "the run would stop at it; correct the SQL, or the type in the contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """
    One piece of the project's SQL.

    Attributes:
        what: What it is, for people.
        files: Where it may stand.
        sql: The piece, as it was written.
        before: What makes a SELECT of it, when it is an expression.
    """

    what: str
    files: tuple[str, ...]
    sql: str
    before: str = ""

    @property
    def select(self) -> str:
        """The SELECT that is bound."""
        return f"{self.before}{self.sql}\n)" if self.before else self.sql


def complaints(root: Path, project: Project) -> tuple[Complaint, ...]:
    """
    Return a complaint for each SELECT of a project that DuckDB cannot bind.

    Models are bound in their order over the types of contracts, then checks, plan B, and what is
    asked of the warehouse. What reads a table of which nothing can be told is left alone.

    Args:
        root: The project's folder.
        project: Right otherwise.

    Returns:
        C1214, an error, at the place that the engine names.
    """
    placed = Placed(root)
    with open_binder(project.time_zone) as binder:
        unknown = _datasets(binder, project, placed)
        for piece in _over_datasets(project):
            _bind(binder, piece, unknown, placed)
        for name in project.warehouse.tables:
            if name not in unknown:
                binder.in_warehouse(name)
        for piece in _over_warehouse(project):
            _bind(binder, piece, unknown, placed)
    return placed.found()


def _datasets(binder: Binder, project: Project, placed: Placed) -> set[str]:
    """Make the tables of a day; return the names of those of which nothing can be told."""
    unknown: set[str] = set()
    for name, contract in project.contracts.items():
        types = {c.name: type_sql(c.type) for c in contract.columns}
        binder.table(name, types | _ORIGIN)
    for name, model in project.models.items():
        if not unknown & _words(model.sql):
            piece = _Piece(what="the model", files=(model.file,), sql=model.sql)
            found = binder.made(name, model.sql)
            if found is not None:
                _complain(placed, piece, found.why, found.offset)
        if not binder.knows(name):
            unknown.add(name)
    return unknown


def _over_datasets(project: Project) -> Iterator[_Piece]:
    for model in project.models.values():
        for one in model.filters:
            before = f"SELECT 1 FROM {quote(model.carries or '')} WHERE ("
            yield _Piece(
                what=f"the filter '{one.name}'",
                files=("puntual.yaml",),
                sql=one.rows,
                before=before,
            )
    for check in project.checks.values():
        what = f"the check '{check.id}'"
        match check.rule:
            case SqlRows():
                yield _Piece(what=what, files=(check.rule.file,), sql=check.rule.sql)
            case SumEquals():
                yield _Piece(what=what, files=("checks", "contracts"), sql=check.rule.query)
            case RowRule():
                before = f"SELECT 1 FROM {quote(check.dataset)} WHERE ("
                sql = check.rule.expression
                yield _Piece(what=what, files=("checks", "contracts"), sql=sql, before=before)
            case _:
                pass
    for report in project.reports.values():
        plan = report.emergency
        if plan is not None:
            yield _Piece(what="plan B", files=(plan.file,), sql=plan.sql)
            file = f"reports/{report.name}/report.yaml"
            for tie in plan.ties:
                yield _Piece(what="a tie of plan B", files=(file,), sql=tie.query)


def _over_warehouse(project: Project) -> Iterator[_Piece]:
    for report in project.reports.values():
        yield _Piece(what="the report", files=(report.file,), sql=report.sql)
        for tie in report.ties:
            file = f"reports/{report.name}/report.yaml"
            yield _Piece(what=f"the tie of '{tie.column}'", files=(file,), sql=tie.query)
    for control in project.controls.values():
        what = f"the control '{control.id}'"
        for term in (*control.left, *control.right):
            yield from _asked(term, what)


def _asked(term: Term, what: str) -> Iterator[_Piece]:
    files = ("controls", "contracts")
    match term.side:
        case QuerySide(sql=sql):
            yield _Piece(what=what, files=files, sql=sql)
        case StagedSide(stage=Stage.WAREHOUSE, dataset=dataset) if term.where:
            before = f"SELECT 1 FROM {quote(dataset)} AS s WHERE ("
            yield _Piece(what=what, files=files, sql=term.where, before=before)
        case _:
            pass


def _bind(binder: Binder, piece: _Piece, unknown: set[str], placed: Placed) -> None:
    if unknown & _words(piece.select):
        return
    found = binder.bound(piece.select)
    if found is not None:
        _complain(placed, piece, found.why, max(0, found.offset - len(piece.before)))


def _complain(placed: Placed, piece: _Piece, why: str, offset: int) -> None:
    message = f"DuckDB cannot run {piece.what}: {why}"
    placed.complain("C1214", message, piece.files, piece.sql, offset, hint=_HINT)


def _words(sql: str) -> set[str]:
    """Return every word of a statement, of which its tables are some."""
    return set(_WORD.findall(sql.lower()))
