"""A day that another engine made is the same by its rows, whatever bytes they were written as."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from support.small import DAY, drop, run_day, vouch
from support.small import write_project as write

from puntual.checks.encoding import ALGORITHM
from puntual.cli import places
from puntual.cli.lakes import Lake
from puntual.cli.replayer import reports_of
from puntual.cli.trial import Share, open_trial
from puntual.evidence.manifest import encode
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.model.manifest import Digest, Manifest
from puntual.planner.plan import plan
from puntual.project.program import code_digest
from puntual.project.read import read_project
from puntual.runner import checkpoint
from puntual.runner.clock import SystemClock
from puntual.runner.replay import Archive, Replayed, batches, replay, world_run
from puntual.runner.world import World

STEPS = ("curate:payments", "build:movements")
AS_IT_IS = "SELECT * FROM rows"
A_CENT = "SELECT * REPLACE (CAST(amount + 0.01 AS DECIMAL(18, 2)) AS amount) FROM rows"
EXCHANGED = """\
SELECT * REPLACE (CASE payment_id WHEN 'p1' THEN 'p2' WHEN 'p2' THEN 'p1' ELSE payment_id END
AS payment_id) FROM rows"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("delivered")
    write(root)
    drop(root, tuple(f"p{i};c{i % 2};{i}.50;{DAY}" for i in range(1, 5)))
    vouch(root, 4, "12.00")
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    return root


class Deployed:
    """The day of the project as another engine would have published it."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self.objects = LocalObjects(places.lake_path(root))
        with closing(SqlitePointers(places.pointers_path(root))) as pointers:
            self.archive = Archive(objects=self.objects, names=pointers.read_prefix(""))
        self.day = date.fromisoformat(DAY)
        (self.digests,) = batches(self.archive, reports_of(self.archive.names, self.day), self.day)

    def manifest(self, step: str) -> Manifest:
        return checkpoint.read_manifest(self.objects, self.digests[step])

    def written_otherwise(self, step: str, sql: str) -> None:
        """Write a step's rows as other bytes, in two files and the other order, after a SELECT."""
        made = self.manifest(step)
        (data,) = made.of_role("data")
        halves = []
        with duckdb.connect() as connection:
            connection.execute(f"CREATE VIEW rows AS FROM '{self.objects.locate(data)}'")
            for number, half in enumerate(("<= 3", "> 3")):
                file = self.folder / f"{step.replace(':', '-')}-{number}.parquet"
                connection.execute(
                    f"COPY (FROM ({sql}) WHERE _position {half} ORDER BY _position DESC) "
                    f"TO '{file}' (FORMAT parquet, COMPRESSION gzip)"
                )
                halves.append(
                    self.objects.put_file("curated/other", str(file), suffix=".parquet", records=2)
                )
        others = tuple(o for o in made.objects if o.role != "data")
        self.publish(step, replace(made, objects=(*halves, *others)))

    def publish(self, step: str, made: Manifest) -> None:
        stored = self.objects.put_bytes(
            checkpoint.MANIFESTS, encode(made), suffix=".json", role="manifest"
        )
        self.digests[step] = stored.sha256

    def replayed(self, *, same_engine: bool = False) -> Replayed:
        project = read_project(self.root)
        digests: dict[str, Digest] = dict(self.digests)
        with self._trial(portable=not same_engine) as world:
            planned = plan(project, self.day, reports_of(self.archive.names, self.day))
            run = world_run(project, planned, world)
            return replay(run, self.archive, digests, same_engine=same_engine)

    @contextmanager
    def _trial(self, *, portable: bool) -> Iterator[World]:
        trial = self.folder / "trial"
        trial.mkdir()
        lake = Lake(objects=self.objects, folder=places.lake_path(self.root), secret=None)
        with open_trial(
            trial, lake, trial / "w.duckdb", code=code_digest(), clock=SystemClock(),
            share=Share(memory="400MB", threads=1), portable=portable,
        ) as world:  # fmt: skip
            yield world


@pytest.fixture
def there(root: Path, tmp_path: Path) -> Deployed:
    return Deployed(root, tmp_path)


def _told(found: Replayed) -> list[tuple[str, str]]:
    return [(d.step, d.about) for d in found.differences]


def test_other_bytes_of_the_same_rows_are_the_same_day(there: Deployed) -> None:
    for step in STEPS:
        there.written_otherwise(step, AS_IT_IS)
    found = there.replayed()
    # the digests of the load are those of this machine's warehouse, and that has its own way
    assert [d for d in found.differences if d.step != "reconcile"] == []
    assert {*found.digests} == {
        "curate:payments data", "curate:payments set_aside", "build:movements data",
    }  # fmt: skip
    assert all(f"rows, {ALGORITHM} " in digest for digest in found.digests.values())


def test_by_the_same_engine_other_bytes_are_another_day(there: Deployed) -> None:
    there.written_otherwise("curate:payments", AS_IT_IS)
    first = there.replayed(same_engine=True).differences[0]
    assert first.step == "curate:payments"
    assert first.about.startswith("file data")


@pytest.mark.parametrize("altered", [A_CENT, EXCHANGED], ids=["a cent", "exchanged"])
def test_one_altered_value_that_another_engine_wrote_is_found_by_the_rows(
    there: Deployed, altered: str
) -> None:
    there.written_otherwise("build:movements", altered)
    found = there.replayed()
    assert ("build:movements", "rows data") in _told(found)
    assert "build:movements data" not in found.digests
    (rows,) = [d for d in found.differences if d.about == "rows data"]
    assert rows.was != rows.now
    assert rows.because == (), "what another engine wrote otherwise is no cause by itself"


def test_what_another_engine_wrote_and_is_damaged_is_no_same_day(there: Deployed) -> None:
    there.written_otherwise("build:movements", AS_IT_IS)
    data = there.manifest("build:movements").of_role("data")[0]
    path = Path(there.objects.locate(data))
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    fresh = Deployed(there.root, there.folder)
    fresh.digests = there.digests
    (rows,) = [d for d in fresh.replayed().differences if d.about == "rows data"]
    assert rows.was.startswith("V1002")
    assert f"rows, {ALGORITHM} " in rows.now
