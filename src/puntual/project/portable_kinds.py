"""
What kind of value an expression of a project's SQL has, as far as it can be told.

Columns are known by their names. Where a SELECT reads nothing but tables, a name is a column of
theirs before it is an alias; elsewhere a name that stands for two kinds in one statement has none.
What cannot be told is "", and nothing that rests on it is concluded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlglot import exp

from puntual.model.contract import Kind

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


@dataclass(frozen=True, slots=True)
class Names:
    """
    What kind each name in a statement has.

    Attributes:
        stored: Of the columns of the tables; "" where two tables have it in two kinds.
        named: Of any name in the statement, an alias or a column; "" for one that is several.
        made: The names of its WITH: no tables.
    """

    stored: dict[str, str] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    made: frozenset[str] = frozenset()

    def of(self, column: exp.Column) -> str:
        """Return the kind of a column where it stands."""
        name = column.name.lower()
        if name in self.stored and self._is_stored(column):
            return self.stored[name]
        return self.named.get(name, UNKNOWN)

    def _is_stored(self, column: exp.Column) -> bool:
        """Say whether whatever SELECT a name may belong to reads nothing but tables."""
        node: exp.Expr = column
        found = False
        while node.parent is not None:
            below, node = node, node.parent
            if isinstance(node, exp.CTE | exp.From | exp.Join) and isinstance(below, exp.Query):
                break  # what is selected from sees no names outside
            if isinstance(node, exp.Select):
                if below.arg_key not in _OF_TABLES or not self._reads_tables(node):
                    return False
                found = True
        return found

    def _reads_tables(self, select: exp.Select) -> bool:
        first, joins = select.args.get("from_"), select.args.get("joins") or []
        read = [source.this for source in (first, *joins) if source is not None]
        return bool(read) and all(
            isinstance(t, exp.Table) and t.name.lower() not in self.made for t in read
        )


def written(kind: exp.DataType) -> str:
    """Return the kind of a type that is written down; "" for one that has none."""
    return _KINDS.get(kind.this, UNKNOWN)


def names_of(tree: exp.Expr, columns: Iterable[tuple[str, str]]) -> Names:
    """
    Return the kinds of the names in a statement.

    Args:
        tree: The statement.
        columns: (name, kind) of every column of every table that it reads.
    """
    stored: dict[str, str] = {}
    for name, kind in columns:
        _learn(stored, name, kind)
    made = frozenset(cte.alias.lower() for cte in tree.find_all(exp.CTE))
    names = Names(stored=stored, named=dict(stored), made=made)
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
    kinds = {kind_of(node, names) for node in nodes if node is not None} - {NULL}
    if kinds == NUMBERS:
        return DECIMAL
    return kinds.pop() if len(kinds) == 1 else UNKNOWN


def _arithmetic(left: str, right: str) -> str:
    if {left, right} <= NUMBERS:
        return DECIMAL if DECIMAL in (left, right) else INTEGER
    return DATE if {left, right} == {DATE, INTEGER} else UNKNOWN
