"""Counts, exact sums and key digests of Parquet files, as `docs/reference/digest.md` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from puntual.checks.comparable import not_exact, numbers_of_texts
from puntual.checks.encoding import ALGORITHM
from puntual.engines.dialect.loads import no_rows
from puntual.engines.spark.digest import encoding_sql, half_of, halves, sums_of_half
from puntual.engines.spark.files import scan
from puntual.engines.spark.sums import exact_sum
from puntual.engines.spark.types import declared
from puntual.model.contract import ColumnType
from puntual.model.manifest import Totals


def totals(
    spark: SparkSession,
    files: tuple[str, ...],
    key: Sequence[str],
    measures: Sequence[str],
    *,
    algorithm: str,
    without: tuple[str, ...] = (),
    types: Mapping[str, ColumnType] | None = None,
) -> Totals:
    """
    Count, sum and digest rows; over no file everything is zero; see the port.

    Raises:
        ProjectError: R6001 a column of the digest is not of an exact type.
        ValueError: There is no such algorithm here.
    """
    taken = bool(key) and algorithm != ""
    if taken and algorithm != ALGORITHM:
        raise ValueError(f"no such digest algorithm on Spark: {algorithm}")
    if not files:
        return no_rows(tuple(measures), algorithm if taken else "")
    rows = scan(spark, files)
    if without:
        rows = rows.join(
            scan(spark, without).select("_object", "_position"),
            ["_object", "_position"],
            "left_anti",
        )
    asked = [F.count("*"), *(exact_sum(rows, m) for m in measures)]
    if taken:
        columns = tuple(dict.fromkeys((*key, *measures)))
        rows = _as_numbers(rows, types or {})
        found = {f.name: f.dataType for f in rows.schema.fields}
        kinds: dict[str, ColumnType] = {}
        for name in columns:
            kind = (types or {}).get(name, declared(found[name]))
            if kind is None:
                raise not_exact(name, found[name].simpleString())
            kinds[name] = kind
        both = halves(encoding_sql(columns, found, kinds))
        # Made before the sums, so that each row's is made once.
        rows = rows.withColumns({f"puntual half {i}": F.expr(half) for i, half in enumerate(both)})
        asked += [F.expr(s) for i in (0, 1) for s in sums_of_half(f"`puntual half {i}`")]
    (answer,) = rows.agg(*asked).collect()
    amounts, parts = answer[1 : 1 + len(measures)], answer[1 + len(measures) :]
    digest = ":".join(str(half_of(*parts[i : i + 2])) for i in range(0, len(parts), 2))
    return Totals(
        records=answer[0],
        sums={m: Decimal(a or 0) for m, a in zip(measures, amounts, strict=True)},
        key_digest=digest if taken and answer[0] else "0" if taken else "",
        algorithm=algorithm if taken else "",
    )


def _as_numbers(rows: DataFrame, types: Mapping[str, ColumnType]) -> DataFrame:
    """Read texts as the numbers that are asked for; null where a text is none."""
    found = {f.name: declared(f.dataType) for f in rows.schema.fields}
    for name, kind in numbers_of_texts(found, types).items():
        word = f"DECIMAL({kind.precision},{kind.scale})"
        rows = rows.withColumn(name, F.expr(f"TRY_CAST(`{name}` AS {word})"))
    return rows
