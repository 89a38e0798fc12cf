"""
What the engines share: quoting, type names, and SQL carried from DuckDB's dialect to others.

SQL is written once, in DuckDB's dialect (design 4.6). What cannot be carried over exactly is
refused here, never passed on as it stands. Nothing is executed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Literal, assert_never

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from puntual.errors import PermanentError, ProjectError
from puntual.model.contract import ColumnType, Kind

Target = Literal["duckdb", "postgres", "redshift", "spark", "athena"]

_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)
_INEXACT = (exp.Div, exp.Avg, exp.ApproxDistinct, exp.ApproxQuantile, exp.Rand)


def quote(identifier: str) -> str:
    """
    Quote a name for any engine that quotes with double quotes.

    Raises:
        ValueError: The name is empty or holds a NUL, which no engine can quote.
    """
    if not identifier or "\0" in identifier:
        raise ValueError("a name is empty or holds a NUL")
    return '"' + identifier.replace('"', '""') + '"'


def adjoined(parts: Iterable[str]) -> list[str]:
    """Return the expressions of a `concat`, neighbouring literals put together."""
    joined: list[str] = []
    for part in parts:
        if joined and part.startswith("'") and joined[-1].startswith("'"):
            joined[-1] = f"{joined[-1][:-1]}{part[1:]}"
        else:
            joined.append(part)
    return joined


def literal(text: str) -> str:
    """Write a text as an SQL literal, for places where no parameter may stand."""
    if "\0" in text:
        return " || chr(0) || ".join(literal(part) for part in text.split("\0")).join("()")
    return "'" + text.replace("'", "''") + "'"


def type_sql(kind: ColumnType) -> str:
    """Name a contract's type in DuckDB's words; PostgreSQL and Redshift read them too."""
    match kind.kind:
        case Kind.TEXT:
            return "VARCHAR"
        case Kind.INTEGER:
            return "BIGINT"
        case Kind.DECIMAL:
            return f"DECIMAL({kind.precision},{kind.scale})"
        case Kind.DATE:
            return "DATE"
        case Kind.TIMESTAMP:
            return "TIMESTAMP WITH TIME ZONE"
        case Kind.BOOLEAN:
            return "BOOLEAN"
        case _:
            assert_never(kind.kind)


def bind_names(sql: str, names: Iterable[str]) -> str:
    """
    Write `:name` as `$name`, DuckDB's form, where it stands as a parameter.

    Texts, comments, casts (`::`) and slices (`[1:n]`) are left alone; so is every name that is
    not in `names`.

    Raises:
        PermanentError: Q1001 the text cannot be cut into tokens.
    """
    known = frozenset(names)
    try:
        tokens = sqlglot.tokenize(sql, read="duckdb")
    except SqlglotError as exc:
        raise _unreadable() from exc
    cuts = [
        colon.start
        for colon, name in pairwise(tokens)
        if colon.text == ":" and name.start == colon.end + 1 and name.text in known
    ]
    text = sql
    for cut in reversed(cuts):
        text = f"{text[:cut]}${text[cut + 1 :]}"
    return text


def parameters(sql: str, names: Iterable[str]) -> frozenset[str]:
    """
    Return which of these names stand in a statement as parameters.

    DuckDB refuses a value for a parameter that the statement does not have.

    Raises:
        PermanentError: Q1001 the text cannot be cut into tokens.
    """
    bound = bind_names(sql, names)
    try:
        tokens = sqlglot.tokenize(bound, read="duckdb")
    except SqlglotError as exc:
        raise _unreadable() from exc
    return frozenset(
        name.text
        for mark, name in pairwise(tokens)
        if mark.text == "$" and name.start == mark.end + 1 and name.text in set(names)
    )


def compile_sql(
    sql: str,
    to: Target,
    *,
    names: Iterable[str] = ("reference_date",),
    prepare: Callable[[exp.Expr], exp.Expr] = lambda tree: tree,
) -> str:
    """
    Carry one SELECT from DuckDB's dialect to another engine's.

    Parameters `:name` come out in the engine's own form: `$name` for DuckDB, `%(name)s` for
    psycopg on PostgreSQL (other per cent signs are doubled, as psycopg asks), `:name` for
    Redshift's Data API, Athena and Spark. For DuckDB the author's text is otherwise unchanged.

    Args:
        sql: The statement.
        to: Where it goes.
        names: Its parameters.
        prepare: Rewrites the tree by an engine's own rules, or refuses it by `inexact`.

    Raises:
        ProjectError: Q1003 something in it has no exact counterpart there: an unknown
            function, a division or an average (which DuckDB makes a float), a float type.
        PermanentError: Q1001 it is no SQL.
    """
    bound = bind_names(sql, names)
    if to == "duckdb":
        return bound
    try:
        tree = sqlglot.parse_one(bound, read="duckdb")
    except SqlglotError as exc:
        raise _unreadable() from exc
    _refuse(tree, to)
    tree = prepare(tree).transform(_mark)
    try:
        text = tree.sql(dialect=to, unsupported_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as exc:
        raise inexact(to, str(exc)) from exc
    if to == "postgres":
        return re.sub(r"__puntual_(\w+?)__(?!\w)", r"%(\1)s", text.replace("%", "%%"))
    return re.sub(r"__puntual_(\w+?)__(?!\w)", r":\1", text)


def _mark(node: exp.Expr) -> exp.Expr:
    """Put a word in a parameter's place that no dialect rewrites."""
    if isinstance(node, exp.Placeholder | exp.Parameter):
        name = node.name
        if _NAME.fullmatch(name):
            return exp.Var(this=f"__puntual_{name}__")
    return node


def _refuse(tree: exp.Expr, to: Target) -> None:
    """Refuse what sqlglot would hand on without knowing what it means there."""
    for node in tree.walk():
        if isinstance(node, exp.Anonymous):
            raise inexact(to, f"the function {node.name} is not known there")
        if isinstance(node, _INEXACT):
            raise inexact(to, f"{type(node).__name__.lower()} gives a float or an estimate")
        if isinstance(node, exp.DataType) and node.is_type("float", "double"):
            raise inexact(to, "a float is not exact")


def inexact(to: Target, why: str) -> ProjectError:
    """Return the fault of a statement that another engine does not answer alike, and why."""
    return ProjectError(
        "Q1003",
        f"The statement cannot be carried over to {to} exactly: {why}.",
        expected="functions and operators that give the same exact result on every engine",
        next_step="Write it with sums, products, comparisons and CASE on exact decimals.",
    )


def _unreadable() -> PermanentError:
    return PermanentError(
        "Q1001",
        "The SQL cannot be read.",
        expected="one SELECT in DuckDB's dialect",
        next_step="Run `puntual check`, which shows the line and column.",
    )
