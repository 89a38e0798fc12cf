"""
What may be shown of the answer to a query: values of classified columns are masks.

A column is shown where all that it is made of is public; counts are, of anything. A condition
is no value: `WHERE client_id = 'c1'` may be asked by everybody who may ask at all.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from puntual.errors import ProjectError
from puntual.model.masked import Mask
from puntual.model.project import Project
from puntual.ports.engine import Answer
from puntual.project.classified import DAY, PLACE, public_columns
from puntual.project.made_of import Made, made_of, named_in

Tables = Mapping[str, tuple[str, ...]]
"""Dataset → its columns, in order, as the engine that is asked knows them."""

ANY = "*"
"""Stands for every column, where the SQL does not tell which are shown."""

_SAID = re.compile(r"([A-Z]\w*(?: \w+)* Error): ")
"""How DuckDB begins what it says."""
_OF_THE_SQL = re.compile(r"(Parser|Binder|Catalog) Error: (?!Sequence)")
"""What it says before it reads a row; the name of a sequence may come from one."""
_HOLDING_NAMES = re.compile(r"(STRUCT|UNION|ENUM|MAP)\b.*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """
    An answer and what of it is classified.

    Attributes:
        answer: With every value in clear.
        masked: Whether each column is classified.
        columns: What would be revealed, as `dataset.column`, sorted; `*`: it cannot be told.
        told: The SQL tells what each column is made of.
        known: Names that may stand in a heading although nothing is known of the answer.
        unread: Why nothing but counts is public; "" where the project was read.
    """

    answer: Answer
    masked: tuple[bool, ...]
    columns: tuple[str, ...]
    told: bool
    known: frozenset[str]
    unread: str = ""


def classified(
    root: Path, project: Project | None, sql: str, tables: Tables, answer: Answer
) -> Classified:
    """
    Tell which columns of an answer are classified.

    The project is read only where something other than counts and days was asked for.

    Args:
        root: The project's folder.
        project: What it declares, if that was read already.
        sql: What was asked, in DuckDB's dialect.
        tables: The datasets that could be asked.
        answer: To it.
    """
    made = made_of(sql, tables, answer.names)
    public: Mapping[str, frozenset[str]] = {}
    unread = ""
    if any(_of_rows(each) for each in made):
        from puntual.project.read import read_project

        try:
            public = public_columns(project or read_project(root))
        except ProjectError as error:
            unread = f"{error.code} {error.message}"
    behind = [_behind(each, public) for each in made]
    told = None not in made
    known = frozenset(c.lower() for columns in tables.values() for c in columns)
    return Classified(
        answer=answer,
        masked=tuple(bool(each) for each in behind),
        columns=tuple(sorted(frozenset().union(*behind))),
        told=told,
        known=known if told else known | named_in(sql),
        unread=unread,
    )


def _of_rows(made: Made) -> bool:
    return made is not None and any(column not in (DAY, *PLACE) for _, column in made)


def _behind(made: Made, public: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the classified columns that a value is made of."""
    if made is None:
        return frozenset({ANY})
    return frozenset(
        f"{dataset}.{column}"
        for dataset, column in made
        if column not in (DAY, *PLACE) and column not in public.get(dataset, frozenset())
    )


def masked(found: Classified) -> Answer:
    """Return an answer with masks for what is classified, equal for equal values of this answer."""
    mask = Mask(salt=secrets.token_hex(16))
    given = found.answer
    columns = tuple(
        tuple(None if v is None else mask.of(v) for v in column) if hidden else column
        for column, hidden in zip(given.columns, found.masked, strict=True)
    )
    types = tuple(
        _HOLDING_NAMES.sub(r"\1", kind) if hidden else kind
        for kind, hidden in zip(given.types, found.masked, strict=True)
    )
    return replace(given, names=tuple(_headings(found, mask)), types=types, columns=columns)


def _headings(found: Classified, mask: Mask) -> Iterator[str]:
    """Yield the names of columns; one that the engine made from values (a pivot) is a mask."""
    for name in found.answer.names:
        yield name if found.told or name.lower() in found.known else mask.masked(name)


def without_values(observed: str) -> str:
    """Return what an engine said, as far as it is of the SQL and not of a row's value."""
    said = _SAID.match(observed)
    return observed if said is None or _OF_THE_SQL.match(observed) else said[1]
