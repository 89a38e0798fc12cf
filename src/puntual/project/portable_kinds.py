"""
What kind of value an expression of a project's SQL has, as far as it can be told.

Where the tables that a name may belong to are all known, it is a column of the one that has it.
Elsewhere columns are known by their names alone, and a name that stands for two kinds in one
statement has none. What cannot be told is "", and nothing that rests on it is concluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from puntual.model.contract import Kind
from puntual.project.queries import read_tables

Kinds = Mapping[str, Mapping[str, str]]
"""Table → column → its kind; "" where it has none."""

TEXT, INTEGER, DECIMAL = Kind.TEXT.value, Kind.INTEGER.value, Kind.DECIMAL.value
DATE, TIMESTAMP, BOOLEAN = Kind.DATE.value, Kind.TIMESTAMP.value, Kind.BOOLEAN.value
FLOAT, NULL, UNKNOWN = "float", "null", ""

NUMBERS = frozenset({INTEGER, DECIMAL})

_Type = exp.DataType.Type
_KINDS = {
    **dict.fromkeys(exp.DataType.INTEGER_TYPES, INTEGER),
    **dict.fromkeys(exp.DataType.TEXT_TYPES, TEXT),
    **dict.fromkeys(exp.DataType.FLOAT_TYPES, FLOAT),
    _Type.DECIMAL: DECIMAL,
    _Type.DATE: DATE,
    _Type.TIMESTAMPTZ: TIMESTAMP,
    _Type.BOOLEAN: BOOLEAN,
}
_BOOLEANS = (exp.Predicate, exp.Connector, exp.Not, exp.Boolean, exp.LogicalAnd, exp.LogicalOr)
_TEXTS = (
    exp.Concat,
    exp.DPipe,
    exp.Trim,
    exp.Upper,
    exp.Lower,
    exp.Substring,
    exp.Left,
    exp.Right,
    exp.Replace,
)
_COUNTS = (
    exp.Count,
    exp.CountIf,
    exp.Length,
    exp.Year,
    exp.Month,
    exp.Day,
    exp.Extract,
    exp.DateDiff,
    exp.RowNumber,
    exp.Rank,
    exp.DenseRank,
)
_SAME = (
    exp.Alias,
    exp.Paren,
    exp.Neg,
    exp.Abs,
    exp.Max,
    exp.Min,
    exp.Sum,
    exp.Window,
    exp.Filter,
    exp.Lag,
    exp.Lead,
    exp.Distinct,
    exp.Round,
)


_OF_TABLES = frozenset({"expressions", "where", "joins"})
"""Parts of a SELECT in which a name is a column of its tables before it is an alias."""

_INSIDE = frozenset({"this", "expression"})
"""Parts of any other query that are queries; its order is of its own columns."""


@dataclass(frozen=True, slots=True)
class Names:
    """
    What kind each name in a statement has.

    Attributes:
        tables: Of the columns of each table that the statement reads; in lower case.
        named: Of any name in the statement, an alias or a column; "" for one that is several.
        made: The names of its WITH: no tables.
    """

    tables: Kinds = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    made: frozenset[str] = frozenset()

    def of(self, column: exp.Column) -> str:
        """Return the kind of a column where it stands."""
        kinds = self._stored(column)
        if not kinds:
            return self.named.get(column.name.lower(), UNKNOWN)
        # Two tables may have it under USING alone.
        return common_kind(kinds)

    def _stored(self, column: exp.Column) -> list[str]:
        """Return the kinds of the tables' columns that a name may be; nothing if it may be none."""
        name, qualifier = column.name.lower(), column.table.lower()
        node: exp.Expr = column
        while node.parent is not None:
            below, node = node, node.parent
            if isinstance(node, exp.CTE | exp.From | exp.Join) and below.arg_key == "this":
                return []  # what is selected from sees no names outside
            if not isinstance(node, exp.Select):
                if isinstance(node, exp.Query) and below.arg_key not in _INSIDE:
                    return []
                continue
            if below.arg_key not in _OF_TABLES:
                return []
            sources = list(_sources(node, joining=below.arg_key == "joins"))
            if qualifier:
                sources = [s for s in sources if s.alias_or_name.lower() == qualifier]
            tables = [self._columns(source) for source in sources]
            known = [table for table in tables if table is not None]
            if len(known) < len(tables):
                return []
            if found := [table[name] for table in known if name in table]:
                return found
            # An alias here hides the columns of the SELECTs around.
            aliases = {e.alias.lower() for e in node.expressions if isinstance(e, exp.Alias)}
            if name in aliases or (qualifier and known):
                return []
        return []

    def _columns(self, source: exp.Expr) -> Mapping[str, str] | None:
        """Return the columns of a stored table; None for what else is selected from."""
        if not isinstance(source, exp.Table) or source.name.lower() in self.made:
            return None
        return None if _renamed(source) else self.tables.get(source.name.lower())


def _sources(select: exp.Select, *, joining: bool) -> Iterator[exp.Expr]:
    """Yield what a SELECT reads, as far as its conditions of joins, or the rest of it, see it."""
    waiting = [select.args.get("from_"), *(select.args.get("joins") or [])]
    while waiting:
        part = waiting.pop()
        # The columns of what is only looked into stand in the condition and nowhere else.
        if part is None or (not joining and part.args.get("kind") in ("SEMI", "ANTI")):
            continue
        source = part.this
        yield source
        waiting += source.args.get("joins") or []
        if isinstance(source, exp.Subquery) and isinstance(source.this, exp.Table | exp.Subquery):
            waiting.append(source)  # joins in parentheses


def _renamed(source: exp.Expr) -> list[exp.Expr]:
    """Return the names that an alias gives to columns, as in `AS t(a, b)`."""
    alias = source.args.get("alias")
    return (alias.args.get("columns") or []) if isinstance(alias, exp.TableAlias) else []


def written(kind: exp.DataType) -> str:
    """Return the kind of a type that is written down; "" for one that has none."""
    return _KINDS.get(kind.this, UNKNOWN)


def names_of(tree: exp.Expr, tables: Kinds) -> Names:
    """
    Return the kinds of the names in a statement.

    Args:
        tree: The statement.
        tables: The tables there are; those that it does not read tell nothing of its names.
    """
    known = {name.lower(): columns for name, columns in tables.items()}
    stored: dict[str, dict[str, str]] = {}
    named: dict[str, str] = {}
    for table in set(read_tables(tree)) & known.keys():
        stored[table] = {}
        for name, kind in known[table].items():
            _learn(stored[table], name, kind)
            _learn(named, name, kind)
    for node in tree.find_all(exp.TableAlias):
        # Which column gets which of these names is not looked for.
        for renamed in node.args.get("columns") or []:
            _learn(named, renamed.name, UNKNOWN)
    made = frozenset(cte.alias.lower() for cte in tree.find_all(exp.CTE))
    names = Names(tables=stored, named=named, made=made)
    aliases = list(tree.find_all(exp.Alias))
    for _ in range(len(aliases)):
        before = dict(names.named)
        for alias in aliases:
            if not isinstance(alias.this, exp.Column) or alias.this.name != alias.alias:
                _learn(names.named, alias.alias, kind_of(alias.this, names))
        if names.named == before:
            break
    return names


def _learn(names: dict[str, str], name: str, kind: str) -> None:
    known = names.get(name.lower(), kind)
    if {known, kind} == NUMBERS:
        names[name.lower()] = DECIMAL
    else:
        names[name.lower()] = kind if known == kind else UNKNOWN


def kind_of(node: exp.Expr | None, names: Names) -> str:
    """Return the kind of an expression's value."""
    match node:
        case None:
            return UNKNOWN
        case exp.Column():
            return names.of(node)
        case exp.Literal():
            return TEXT if node.is_string else INTEGER if node.is_int else DECIMAL
        case exp.Null():
            return NULL
        case exp.Cast():
            return written(node.to)
        case exp.Placeholder() | exp.Parameter() | exp.LastDay():
            return DATE
        case exp.Add() | exp.Sub() | exp.Mul() | exp.Mod():
            return _arithmetic(kind_of(node.this, names), kind_of(node.expression, names))
        case exp.Case():
            branches = [i.args.get("true") for i in node.args.get("ifs") or []]
            return common([*branches, node.args.get("default")], names)
        case exp.If():
            return common([node.args.get("true"), node.args.get("false")], names)
        case exp.Coalesce() | exp.Greatest() | exp.Least():
            return common([node.this, *node.expressions], names)
        case exp.Nullif():
            return kind_of(node.this, names)
        case exp.Subquery() if isinstance(node.this, exp.Select):
            selected = node.this.expressions
            return kind_of(selected[0], names) if len(selected) == 1 else UNKNOWN
    if isinstance(node, _BOOLEANS):
        return BOOLEAN
    if isinstance(node, _TEXTS):
        return TEXT
    if isinstance(node, _COUNTS):
        return INTEGER
    if isinstance(node, _SAME):
        inner = node.expressions[0] if isinstance(node, exp.Distinct) else node.this
        return kind_of(inner, names)
    return UNKNOWN


def common(nodes: Iterable[exp.Expr | None], names: Names) -> str:
    """Return the kind that several expressions have together; "" where they have none."""
    return common_kind(kind_of(node, names) for node in nodes if node is not None)


def common_kind(kinds: Iterable[str]) -> str:
    """Return the kind that values of several kinds have together; "" where they have none."""
    found = set(kinds) - {NULL}
    if found == NUMBERS:
        return DECIMAL
    return found.pop() if len(found) == 1 else UNKNOWN


def _arithmetic(left: str, right: str) -> str:
    if {left, right} <= NUMBERS:
        return DECIMAL if DECIMAL in (left, right) else INTEGER
    return DATE if {left, right} == {DATE, INTEGER} else UNKNOWN
