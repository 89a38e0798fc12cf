"""
Reads a project's SQL: one read-only SELECT in DuckDB's dialect, the same on any day.

No file, network, clock, random or session function; `:reference_date` is the only parameter;
tables are named plainly. What its columns are is the business of `projections`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from puntual.project.complaints import At, Complaints, suggest
from puntual.project.functions import ALLOWED, TABLE_FUNCTIONS, called, refused
from puntual.project.ordered import unordered
from puntual.project.snippets import Snippet

PARAMETER = "reference_date"
MAX_NESTING = 200
MAX_TOKENS = 50_000
MAX_OPEN_JOINS = 8
"""JOINs one after another that wait for their ON: sqlglot's time doubles with each."""

_DUCKDB = Dialect.get_or_raise("duckdb")
_NO_CONDITION = frozenset({TokenType.CROSS, TokenType.NATURAL})
_BEGINNINGS = frozenset({"SELECT", "WITH", "FROM", "VALUES", "("})
_REFUSED = (
    exp.DML,
    exp.DDL,
    exp.Command,
    exp.Into,
    exp.Lock,
    exp.TableSample,
    exp.HistoricalData,
    exp.SessionParameter,
)
_FLOATS = frozenset({exp.DataType.Type.FLOAT, exp.DataType.Type.DOUBLE})
_SCALED = (exp.Cast, exp.TryCast, exp.Round, exp.Floor, exp.Ceil, exp.Trunc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """
    One SELECT, found harmless.

    Attributes:
        sql: Its text, without a semicolon at its end.
        tree: What sqlglot read.
        snippet: Where it stands.
        tables: The tables it reads, sorted; those it defines itself (CTEs) are not among them.
    """

    sql: str
    tree: exp.Expr
    snippet: Snippet
    tables: tuple[str, ...]

    def spot(self, node: exp.Expr) -> At:
        """Return where a node stands; where the SQL begins if sqlglot does not tell."""
        return spot(self.snippet, node)


def parse(snippet: Snippet, complaints: Complaints) -> Parsed | None:
    """
    Read one SELECT and complain about everything it may not do.

    Args:
        snippet: The SQL.
        complaints: Where what is wrong goes.

    Returns:
        None when there is no one SELECT to speak of.
    """
    tokens = _tokens(snippet, complaints)
    if tokens is None:
        return None
    first = tokens[0]
    if first.text.upper() not in _BEGINNINGS:
        at = snippet.at(first.start, len(first.text))
        message = f"only a SELECT may stand here, not {first.text.upper()[:40]}"
        snippet.complain(complaints, "C1202", message, at)
        return None
    sql = snippet.text[: tokens[-1].end + 1]
    tree = _tree(snippet, sql, tokens, complaints)
    if tree is None:
        return None
    if not isinstance(tree, exp.Query):
        snippet.complain(complaints, "C1202", "only a SELECT may stand here", snippet.at(0))
        return None
    return _inspect(snippet, sql, tree, complaints)


def parse_expression(snippet: Snippet, complaints: Complaints) -> Parsed | None:
    """Read one expression that is true or false for a row, as `parse` reads a SELECT."""
    tokens = _tokens(snippet, complaints)
    if tokens is None:
        return None
    sql = snippet.text[: tokens[-1].end + 1]
    tree = _tree(snippet, sql, tokens, complaints)
    if tree is None:
        return None
    if isinstance(tree, exp.Query | exp.Alias | exp.DDL | exp.DML | exp.Command | exp.Values):
        message = "an expression on one row must stand here"
        snippet.complain(complaints, "C1202", message, snippet.at(0))
        return None
    return _inspect(snippet, sql, tree, complaints)


def parameter_errors(snippet: Snippet, complaints: Complaints) -> None:
    """
    Complain about a source's query, which is in the source's own SQL and is not parsed.

    It must begin like a query, and `:reference_date` is its only parameter.
    """
    tokens = _tokens(snippet, complaints)
    if tokens is None:
        return
    if tokens[0].text.upper() not in _BEGINNINGS - {"FROM"}:
        message = "a source is read by a SELECT"
        snippet.complain(complaints, "C1202", message, snippet.at(0, len(tokens[0].text)))
    for colon, name in pairwise(tokens):
        touching = colon.token_type is TokenType.COLON and colon.end + 1 == name.start
        if touching and name.text.isidentifier() and name.text != PARAMETER:
            at = snippet.at(colon.start, len(name.text) + 1)
            _parameter(snippet, complaints, f":{name.text}", at)


def spot(snippet: Snippet, node: exp.Expr) -> At:
    """Return where a node stands in its file: at its own name, or where its parts begin."""
    metas = [node.meta] if "start" in node.meta else [n.meta for n in node.walk()]
    places = [(m["start"], m["end"]) for m in metas if "start" in m]
    if not places:
        return snippet.at(0)
    start, end = min(places)
    return snippet.at(start, end - start + 1)


def _tokens(snippet: Snippet, complaints: Complaints) -> list[Token] | None:
    """Split the SQL; drop semicolons at its end; refuse a second statement."""
    try:
        tokens = list(_DUCKDB.tokenize(snippet.text))
    except TokenError:
        message = "a quote or comment is opened and not closed"
        snippet.complain(complaints, "C1201", message, snippet.at(0))
        return None
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        snippet.complain(complaints, "C1201", "there is no SQL here", snippet.at(0))
        return None
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            message = "one SELECT only; a second statement begins here"
            snippet.complain(complaints, "C1202", message, snippet.at(token.start))
            return None
    if len(tokens) > MAX_TOKENS:
        message = f"more than {MAX_TOKENS} words and signs"
        snippet.complain(complaints, "C1201", message, snippet.at(0))
        return None
    nesting, joins = _depths(tokens)
    for most, found, what in (
        (MAX_NESTING, nesting, "parentheses inside one another"),
        (MAX_OPEN_JOINS, joins, "JOINs without their ON or USING"),
    ):
        if found > most:
            message = f"more than {most} {what}"
            snippet.complain(complaints, "C1201", message, snippet.at(0))
            return None
    return tokens


def _depths(tokens: list[Token]) -> tuple[int, int]:
    """Return how deep brackets stand in one another, and how many JOINs wait for their ON."""
    waiting, deepest, most = [0], 0, 0
    before: Token | None = None
    for token in tokens:
        match token.token_type:
            case TokenType.L_PAREN | TokenType.L_BRACKET | TokenType.L_BRACE:
                waiting.append(0)
                deepest = max(deepest, len(waiting) - 1)
            case TokenType.R_PAREN | TokenType.R_BRACKET | TokenType.R_BRACE:
                waiting = waiting[:-1] or [0]
            case TokenType.JOIN if before is None or before.token_type not in _NO_CONDITION:
                waiting[-1] += 1
                most = max(most, waiting[-1])
            case TokenType.ON | TokenType.USING:
                waiting[-1] = max(0, waiting[-1] - 1)
        before = token
    return deepest, most


def _tree(
    snippet: Snippet, sql: str, tokens: list[Token], complaints: Complaints
) -> exp.Expr | None:
    try:
        trees = _DUCKDB.parser().parse(tokens, sql)
    except ParseError as error:
        for found in error.errors[:1]:
            snippet.complain(complaints, "C1201", *_syntax(snippet, sql, found))
        return None
    except (SqlglotError, RecursionError, ValueError) as error:
        message = f"cannot be read as SQL: {str(error).splitlines()[0]}"
        snippet.complain(complaints, "C1201", message, snippet.at(0))
        return None
    return trees[0] if len(trees) == 1 else None


def _syntax(snippet: Snippet, sql: str, found: dict[str, object]) -> tuple[str, At]:
    said = str(found.get("description", "")).split(" but got <Token")[0].rstrip(".")
    said = re.sub(r" for <class '[\w.]+\.(\w+)'>", r" in \1", said)
    word = str(found.get("highlight") or "")
    line, column = int(str(found.get("line") or 1)), int(str(found.get("col") or 1))
    starts = [0, *(m.end() for m in re.finditer("\n", sql))]
    end = starts[min(line, len(starts)) - 1] + column
    near = f" near '{word[:40]}'" if word else ""
    return f"SQL: {said}{near}", snippet.at(max(0, end - len(word)), max(1, len(word)))


def _inspect(snippet: Snippet, sql: str, tree: exp.Expr, complaints: Complaints) -> Parsed:
    for node in tree.walk():
        _judge(snippet, node, complaints)
    tables = sorted(set(read_tables(tree)))
    return Parsed(sql=sql, tree=tree, snippet=snippet, tables=tuple(tables))


def _judge(snippet: Snippet, node: exp.Expr, complaints: Complaints) -> None:
    if isinstance(node, _REFUSED):
        message = f"{type(node).__name__.upper()} may not stand in a read-only SELECT"
        snippet.complain(complaints, "C1202", message, spot(snippet, node))
    elif isinstance(node, exp.Table):
        _judge_table(snippet, node, complaints)
    elif isinstance(node, exp.Placeholder | exp.Parameter):
        name = node.name
        found = re.search(rf"[:$]{re.escape(name)}\b|\?", snippet.text)
        written = found.group() if found else name
        if written != f":{PARAMETER}":
            at = _search(snippet, re.escape(written)) or spot(snippet, node.parent or node)
            _parameter(snippet, complaints, written, at)
    elif isinstance(node, exp.Func) and not isinstance(node.parent, exp.Table):
        _judge_function(snippet, node, complaints)
    if isinstance(node, exp.Div | exp.Cast):
        _doubt(snippet, node, complaints)
    if why := unordered(node):
        hint = "add an ORDER BY; of values that are all the same take min()"
        snippet.complain(complaints, "C1212", why, spot(snippet, node), hint=hint)


def _judge_function(snippet: Snippet, node: exp.Func, complaints: Complaints) -> None:
    why = refused(node)
    if not why:
        return
    at = spot(snippet, node)
    if "start" not in node.meta and not isinstance(node, exp.Cast):
        at = _search(snippet, rf"\b{called(node)}\b") or at
    name = snippet.source.line(at.line)[at.column - 1 : at.column - 1 + at.width].lower()
    hint = suggest(name, ALLOWED, cutoff=0.8) or "only functions of data and :reference_date"
    snippet.complain(complaints, "C1203", why.format(name=name), at, hint=hint)


def _search(snippet: Snippet, pattern: str) -> At | None:
    found = re.search(pattern, snippet.text, re.IGNORECASE)
    return snippet.at(found.start(), found.end() - found.start()) if found else None


def _judge_table(snippet: Snippet, node: exp.Table, complaints: Complaints) -> None:
    at = spot(snippet, node)
    if isinstance(node.this, exp.Func):
        if not isinstance(node.this, TABLE_FUNCTIONS):
            message = f"the table function {called(node.this)}() is not allowed in a project"
            snippet.complain(complaints, "C1203", message, at)
    elif node.args.get("db") or node.args.get("catalog"):
        message = f"'{node.name}' must be named plainly, without a schema"
        snippet.complain(complaints, "C1206", message, at)


def _parameter(snippet: Snippet, complaints: Complaints, name: str, at: At) -> None:
    hint = "the only parameter is :reference_date"
    snippet.complain(complaints, "C1205", f"unknown parameter '{name}'", at, hint=hint)


def _doubt(snippet: Snippet, node: exp.Expr, complaints: Complaints) -> None:
    """Warn of what is allowed and seldom meant."""
    code = message = ""
    if isinstance(node, exp.Cast):
        if isinstance(node.to, exp.DataType) and node.to.this in _FLOATS:
            code, message = "C1211", "a floating-point number is not exact; use DECIMAL(p,s)"
    elif not _rounded(node):
        code, message = "C1204", "this division rounds differently elsewhere; write its scale"
    if code:
        at = spot(snippet, node)
        snippet.complain(complaints, code, message, at, severity="warning")


def _rounded(node: exp.Expr) -> bool:
    """Say whether a division's scale is written down around it."""
    parent = node.parent
    while parent is not None and not isinstance(parent, exp.Query):
        if isinstance(parent, _SCALED):
            return True
        parent = parent.parent
    return False


def read_tables(node: exp.Expr, defined: frozenset[str] = frozenset()) -> list[str]:
    """Return the tables a query reads and does not define, in lower case."""
    found: list[str] = []
    with_ = node.args.get("with_")
    if isinstance(with_, exp.With):
        for cte in with_.expressions:
            name = cte.alias.lower()
            inside = defined | {name} if with_.args.get("recursive") else defined
            found += read_tables(cte.this, inside)
            defined = defined | {name}

    def elsewhere(inner: exp.Expr) -> bool:
        return inner is with_ or (inner is not node and inner.args.get("with_") is not None)

    for inner in node.walk(prune=elsewhere):
        if inner is with_:
            continue
        if elsewhere(inner):
            found += read_tables(inner, defined)
        elif isinstance(inner, exp.Table) and _is_plain(inner):
            found += {inner.name.lower()} - defined
    return found


def _is_plain(table: exp.Table) -> bool:
    return isinstance(table.this, exp.Identifier) and not table.args.get("db")
