"""The digest of a row that DuckDB takes fastest; for one run alone (`docs/reference/digest.md`)."""

from __future__ import annotations

from collections.abc import Iterable

from puntual.engines.dialect.sql import quote

FAST = "duckdb-hash-2"


def fast_sql(columns: Iterable[str]) -> str:
    """
    Return the fast digest of a row: a number of 64 bits, of columns with their types as they are.

    DuckDB combines the hashes of columns by an exclusive or, so that two rows can exchange their
    last values and leave a sum as it was, once in 10^8; a hash of the hash does not add up so.
    """
    return f"hash(hash({', '.join(map(quote, columns))}))"
