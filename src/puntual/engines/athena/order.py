"""Puts rows into the order that a SELECT asked for and UNLOAD did not keep."""

from __future__ import annotations

from typing import Any

import duckdb

from puntual.engines.athena.compile import Key
from puntual.engines.dialect.sql import quote


def ordered(rows: Any, keys: tuple[Key, ...]) -> Any:
    """
    Return an Arrow table's rows in DuckDB's order of these keys; text by its bytes.

    Args:
        rows: The table; the keys are columns of it.
        keys: In order; none: the rows as they are.
    """
    if not keys:
        return rows
    terms = ", ".join(
        f"{quote(key.name)} {'DESC' if key.descending else 'ASC'} "
        f"NULLS {'FIRST' if key.nulls_first else 'LAST'}"
        for key in keys
    )
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows", rows)
        return connection.sql(f"SELECT * FROM rows ORDER BY {terms}").to_arrow_table()
