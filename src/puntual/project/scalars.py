"""Reads the SELECTs that stand inside YAML and answer with one number."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from puntual.model.contract import Kind
from puntual.project.projections import FLOAT, Columns, resolve
from puntual.project.queries import parse
from puntual.project.section import Section
from puntual.project.snippets import from_key


def read_scalar(
    section: Section,
    key: str,
    tables: Mapping[str, Columns | None],
    *,
    what: str,
    whole: bool = False,
) -> str:
    """
    Read a SELECT that returns one column.

    Args:
        section: Where it stands.
        key: Under which key.
        tables: What it may read.
        what: What these are, such as `warehouse table`.
        whole: The number counts rows, and so has no decimals.

    Returns:
        The SQL; "" when there is none to use.
    """
    snippet = from_key(section, key)
    parsed = parse(snippet, section.complaints) if snippet is not None else None
    if parsed is None:
        return ""
    query = resolve(parsed, tables, section.complaints, what=what)
    kinds = list((query.columns or {}).values())
    selected = _width(parsed.tree) if query.columns is None else len(kinds)
    if selected != 1:
        message = f"'{key}' must return one number, not {selected} columns"
        section.complain("C1304", message, key)
    elif kinds == [FLOAT]:
        message = f"'{key}' returns a floating-point number, which is not exact"
        section.complain("C1211", message, key, hint="cast it to DECIMAL(p,s)")
    elif whole and kinds == [Kind.DECIMAL] and not _is_cast_to_whole(parsed.tree):
        message = f"'{key}' counts rows and returns a decimal"
        section.complain("C1405", message, key, hint="select count(*), or cast to BIGINT")
    return parsed.sql


def _is_cast_to_whole(tree: exp.Expr) -> bool:
    """Say whether the one number is cast to a decimal without decimals, in so many words."""
    cast = tree.expressions[0].unalias() if isinstance(tree, exp.Select) else None
    if not isinstance(cast, exp.Cast):
        return False
    size = [p.name for p in cast.to.expressions]
    return len(size) == 1 or size[1:] == ["0"]


def _width(tree: exp.Expr) -> int:
    """Count what a SELECT lists; 1 when that cannot be told."""
    while isinstance(tree, exp.Subquery | exp.SetOperation):
        tree = tree.this
    listed = tree.expressions if isinstance(tree, exp.Select) else []
    return 1 if any(e.find(exp.Star, exp.Columns) for e in listed) else max(1, len(listed))
