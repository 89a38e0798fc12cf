"""The digest of a row that DuckDB takes fastest; for one run alone (`docs/reference/digest.md`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from puntual.checks.comparable import declared, no_such_column
from puntual.engines.dialect.sql import quote
from puntual.model.contract import Kind

FAST = "duckdb-hash-3"

_WORD = 18
"""Digits of the largest decimal that is stored in 64 bits."""

_SHORT = 12
"""Bytes of a text that DuckDB keeps in place and hashes as two words, one after the other."""

_HASHED = frozenset({Kind.INTEGER, Kind.DATE, Kind.TIMESTAMP, Kind.BOOLEAN})
_WIDE = frozenset({"HUGEINT", "UHUGEINT"})


def fast_sql(columns: Iterable[str], types: Mapping[str, str]) -> str:
    """
    Return the fast digest of a row: a number of 64 bits, of columns with their types as they are.

    DuckDB's own hash maps values of 64 bits one to one and tells short texts apart, and is taken
    of these alone. Of longer texts and of numbers of 128 bits it is no hash: a difference in one
    half undoes one in the other, so that sequential keys of 16 digits meet by the thousand. Of
    these it gets 64 bits of the MD5. Null has the hash of some number, so whether a value is
    null is hashed beside it.

    DuckDB combines the hashes of columns by an exclusive or, so that two rows can exchange their
    last values and leave a sum as it was, once in 10^8; a hash of the hash does not add up so.

    Args:
        columns: What is digested, in order.
        types: Column → type in DuckDB's words.

    Raises:
        ProjectError: R6002 a column is not there.
    """
    return f"hash(hash({', '.join(_hashed(columns, types))}))"


def _hashed(columns: Iterable[str], types: Mapping[str, str]) -> Iterator[str]:
    for column in columns:
        if column not in types:
            raise no_such_column(column, types)
        name = quote(column)
        if _is_word(types[column]):
            yield name
        elif types[column] == "VARCHAR":
            yield f"CASE WHEN strlen({name}) <= {_SHORT} THEN hash({name}) ELSE {_md5(name)} END"
        else:
            yield _md5(f"CAST({name} AS VARCHAR)")
        yield f"{name} IS NULL"


def _md5(text: str) -> str:
    return f"CAST(md5_number({text}) >> 64 AS UBIGINT)"


def _is_word(word: str) -> bool:
    """Say whether DuckDB stores a type in at most 64 bits."""
    kind = declared(word)
    if kind is None or word in _WIDE:
        return False
    return kind.kind in _HASHED or (kind.kind is Kind.DECIMAL and kind.precision <= _WORD)
