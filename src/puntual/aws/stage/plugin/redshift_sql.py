"""Redshift's SQL as PostgreSQL's: sqlglot compiles it, what only Redshift knows is taken out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp

LAYOUT = (exp.DistKeyProperty, exp.SortKeyProperty, exp.DistStyleProperty)
LONGEST = 65_535
"""Bytes of VARCHAR(MAX)."""


def compiled(sql: str, parameters: Mapping[str, str]) -> Iterator[str]:
    """
    Yield the statements of a text as PostgreSQL reads them.

    Args:
        sql: Redshift's; `:name` is a parameter.
        parameters: Texts; each becomes a literal, quoted by the compiler and not by us.

    Raises:
        KeyError: A parameter was not given.
        sqlglot.errors.ParseError: It cannot be read.
    """
    for tree in sqlglot.parse(_without_layout(sql), read="redshift"):
        if tree is None:
            continue
        if isinstance(tree, exp.Create) and (properties := tree.args.get("properties")):
            kept = [each for each in properties.expressions if not isinstance(each, LAYOUT)]
            properties.set("expressions", kept)
        for mark in list(tree.find_all(exp.Placeholder)):
            mark.replace(exp.Literal.string(parameters[mark.name]))
        yield tree.sql("postgres")


def _without_layout(sql: str) -> str:
    """Take out of a CREATE or ALTER what only Redshift knows and sqlglot does not read."""
    if not re.match(r"\s*(create|alter)\b", sql, re.IGNORECASE):
        return sql
    sql = re.sub(r"\bvarchar\s*\(\s*max\s*\)", f"varchar({LONGEST})", sql, flags=re.IGNORECASE)
    sql = re.sub(r"\sencode\s+\w+", " ", sql, flags=re.IGNORECASE)
    sql = re.sub(r"\s(?:distkey|sortkey)\b(?!\s*\()", " ", sql, flags=re.IGNORECASE)
    sql = re.sub(r"\s(?:diststyle|sortkey)\s+(?:auto|even|all)\b", " ", sql, flags=re.IGNORECASE)
    return re.sub(r"\bsuper\b", "jsonb", sql, flags=re.IGNORECASE)
