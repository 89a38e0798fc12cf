"""
What columns look like, mostly from what Parquet says of itself.

Nulls and ranges stand in each file's footer, so that a day of any size costs a few milliseconds;
distinct values are estimated over the first rows, which is all that is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from puntual.engines.dialect.sql import literal, quote
from puntual.engines.duckdb.session import Row, Session
from puntual.model.profile import ColumnProfile
from puntual.ports.engine import DataFile

LOOKED_AT = 500_000
"""Rows of a day from which distinct values are estimated: a third of a percent of a large day."""

LONGEST = 64
"""Characters of a text that is kept as a range's end."""


def profile(
    session: Session, files: Sequence[DataFile], columns: Sequence[tuple[str, str]]
) -> tuple[ColumnProfile, ...]:
    """
    Describe the columns of a dataset's day; see `Engine.profile`.

    Raises:
        PermanentError: T3002 a file cannot be read; T3001.
    """
    held = [f for f in files if f.records]
    if not held or not columns:
        return tuple(
            ColumnProfile(name=n, type=t, nulls=0, distinct=0, looked_at=0) for n, t in columns
        )
    said = _footers(session, held)
    first, looked_at = _first_rows(held)
    counts = session.row(
        f"SELECT {', '.join(f'approx_count_distinct({quote(n)})' for n, _ in columns)} FROM {first}"
    )
    return tuple(
        _column(name, kind, said.get(name, []), int(str(count)), looked_at)
        for (name, kind), count in zip(columns, counts, strict=True)
    )


def _footers(session: Session, files: Sequence[DataFile]) -> dict[str, list[Row]]:
    """Return (nulls, smallest, largest, values) of each row group, by column."""
    listed = ", ".join(literal(f.path) for f in files)
    rows = session.rows(
        "SELECT path_in_schema, stats_null_count, stats_min_value, stats_max_value, num_values, "
        "coalesce(min_is_exact, true) AND coalesce(max_is_exact, true) "
        f"FROM parquet_metadata([{listed}])"
    )
    found: dict[str, list[Row]] = {}
    for name, *said in rows:
        found.setdefault(str(name), []).append(tuple(said))
    return found


def _first_rows(files: Sequence[DataFile]) -> tuple[str, int]:
    """Return a source of the first file's first rows, and how many they are."""
    file = files[0]
    source = f"read_parquet({literal(file.path)}, hive_partitioning = false)"
    if file.records <= LOOKED_AT:
        return source, file.records
    return f"(SELECT * FROM {source} LIMIT {LOOKED_AT})", LOOKED_AT


def _column(
    name: str, kind: str, groups: Sequence[Row], distinct: int, looked_at: int
) -> ColumnProfile:
    nulls = [g[0] for g in groups]
    smallest = _end(kind, [(g[1], g) for g in groups], largest=False)
    largest = _end(kind, [(g[2], g) for g in groups], largest=True)
    return ColumnProfile(
        name=name,
        type=kind,
        nulls=None if None in nulls or not groups else sum(int(str(n)) for n in nulls),
        distinct=distinct,
        looked_at=looked_at,
        minimum=smallest,
        maximum=largest,
    )


def _end(kind: str, said: Sequence[tuple[object, Row]], *, largest: bool) -> str | None:
    """Return an end of a range; None where one group that has values does not say it exactly."""
    texts = []
    for text, (nulls, _, _, values, exact) in said:
        if text is None and nulls == values:
            continue
        if text is None or not exact:
            return None
        texts.append(str(text))
    if not texts:
        return None
    found = _ordered(kind, texts)[-1 if largest else 0]
    return found if len(found) <= LONGEST else None


def _ordered(kind: str, texts: Iterable[str]) -> list[str]:
    """Order texts as the values that they are: numbers as numbers, days and texts as texts."""
    if kind.startswith("DECIMAL") or kind.endswith("INT") or kind == "INTEGER":
        return sorted(texts, key=Decimal)
    return sorted(texts)
