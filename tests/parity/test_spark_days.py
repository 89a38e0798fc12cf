"""
A day comes out the same on DuckDB and on Spark, step by step.

One of the example project, with records that come twice and rubbish in its stream; two of a real
bank (`acceptance/berka`), the second one with the source's cut line.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from acceptance.berka.prepare import ORIGINAL, prepare
from support.spark import QUIET_SOCKETS, spark, spark_engine

from puntual.checks.encoding import ALGORITHM
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.landing.arrivals import SCHEMA
from puntual.local.database import LocalDatabases
from puntual.model.project import Project
from puntual.model.source import DatabaseSource
from puntual.ports.engine import Built, Curated, Day, Engine, Offending, RawDay, RawPart
from puntual.project.read import read_project

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["spark"]
pytestmark = QUIET_SOCKETS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/credit-report"
DAY = date(2026, 11, 20)
BERKA_DAYS = (date(1994, 3, 30), date(1994, 3, 31))


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A day whose raw objects lie there."""

    project: Project
    day: date
    raw: dict[str, RawDay]


@dataclass(kw_only=True)
class Made:
    """What one engine made of the day."""

    engine: Engine
    curated: dict[str, Curated] = field(default_factory=dict)
    built: dict[str, Built] = field(default_factory=dict)
    found: dict[str, Offending] = field(default_factory=dict)

    def tables(self) -> Mapping[str, tuple[str, ...]]:
        made: dict[str, Curated | Built] = {**self.curated, **self.built}
        return {name: tuple(f.path for f in m.files) for name, m in made.items()}


def example(folder: Path) -> Landed:
    """Generate the example's data, and lay the day's raw objects down."""
    spec = importlib.util.spec_from_file_location("example_generate", EXAMPLE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module.generate(folder)
    events = (folder / f"data/card_events/{DAY}.jsonl").read_bytes().splitlines()
    # Two objects; the second one brings records of the first again, and rubbish.
    batches = [
        events[: len(events) // 2],
        [*events[len(events) // 2 :], *events[:5], b"{", b"\xff"],
    ]
    parts: dict[str, list[str]] = {"card_events": []}
    for number, lines in enumerate(batches):
        rows = {
            "shard": [f"shard-{number}"] * len(lines),
            "sequence": [str(n) for n in range(len(lines))],
            "arrived_at": [datetime(2026, 11, 21, 3, tzinfo=UTC)] * len(lines),
            "partition_key": ["k"] * len(lines),
            "payload": lines,
        }
        path = folder / f"stream{number}.parquet"
        pq.write_table(pa.table(rows, schema=SCHEMA), path)
        parts["card_events"].append(str(path))
    inbox = sorted((folder / "inbox").glob(f"branch_{DAY:%Y%m%d}_*.csv"))
    parts["branch_movements"] = [str(path) for path in inbox]
    return landed(read_project(EXAMPLE), DAY, folder, parts)


def berka(folder: Path, day: date) -> Landed:
    """Lay a day of the Berka bank down: the bank's own lines, and five tables whole."""
    if not ORIGINAL.is_dir():
        pytest.skip(f"the Berka data is not at {ORIGINAL}")
    prepare(folder)
    parts = {"trans": [str(folder / f"inbox/trans_{day:%Y%m%d}.csv")]}
    return landed(read_project(folder), day, folder, parts)


def landed(project: Project, day: date, folder: Path, parts: dict[str, list[str]]) -> Landed:
    """Extract what databases hold, beside the parts that are there."""
    parts = dict(parts)
    for name, source in project.sources.items():
        if isinstance(source, DatabaseSource):
            (out := folder / "extracts" / name).mkdir(parents=True)
            extract = LocalDatabases(folder).extract(source, project.contracts[name], day, str(out))
            parts[name] = [extract.path]
    raw = {
        name: RawDay(
            contract=project.contracts[name],
            reference_date=day,
            parts=tuple(
                RawPart(uri=path, short=f"{number:012x}") for number, path in enumerate(paths)
            ),
            stream=name == "card_events",
        )
        for name, paths in parts.items()
    }
    return Landed(project=project, day=day, raw=raw)


@pytest.fixture(scope="module", params=[DAY, *BERKA_DAYS], ids=["example", "berka", "berka, cut"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Landed:
    """Give a day of a project."""
    folder = tmp_path_factory.mktemp("landed")
    return example(folder) if request.param == DAY else berka(folder, request.param)


@pytest.fixture(scope="module")
def asked() -> None:
    """Leave it to `make parity`: tests/aws runs a day of this project on Spark in every CI run."""
    if "EXAMPLES" not in os.environ:
        pytest.skip("`make parity` runs it: Spark takes a minute for it")


@pytest.fixture(scope="module")
def both(
    asked: None, spark: SparkSession, case: Landed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Made, Made]]:
    """Carry the day out on both engines."""
    scratch = tmp_path_factory.mktemp("engines")
    duck = Made(engine=DuckDBEngine(threads=2, temporary=str(scratch)))
    sparked = Made(engine=spark_engine(spark, str(scratch)))
    project = case.project
    for made, name in ((duck, "duckdb"), (sparked, "spark")):
        (out := scratch / name).mkdir()
        for source, day in case.raw.items():
            made.curated[source] = made.engine.curate(day, str(out))
        for model in project.models.values():
            day_seen = Day(reference_date=case.day, zone=project.time_zone, tables=made.tables())
            made.built[model.name] = made.engine.build(model, day_seen, str(out))
        seen = Day(reference_date=case.day, zone=project.time_zone, tables=made.tables())
        for check in project.checks.values():
            dataset = project.contracts.get(check.dataset) or project.models[check.dataset]
            measures = tuple(m.column for m in dataset.measures)
            made.found[check.id] = made.engine.offending(check, measures, seen, str(out))
    yield duck, sparked
    duck.engine.close()  # type: ignore[attr-defined]
    sparked.engine.close()  # type: ignore[attr-defined]


def rows(paths: tuple[str, ...]) -> list[dict[str, object]]:
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def digest(made: Made, paths: tuple[str, ...]) -> str:
    """Digest every column by the engine's own means."""
    columns = tuple(pq.read_schema(paths[0]).names)
    return made.engine.totals(paths, columns, (), algorithm=ALGORITHM).key_digest


def test_every_source_is_curated_into_the_same_rows_in_the_same_order(
    both: tuple[Made, Made],
) -> None:
    duck, sparked = both
    for name, mine in duck.curated.items():
        theirs = sparked.curated[name]
        one, two = duck.tables()[name], sparked.tables()[name]
        assert rows(two) == rows(one), name
        assert pq.read_schema(two[0]).types == pq.read_schema(one[0]).types, name
        assert digest(sparked, two) == digest(duck, one), name
        assert theirs.totals == mine.totals
        assert sum(f.records for f in theirs.files) == mine.totals.records


def test_what_is_set_aside_is_the_same_with_class_reason_and_place(
    both: tuple[Made, Made], case: Landed
) -> None:
    duck, sparked = both
    for name, mine in duck.curated.items():
        theirs = sparked.curated[name]
        assert rows((theirs.set_aside_path,)) == rows((mine.set_aside_path,)), name
        assert theirs.set_aside == mine.set_aside
        assert theirs.conflicts == mine.conflicts
    classes = {c for m in duck.curated.values() for c, _ in m.set_aside}
    expected = {DAY: {"quarantined", "duplicate"}, BERKA_DAYS[1]: {"quarantined"}}
    assert classes >= expected.get(case.day, set())


def test_every_model_gives_the_same_rows_types_and_totals(both: tuple[Made, Made]) -> None:
    duck, sparked = both
    for name, mine in duck.built.items():
        theirs = sparked.built[name]
        one, two = duck.tables()[name], sparked.tables()[name]
        assert rows(two) == rows(one), name
        assert digest(sparked, two) == digest(duck, one), name
        assert (theirs.columns, theirs.totals) == (mine.columns, mine.totals)


def test_every_check_finds_the_same_rows(both: tuple[Made, Made]) -> None:
    duck, sparked = both
    for name, mine in duck.found.items():
        theirs = sparked.found[name]
        assert theirs.rows == mine.rows, name
        assert theirs.amounts == mine.amounts, name
        assert (theirs.sample, theirs.observed) == (mine.sample, mine.observed), name
        assert bool(theirs.path) == bool(mine.path)
        if mine.path:
            assert rows((theirs.path,)) == rows((mine.path,)), name
    assert any(found.path for found in duck.found.values())


def test_a_days_records_are_counted_and_summed_alike(both: tuple[Made, Made], case: Landed) -> None:
    duck, sparked = both
    for name, day in case.raw.items():
        assert sparked.engine.count(day) == duck.engine.count(day), name


def test_the_emergency_report_on_raw_answers_alike(
    both: tuple[Made, Made], case: Landed, tmp_path: Path
) -> None:
    if case.day != DAY:
        pytest.skip("the bank's report has no plan B")
    duck, _ = both
    tables = {n: f for n, f in duck.tables().items() if n in case.raw and n != "branch_movements"}
    sql = (EXAMPLE / "reports/credit_daily/emergency.sql").read_text()
    answers = [
        made.engine.ask_raw(case.raw["branch_movements"], (sql,), tables, str(tmp_path))
        for made in both
    ]
    assert answers[1] == answers[0]
