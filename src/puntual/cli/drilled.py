"""A day opened to be looked into: its stored rows, and what may be shown of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from puntual.cli import books
from puntual.cli.sides import LocalSides
from puntual.cli.wiring import open_world
from puntual.engines.compare.rows import compare
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.model.manifest import Manifest
from puntual.model.masked import Mask, salt_of
from puntual.model.project import Project
from puntual.planner.plan import plan
from puntual.project.classified import public_columns
from puntual.project.read import read_project
from puntual.runner.checkpoint import Published
from puntual.runner.clock import SystemClock
from puntual.runner.row_names import Drill
from puntual.runner.trace import Reader
from puntual.runner.world import DayRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """What looks into a day: at rows, at one record, and through which mask."""

    project: Project
    drill: Drill
    reader: Reader
    mask: Mask


@contextmanager
def look_into(
    root: Path,
    day: date,
    committed: dict[str, Manifest],
    *,
    limit: int,
    explained: bool,
    unmask: bool,
) -> Iterator[Looking]:
    """
    Open a day that was run, for reading.

    Args:
        root: The project's folder.
        day: The reference date.
        committed: Its manifests, by step.
        limit: How many rows are named.
        explained: Also name rows that left with a reason.
        unmask: Show classified columns.

    Raises:
        ProjectError: The project cannot be read; C1004.
        PermanentError: T1002.
    """
    project = read_project(root)
    salt = salt_of(books.secret_of(root)(), committed["reconcile"].key)
    mask = Mask(public=public_columns(project), salt=salt, off=unmask)
    with open_world(project, root, SystemClock()) as world:
        reports = tuple(sorted(project.reports))
        run = DayRun(
            project=project,
            plan=plan(project, day, reports),
            world=world,
            epoch=0,
            published={n: Published(digest="", manifest=m) for n, m in committed.items()},
        )
        folder = world.objects.scratch(f"reconcile-{day.isoformat()}")
        try:
            sides = LocalSides(project.warehouse, root, folder, project.time_zone)
            drill = Drill(run=run, sides=sides, compare=compare, limit=limit, explained=explained)
            assert isinstance(world.engine, DuckDBEngine)  # noqa: S101 - wiring's own choice
            yield Looking(project=project, drill=drill, reader=world.engine.record, mask=mask)
        finally:
            world.objects.discard(folder)
