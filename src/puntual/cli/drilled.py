"""A day opened to be looked into: its stored rows, and what may be shown of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from puntual.cli import books
from puntual.cli.sides import LocalSides
from puntual.cli.stocked import away
from puntual.cli.vantage import There, Vantage
from puntual.cli.wiring import open_world
from puntual.engines.compare.rows import compare
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.model.manifest import Manifest
from puntual.model.masked import Mask, salt_of
from puntual.model.project import Project
from puntual.planner.plan import plan
from puntual.ports.sides import Sides
from puntual.project.classified import public_columns
from puntual.runner.checkpoint import Published
from puntual.runner.clock import SystemClock
from puntual.runner.row_names import Drill
from puntual.runner.trace import Reader
from puntual.runner.world import DayRun, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """What looks into a day: at rows, at one record, and through which mask."""

    project: Project
    drill: Drill
    reader: Reader
    mask: Mask


@contextmanager
def look_into(
    place: Vantage,
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
        place: Where it was run.
        day: The reference date.
        committed: Its manifests, by step.
        limit: How many rows are named.
        explained: Also name rows that left with a reason.
        unmask: Show classified columns.

    Raises:
        ProjectError: The project cannot be read; C1004.
        TransientError: T5001, T5002, T5003.
        PermanentError: T1002, T5004-T5009.
    """
    project = place.project()
    with _world(place, project) as (world, secret):
        salt = salt_of(secret(), committed["reconcile"].key)
        mask = Mask(public=public_columns(project), salt=salt, off=unmask)
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
            sides = _sides(place, project, world, folder)
            drill = Drill(run=run, sides=sides, compare=compare, limit=limit, explained=explained)
            assert isinstance(world.engine, DuckDBEngine)  # noqa: S101 - both worlds' own choice
            yield Looking(project=project, drill=drill, reader=world.engine.record, mask=mask)
        finally:
            world.objects.discard(folder)


@contextmanager
def _world(place: Vantage, project: Project) -> Iterator[tuple[World, Callable[[], bytes]]]:
    """Lend the ports of the place, and the secret of its pseudonyms."""
    if isinstance(place, There):
        with away(place) as there:
            assert there.world.secret is not None  # noqa: S101 - a deployment has a key for it
            yield there.world, there.world.secret
        return
    with open_world(project, place.root, SystemClock()) as world:
        yield world, books.secret_of(place.root)


def _sides(place: Vantage, project: Project, world: World, folder: str) -> Sides:
    if not place.is_away:
        return LocalSides(project.warehouse, place.root, folder, project.time_zone)
    from puntual.aws.sides import S3Sides
    from puntual.aws.warehouse import RedshiftWarehouse

    assert isinstance(world.warehouse, RedshiftWarehouse)  # noqa: S101 - its world's own choice
    return S3Sides(world.warehouse, folder, project.time_zone)
