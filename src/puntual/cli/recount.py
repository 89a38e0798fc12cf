"""Counts and sums of a package's objects, made again from their bytes (level 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.errors import ProjectError
from puntual.evidence.records import RECORD_ROOT
from puntual.evidence.verify import Line, compare_totals, manifests_of
from puntual.landing.records import record_root
from puntual.model.manifest import Manifest, Totals
from puntual.model.project import Project
from puntual.model.source import StreamSource
from puntual.ports.engine import RawDay, RawPart
from puntual.ports.objects import Objects


def recount(
    read: Callable[[str], bytes], objects: Objects, declared: Callable[[], Project]
) -> Iterator[Line]:
    """
    Yield one line for each manifest whose records can be counted again.

    Raw days are read by their contract, so the project must be at hand and unchanged; curated
    days are counted from their Parquet alone.

    Args:
        read: Reads a file of the package.
        objects: Where its objects lie.
        declared: Reads the project; raises ProjectError where none is at hand.
    """
    try:
        project: Project | None = declared()
    except ProjectError:
        project = None
    with closing(DuckDBEngine()) as engine:
        for manifest in manifests_of(read).values():
            kind = manifest.step.partition(":")[0]
            if kind == "land" and project is not None:
                yield _raw(engine, objects, project, manifest)
                yield _rooted(objects, project, manifest)
            elif kind in ("curate", "build"):
                yield _curated(engine, objects, manifest)
    if project is None:
        yield Line(level=2, ok=None, sentence="raw records were not counted: no project at hand")


def _curated(engine: DuckDBEngine, objects: Objects, made: Manifest) -> Line:
    files = tuple(objects.locate(o) for o in made.of_role("data"))
    found = engine.totals(files, (), tuple(sorted(made.totals.sums)), algorithm="")
    return _line(made, found)


def _raw(engine: DuckDBEngine, objects: Objects, project: Project, made: Manifest) -> Line:
    contract = project.contracts.get(made.dataset)
    if contract is None or made.inputs.get(contract.file) != contract.digest:
        sentence = f"{made.step}: not counted, its contract is not the one it was landed under"
        return Line(level=2, ok=None, sentence=sentence)
    parts = tuple(RawPart(uri=objects.locate(o), short=o.short) for o in made.of_role("data"))
    landed = engine.count(
        RawDay(
            contract=contract,
            reference_date=made.reference_date,
            parts=parts,
            stream=isinstance(project.sources[made.dataset], StreamSource),
        )
    )
    return _line(made, Totals(records=landed.records, sums=landed.sums))


def _rooted(objects: Objects, project: Project, made: Manifest) -> Line:
    """Make the record root again, page by page, from the raw objects."""
    stated = made.facts.get(RECORD_ROOT)
    contract = project.contracts.get(made.dataset)
    if stated is None or contract is None:
        return Line(level=1, ok=None, sentence=f"{made.step}: no record root was recorded")
    paths = [objects.locate(o) for o in made.of_role("data")]
    stream = isinstance(project.sources[made.dataset], StreamSource)
    same = record_root(paths, contract, stream=stream) == stated
    word = "is the one that was recorded" if same else "is not the one that was recorded"
    return Line(level=2, ok=same, sentence=f"{made.step}: the record root {word}")


def _line(made: Manifest, found: Totals) -> Line:
    wrong = compare_totals(made.totals, found)
    sums = "".join(f", {name} {value:,f}" for name, value in sorted(found.sums.items()))
    if wrong:
        return Line(level=2, ok=False, sentence=f"{made.step}: {'; '.join(wrong)}")
    return Line(
        level=2, ok=True, sentence=f"{made.step}: {found.records:,} records{sums}, counted again"
    )
