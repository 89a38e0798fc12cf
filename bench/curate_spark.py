"""
Curate the bench day and build its model with puntual's engine on Spark, in local mode.

`python -m bench.curate_spark ROWS` runs it beside `by_hand_pyspark.py`, which does less (no
quarantine, no counting before, no digest) and more (a table of each dataset, the report), and
prints both. The digest is what shows that the model is DuckDB's; a deployed curation makes none.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from bench.generate import DAY, day_made
from bench.meter import Usage, measure

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
DIGEST = "digest of every column of the model: "


def carry_out(inbox: Path, out: Path) -> None:
    """Curate the three sources and build the model, from the files of `inbox` into `out`."""
    from pyspark.sql import SparkSession

    from puntual.checks.encoding import ALGORITHM
    from puntual.engines.duckdb.engine import DuckDBEngine
    from puntual.engines.duckdb.reader import DuckDBReader
    from puntual.engines.spark.engine import SparkEngine
    from puntual.ports.engine import Day, RawDay, RawPart
    from puntual.project.read import read_project

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = (
        SparkSession.builder.master("local[*]")
        .appName("puntual")
        .config("spark.driver.memory", "6g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    project = read_project(HERE / "project")
    engine = SparkEngine(
        reader=DuckDBReader(), beside=DuckDBEngine(temporary=str(out)), spark=spark
    )
    tables: dict[str, tuple[str, ...]] = {}
    for name, contract in project.contracts.items():
        began = time.perf_counter()
        files = sorted(f for f in inbox.glob(f"{name}_*") if f.suffix != ".ok")
        parts = tuple(RawPart(uri=str(f), short=f"{n:012x}") for n, f in enumerate(files))
        raw = RawDay(contract=contract, reference_date=DAY, parts=parts)
        landed = engine.count(raw)
        curated = engine.curate(raw, str(out))
        tables[name] = tuple(f.path for f in curated.files)
        took = time.perf_counter() - began
        print(f"{name}: {landed.records:,} landed, {curated.totals.records:,} stay, {took:.1f} s")
    day = Day(reference_date=DAY, zone=project.time_zone, tables=tables)
    for model in project.models.values():
        began = time.perf_counter()
        built = engine.build(model, day, str(out))
        took = time.perf_counter() - began
        print(f"{model.name}: {built.totals.records:,} rows, {took:.1f} s")
        began = time.perf_counter()
        paths = tuple(f.path for f in built.files)
        columns = tuple(name for name, _ in built.columns)
        found = engine.totals(paths, columns, (), algorithm=ALGORITHM)
        took = time.perf_counter() - began
        print(f"{DIGEST}{took:.1f} s, {found.key_digest}")
    spark.stop()


def main(rows: int) -> None:
    """Run both on a day of so many events, one after the other."""
    day = day_made(WORK, rows)
    took: dict[str, Usage] = {}
    script = str(HERE / "by_hand_pyspark.py")
    for name, command in {
        "puntual on Spark": [sys.executable, "-m", "bench.curate_spark"],
        "PySpark by hand": [sys.executable, script],
    }.items():
        out = day / f"spark-{name.split()[0]}"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        places = [str(day / "inbox"), str(out)]
        usage = took[name] = measure([*command, *places], folder=HERE.parent)
        # The JVM is no child that is waited for, so its processor time is not told.
        print(f"{name}: {usage.seconds:.1f} s, exit {usage.exit}")
        print(usage.output[-2000:])
        shutil.rmtree(out, ignore_errors=True)
    ours, theirs = took.values()
    digest = sum(
        float(line.removeprefix(DIGEST).split()[0])
        for line in ours.output.splitlines()
        if line.startswith(DIGEST)
    )
    print(f"{ours.seconds / theirs.seconds:.2f} x the time")
    print(f"{(ours.seconds - digest) / theirs.seconds:.2f} x without the digest, our proof")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(int(sys.argv[1]))
    else:
        carry_out(Path(sys.argv[1]), Path(sys.argv[2]))
