"""
SQL expressions that turn a record's text into a typed value, or null when it is none.

A value is never rounded, trimmed or guessed: what DuckDB's casts would let through
(`1.005` as 1.01, `1_000`, `2026-2-3`, `epoch`) is refused by the form of its text first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from puntual.engines.dialect.sql import literal, type_sql
from puntual.model.contract import Column, Kind

WRONG = {
    Kind.TEXT: "bad_encoding",
    Kind.INTEGER: "not_an_integer",
    Kind.DECIMAL: "not_a_decimal",
    Kind.DATE: "not_a_date",
    Kind.TIMESTAMP: "not_a_timestamp",
    Kind.BOOLEAN: "not_a_boolean",
}
"""Reason of a value that is not of its column's type."""

_ISO_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ISO_STAMP = (
    _ISO_DATE + r"[T ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_EXPONENT = r"-?[0-9]{1,60}(?:\.[0-9]{1,60})?[eE][+-]?[0-9]{1,2}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """How numbers are written: marks, and whether `1e3` is one (JSON's numbers only)."""

    decimal_mark: str = "."
    group_mark: str | None = None
    exponents: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """
    Where a column's value comes from in a record.

    Attributes:
        sql: Expression of its text; of its value itself when `typed`.
        typed: The expression has the column's type already, or a type that casts to it
            without loss or not at all.
    """

    sql: str
    typed: bool = False


def value_sql(column: Column, text: str, numbers: Numbers) -> str:
    """
    Return an expression of the column's type: null where the text is no such value.

    Args:
        column: What is read.
        text: Expression of the text.
        numbers: How numbers are written.
    """
    match column.type.kind:
        case Kind.TEXT:
            return text
        case Kind.INTEGER:
            return _integer(text, numbers)
        case Kind.DECIMAL:
            return _decimal(column, text, numbers)
        case Kind.DATE:
            return _date(column, text)
        case Kind.TIMESTAMP:
            return _timestamp(column, text)
        case Kind.BOOLEAN:
            return f"CASE {text} WHEN 'true' THEN true WHEN '1' THEN true " + (
                "WHEN 'false' THEN false WHEN '0' THEN false END"
            )
        case _:
            assert_never(column.type.kind)


def exact_sql(column: Column, value: str, type_name: str) -> Cell:
    """
    Say how a typed column of a Parquet object is read: as it is, or through its text.

    A float is no decimal and no integer, whatever it holds (design 4.5).
    """
    wanted = type_sql(column.type)
    if type_name == wanted:
        return Cell(sql=value, typed=True)
    if type_name in ("FLOAT", "DOUBLE") and column.type.kind in (Kind.DECIMAL, Kind.INTEGER):
        return Cell(sql=f"CASE WHEN {value} IS NOT NULL THEN 'float' END")
    if type_name == "BLOB":
        return Cell(sql=f"TRY(decode({value}))")
    if type_name.startswith("TIMESTAMP") and column.type.kind is Kind.TIMESTAMP:
        return Cell(sql=f"CAST({value} AS {wanted})", typed=True)
    return Cell(sql=f"CAST({value} AS VARCHAR)")


def rule_sql(column: Column, text: str, value: str, wrong: str | None) -> list[tuple[str, str]]:
    """
    Return (condition, reason) of what quarantines a record for this column, in order.

    Args:
        column: What is read.
        text: Expression of the text; null when there is none.
        value: Expression of the typed value.
        wrong: Reason of a value that is not of its type; None where that cannot be.
    """
    rules = []
    if column.required:
        rules.append((f"{text} IS NULL", "required"))
    if wrong is not None:
        rules.append((f"{value} IS NULL AND {text} IS NOT NULL", wrong))
    if column.pattern is not None:
        full = f"regexp_full_match(CAST({value} AS VARCHAR), {literal(column.pattern)})"
        rules.append((f"{value} IS NOT NULL AND NOT {full}", "pattern"))
    if column.accepted is not None:
        kind = type_sql(column.type)
        listed = ", ".join(f"TRY_CAST({literal(a)} AS {kind})" for a in column.accepted)
        inside = f"coalesce({value} IN ({listed}), false)" if listed else "false"
        rules.append((f"{value} IS NOT NULL AND NOT {inside}", "not_accepted"))
    return rules


def _plain(text: str, numbers: Numbers) -> str:
    """Return a number's text with a point and no group marks; a wrong form gives a wrong text."""
    plain = text
    if numbers.group_mark is not None:
        mark = _escape(numbers.group_mark)
        point = _escape(numbers.decimal_mark)
        form = f"[+-]?(?:[0-9]+|[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+)(?:{point}[0-9]+)?"
        bare = f"replace({text}, {literal(numbers.group_mark)}, '')"
        plain = f"CASE WHEN regexp_full_match({text}, {literal(form)}) THEN {bare} ELSE '' END"
    if numbers.decimal_mark != ".":
        # A point where the mark is a comma is no number: it must not be read as thousands.
        plain = f"replace(replace({plain}, '.', 'x'), {literal(numbers.decimal_mark)}, '.')"
    return plain


def _number(text: str, form: str, cast: Callable[[str], str], numbers: Numbers) -> str:
    """
    Return the cast of the texts that have a form.

    Where exponents are numbers, a text of another form is tried with its point moved.
    """
    plain = _plain(text, numbers)
    found = f"WHEN regexp_full_match({plain}, {literal(form)}) THEN {cast(plain)}"
    if numbers.exponents:
        again = f"CASE WHEN regexp_full_match(n, {literal(form)}) THEN {cast('n')} END"
        moved = f"list_transform([{_expanded(text)}], lambda n: {again})[1]"
        found += f" WHEN regexp_full_match({text}, {literal(_EXPONENT)}) THEN {moved}"
    return f"CASE {found} END"


def _expanded(text: str) -> str:
    """
    Write `-1.25e3` as `-1250` by moving the point in the text, so that no digit changes.

    At most two digits of exponent: `1e999999999` is not expanded (`failures.md` h14).
    """
    parts = (
        f"regexp_extract({text}, '^(-?)([0-9]+)(?:\\.([0-9]+))?[eE]([+-]?[0-9]{{1,2}})$', "
        "['s', 'i', 'f', 'e'])"
    )
    digits = "(x.i || x.f)"
    places = "(length(x.f) - CAST(x.e AS INTEGER))"
    padded = f"lpad({digits}, greatest(length({digits}), {places} + 1)::INTEGER, '0')"
    grown = f"rpad({digits}, (length({digits}) - least({places}, 0))::INTEGER, '0')"
    written = (
        f"x.s || CASE WHEN {places} <= 0 THEN {grown} "
        f"ELSE left({padded}, -{places}) || '.' || right({padded}, {places}) END"
    )
    return f"list_transform([{parts}], lambda x: {written})[1]"


def _integer(text: str, numbers: Numbers) -> str:
    if numbers.exponents:
        return _number(
            text,
            r"[+-]?[0-9]{1,160}(?:\.0+)?",
            lambda n: f"TRY_CAST(split_part({n}, '.', 1) AS BIGINT)",
            numbers,
        )
    return _number(text, "[+-]?[0-9]{1,160}", lambda n: f"TRY_CAST({n} AS BIGINT)", numbers)


def _decimal(column: Column, text: str, numbers: Numbers) -> str:
    scale = column.type.scale
    decimals = rf"(?:\.[0-9]{{1,{scale}}}0*)?" if scale else r"(?:\.0+)?"
    kind = type_sql(column.type)
    form = "[+-]?[0-9]{1,160}" + decimals
    slow = _number(text, form, lambda n: f"TRY_CAST({n} AS {kind})", numbers)
    if numbers.decimal_mark != "." or numbers.group_mark is not None:
        return slow
    # A text that the value would be written as needs no look at its form.
    value = f"TRY_CAST({text} AS {kind})"
    return f"CASE WHEN {value}::VARCHAR = {text} THEN {value} ELSE {slow} END"


def _date(column: Column, text: str) -> str:
    if column.format is not None:
        parsed = f"CAST(try_strptime({text}, {literal(column.format)}) AS DATE)"
        return f"CASE WHEN year({parsed}) BETWEEN 1 AND 9999 THEN {parsed} END"
    return (
        f"CASE WHEN regexp_full_match({text}, {literal(_ISO_DATE)}) "
        f"AND NOT starts_with({text}, '0000') THEN TRY_CAST({text} AS DATE) END"
    )


def _timestamp(column: Column, text: str) -> str:
    kind = type_sql(column.type)
    if column.format is not None:
        parsed = f"CAST(try_strptime({text}, {literal(column.format)}) AS {kind})"
        return f"CASE WHEN year({parsed}) BETWEEN 1 AND 9999 THEN {parsed} END"
    return (
        f"CASE WHEN regexp_full_match({text}, {literal(_ISO_STAMP)}) "
        f"AND NOT starts_with({text}, '0000') THEN TRY_CAST({text} AS {kind}) END"
    )


def _escape(mark: str) -> str:
    """Write a mark for RE2 so that it stands for itself."""
    return "".join(c if c.isalnum() or ord(c) > 127 else f"\\{c}" for c in mark)
