"""
One SELECT carried from DuckDB's dialect to Spark's, so that it gives the same answer or none.

`project/portable.py` says what is the same on both. What Spark does otherwise and can be made to
do exactly is rewritten here; where only some values can, the others raise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sqlglot import exp

from puntual.engines.dialect.sql import compile_sql, inexact
from puntual.project.portable import refusals
from puntual.project.portable_kinds import (
    DATE,
    DECIMAL,
    INTEGER,
    TEXT,
    Kinds,
    kind_of,
    names_of,
    written,
)

_BLANKS = "".join(map(chr, [0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000]))
"""What DuckDB's trim() takes off: Unicode's category Zs. Spark's takes off U+0020 alone."""

_ONE_TO_ONE = (
    "^[\\x{0}-\\x{24f}[\\P{L}&&[^\\x{345}\\x{2160}-\\x{2188}\\x{24b6}-\\x{24e9}]]"
    "&&[^\\x{df}\\x{130}\\x{149}\\x{1f0}]]*$"
)
"""Latin letters whose upper and lower case are one letter each, as DuckDB changes them, and what
has no case at all."""

_FORMS = {
    INTEGER: "^[+-]?[0-9]+$",
    DECIMAL: "^[+-]?[0-9]+(\\.[0-9]+)?$",
    DATE: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
}
"""Texts that both engines cast alike; of any other the cast raises."""


def to_spark(sql: str, tables: Kinds) -> str:
    """
    Carry one SELECT over; its parameters come out as `:name`.

    Args:
        sql: The SELECT, in DuckDB's dialect.
        tables: The tables that it may read.

    Raises:
        ProjectError: Q1003 something in it is not the same on Spark.
        PermanentError: Q1001 it is no SQL.
    """

    def prepare(tree: exp.Expr) -> exp.Expr:
        for refusal in refusals(tree, "spark", tables):
            raise inexact("spark", refusal.why)
        names = names_of(tree, tables)
        for identifier in tree.find_all(exp.Identifier):
            identifier.set("quoted", True)
        nodes = list(tree.dfs())
        # By the tree as it was written: what is rewritten need not have the kind of its node.
        kinds = {id(node): kind_of(node.this, names) for node in nodes if type(node) in _REWRITES}
        # From the inside: what a guard repeats is written for Spark by then.
        for node in reversed(nodes):
            rewrite = _REWRITES.get(type(node))
            if rewrite is not None and (new := rewrite(node, kinds[id(node)])) is not node:
                node.replace(new)
        return tree

    return compile_sql(sql, "spark", prepare=prepare)


def _trim(node: exp.Expr, kind: str) -> exp.Expr:
    if node.expression is None:
        node.set("expression", exp.Literal.string(_BLANKS))
        if not node.args.get("position"):
            node.set("position", "BOTH")
    return node


def _case(node: exp.Expr, kind: str) -> exp.Expr:
    return _guarded(node, node.this, _ONE_TO_ONE, "a letter of two or more in another case")


def _cast(node: exp.Expr, kind: str) -> exp.Expr:
    to = written(node.args["to"])
    if kind == TEXT and to in _FORMS and not isinstance(node.this, exp.Literal):
        return _guarded(node, node.this, _FORMS[to], f"a text that is no {to}")
    if (kind, to) == (DECIMAL, INTEGER):
        node.set("this", exp.Round(this=node.this, decimals=exp.Literal.number(0)))
    return node


def _guarded(node: exp.Expr, text: exp.Expr, form: str, what: str) -> exp.Expr:
    """Return a node's value where a text is null or has a form; raise where it has not."""
    fits = exp.Or(
        this=exp.Is(this=text.copy(), expression=exp.Null()),
        expression=exp.RegexpLike(this=text.copy(), expression=exp.Literal.string(form)),
    )
    fault = exp.Anonymous(this="raise_error", expressions=[exp.Literal.string(what)])
    return exp.Case(ifs=[exp.If(this=fits, true=node.copy())], default=fault)


def _pattern(node: exp.Expr, kind: str) -> exp.Expr:
    pattern = java(node.expression.name)
    if isinstance(node, exp.RegexpFullMatch):
        pattern = f"^(?:{pattern})\\z"
    return exp.RegexpLike(this=node.this, expression=exp.Literal.string(pattern))


def java(pattern: str) -> str:
    """Write a plain pattern of RE2 for Java: `$` is the very end, a dot no line feed only."""
    pieces = re.findall(r"\\.|\[\^?(?:\\.|[^\]\\])+\]|.", pattern, re.DOTALL)
    return "".join({"$": "\\z", ".": "[^\\n]"}.get(piece, piece) for piece in pieces)


_REWRITES: Mapping[type[exp.Expr], Callable[[exp.Expr, str], exp.Expr]] = {
    exp.Trim: _trim,
    exp.Upper: _case,
    exp.Lower: _case,
    exp.Cast: _cast,
    exp.RegexpLike: _pattern,
    exp.RegexpFullMatch: _pattern,
}
