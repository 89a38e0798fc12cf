"""
Column lineage: what every column of a model or report is made of, from its SQL alone.

Nothing is guessed: a column that the SQL does not let be told is `unresolved`, with its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from sqlglot import exp

from puntual.errors import ProjectError
from puntual.model.lineage import ColumnKind, ColumnNode
from puntual.model.project import Model, Project
from puntual.model.report import Field, Report
from puntual.project.qualified import (
    DAY,
    Tables,
    columns_of,
    in_warehouse,
    is_aggregate,
    outputs,
    own_ctes,
    qualified,
    sources,
    text_of,
)

_SUM = re.compile(r"\{sum:([a-z_][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sql:
    """A SELECT with where it stands, and the tables that it may name."""

    name: str
    level: str
    file: str
    text: str
    warehouse: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """
    Answers where columns of one project come from.

    Attributes:
        project: Whose SQL is read.
        columns: Curated dataset → its columns.
        memo: What has been answered.
    """

    project: Project
    columns: Tables
    memo: dict[tuple[str, str], ColumnNode] = field(default_factory=dict)

    def of_report(self, name: str, column: str | None = None) -> tuple[ColumnNode, ...]:
        """
        Return the fields of a report's file, in order: header, rows, trailer.

        Args:
            name: The report.
            column: Only this field: a report column, or `header.NAME`, `trailer.NAME`.

        Raises:
            ProjectError: V7001 the report has no such field; names the nearest.
        """
        report = self.project.reports[name]
        fields = dict(_file_fields(report))
        chosen = fields if column is None else {column: _known(column, fields, report)}
        sql = _Sql(name=name, level="report", file=report.file, text=report.sql, warehouse=True)
        return tuple(self._field(sql, where, f) for where, f in chosen.items())

    def of_dataset(self, name: str) -> tuple[ColumnNode, ...]:
        """Return the columns of a source or model, in order; none if its columns are unknown."""
        return tuple(self.dataset_column(name, column) for column in self.columns.get(name, ()))

    def _field(self, sql: _Sql, where: str, found: Field) -> ColumnNode:
        if not found.value:
            return self._named(sql, found.name)
        summed = _SUM.findall(found.value)
        kind = ColumnKind.EXPRESSION if summed or "{records}" in found.value else None
        return ColumnNode(
            dataset=sql.name,
            level="file",
            column=where,
            kind=kind or ColumnKind.CONSTANT,
            expression=found.value,
            where=sql.file.replace("report.sql", "layout.yaml"),
            inputs=tuple(self._named(sql, name) for name in summed),
        )

    def _named(self, sql: _Sql, column: str) -> ColumnNode:
        """Return a column of a report or model."""
        key = (f"{sql.level}:{sql.name}", column)
        if key not in self.memo:
            tables = in_warehouse(self.project, self.columns) if sql.warehouse else self.columns
            tree = qualified(sql.text, tables)
            found = () if tree is None else _Walk(self, sql).query(tree, column, {}, top=True)
            self.memo[key] = _one(found, sql, column)
        return self.memo[key]

    def dataset_column(self, name: str, column: str) -> ColumnNode:
        """Return a column of a curated dataset."""
        if name in self.project.models:
            return self._named(_of_model(self.project.models[name]), column)
        contract = self.project.contracts[name]
        said = next((c.source_name for c in contract.columns if c.name == column), column)
        return ColumnNode(
            dataset=name,
            level="source",
            column=column,
            kind=ColumnKind.SOURCE,
            expression="" if said == column else said,
        )


def lineage_of(project: Project) -> Lineage:
    """Return what answers where a project's columns come from."""
    return Lineage(project=project, columns=columns_of(project))


def _of_model(model: Model) -> _Sql:
    return _Sql(name=model.name, level="model", file=model.file, text=model.sql, warehouse=False)


def _file_fields(report: Report) -> Iterator[tuple[str, Field]]:
    yield from ((f"header.{f.name}", f) for f in report.layout.header)
    yield from ((f.name, f) for f in report.layout.detail)
    yield from ((f"trailer.{f.name}", f) for f in report.layout.trailer)


def _known(column: str, fields: Mapping[str, Field], report: Report) -> Field:
    if column in fields:
        return fields[column]
    near = get_close_matches(column, fields, 1)
    raise ProjectError(
        "V7001",
        f"{report.name} has no such column",
        where=report.file,
        expected=", ".join(fields),
        observed=column,
        next_step=f"did you mean {near[0]!r}?" if near else "name one of the columns",
    )


def _one(found: tuple[ColumnNode, ...], sql: _Sql, column: str) -> ColumnNode:
    """Return one node: the only one, or a union's branches under a common one."""
    if len(found) == 1:
        return found[0]
    return ColumnNode(
        dataset=sql.name,
        level=sql.level,
        column=column,
        kind=ColumnKind.EXPRESSION if found else ColumnKind.UNRESOLVED,
        expression="UNION" if found else "",
        where=f"{sql.file}:1:1",
        inputs=found,
    )


Ctes = Mapping[str, tuple[exp.Expr, "Ctes"]]
"""CTE → its query, and the CTEs that it may name."""


@dataclass(frozen=True, slots=True)
class _Walk:
    lineage: Lineage
    sql: _Sql

    def query(
        self, tree: exp.Expr, column: str, ctes: Ctes, *, top: bool = False, name: str = ""
    ) -> tuple[ColumnNode, ...]:
        """Return a query's column, once for each branch of a union; none if it cannot be told."""
        known = dict(ctes)
        for called, inner in own_ctes(tree):
            known[called] = (inner, dict(known))
        if isinstance(tree, exp.Subquery):
            return self.query(tree.this, column, known, top=top, name=name)
        if isinstance(tree, exp.SetOperation):
            return self._both(tree, column, known, top=top, name=name)
        if not isinstance(tree, exp.Select) or column not in outputs(tree):
            return ()
        return (self._select(tree, column, known, top=top, name=name),)

    def _both(
        self, tree: exp.SetOperation, column: str, ctes: Ctes, *, top: bool, name: str
    ) -> tuple[ColumnNode, ...]:
        """Return the column of both sides: by its place, under the name of the left side."""
        names = [n.lower() for n in tree.this.named_selects]
        others = [n.lower() for n in tree.expression.named_selects]
        if column not in names or len(names) != len(others) or tree.args.get("by_name"):
            return ()
        left = self.query(tree.this, column, ctes, top=top, name=name)
        right = self.query(tree.expression, others[names.index(column)], ctes, top=top, name=name)
        return (*left, *right) if left and right else ()

    def _select(
        self, select: exp.Select, column: str, ctes: Ctes, *, top: bool, name: str
    ) -> ColumnNode:
        expression = outputs(select)[column]
        inputs = tuple(self._inputs(select, expression, ctes))
        if any(i.kind is ColumnKind.UNRESOLVED and not i.dataset for i in inputs):
            kind = ColumnKind.UNRESOLVED
        elif inputs or isinstance(expression, exp.AggFunc) or is_aggregate(select):
            kind = ColumnKind.EXPRESSION
        else:
            kind = ColumnKind.CONSTANT
        return ColumnNode(
            dataset=self.sql.name if top else name,
            level=self.sql.level if top else "subquery",
            column=column,
            kind=kind,
            expression=text_of(expression),
            where=self._spot(expression),
            conditions=tuple(conditions(select)),
            inputs=inputs,
        )

    def _inputs(self, select: exp.Select, expression: exp.Expr, ctes: Ctes) -> Iterator[ColumnNode]:
        read = {s.alias.lower(): s.node for s in sources(select)}
        if any(True for _ in expression.find_all(exp.Query)):
            yield self._unresolved(expression)
            return
        seen: set[str] = set()
        for column in _columns(expression):
            named = f"{column.table}.{column.name}".lower()
            if named not in seen:
                seen.add(named)
                yield self._column(column, read, ctes)

    def _column(self, column: exp.Column, read: Mapping[str, exp.Expr], ctes: Ctes) -> ColumnNode:
        node, name = read.get(column.table.lower()), column.name.lower()
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            called = node.name.lower()
            if called in ctes:
                inner, scope = ctes[called]
                found = self.query(inner, name, scope, name=called)
                return self._joined(found, called, name) if found else self._unresolved(column)
            if name == DAY and self.sql.warehouse:
                return _day(called)
            if name in self.lineage.columns.get(called, ()):
                return self.lineage.dataset_column(called, name)
        if isinstance(node, exp.Query):
            found = self.query(node, name, ctes, name=column.table.lower())
            if found:
                return self._joined(found, column.table.lower(), name)
        return self._unresolved(column)

    def _joined(self, found: tuple[ColumnNode, ...], name: str, column: str) -> ColumnNode:
        """Return the column of a subquery: of its one SELECT, or the branches of its union."""
        if len(found) == 1:
            return found[0]
        return ColumnNode(
            dataset=name,
            level="subquery",
            column=column,
            kind=ColumnKind.EXPRESSION,
            expression="UNION",
            where=found[0].where,
            inputs=found,
        )

    def _unresolved(self, node: exp.Expr) -> ColumnNode:
        return ColumnNode(
            dataset="",
            level="subquery",
            column=text_of(node),
            kind=ColumnKind.UNRESOLVED,
            where=self._spot(node),
        )

    def _spot(self, node: exp.Expr) -> str:
        """Return file:line:column of the first thing of an expression that has a place."""
        starts = [n.meta["start"] for n in node.walk() if "start" in n.meta]
        if not starts:
            return self.sql.file
        before = self.sql.text[: min(starts)]
        line = before.count("\n") + 1
        return f"{self.sql.file}:{line}:{len(before) - before.rfind(chr(10))}"


def _day(table: str) -> ColumnNode:
    return ColumnNode(
        dataset=table, level="warehouse", column=DAY, kind=ColumnKind.CONSTANT, expression=f":{DAY}"
    )


def _columns(expression: exp.Expr) -> Iterable[exp.Column]:
    return (c for c in expression.find_all(exp.Column) if not isinstance(c.this, exp.Star))


def conditions(select: exp.Select) -> Iterator[str]:
    """Yield what decides which rows a SELECT reads, as SQL, in the order in which it stands."""
    for key in ("from_", "joins"):
        found = select.args.get(key)
        yield from (
            text_of(part) for part in (found if isinstance(found, list) else [found]) if part
        )
    for key in ("where", "group", "having", "qualify"):
        part = select.args.get(key)
        if part is not None:
            yield text_of(part)
