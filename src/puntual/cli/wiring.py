"""The one place that chooses adapters; everything else is given its ports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from puntual import __version__
from puntual.cli import places
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.engines.duckdb_warehouse import DuckDBWarehouse
from puntual.errors import ProjectError
from puntual.evidence.digest import sha256
from puntual.landing.land import Landing
from puntual.local.catalog import SqliteCatalog
from puntual.local.database import LocalDatabases
from puntual.local.drop import LocalDrop
from puntual.local.folder import FolderDestinations
from puntual.local.journal import SqliteJournal
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqliteLeases, SqlitePointers
from puntual.local.stream import LocalStream
from puntual.model.manifest import Digest
from puntual.model.project import Project, WarehouseSettings
from puntual.ports.clock import Clock
from puntual.ports.warehouse import Warehouse
from puntual.project.zones import zone
from puntual.runner.world import World


def code_digest() -> Digest:
    """Return the digest of this program: its version and the bytes of its modules."""
    root = resources.files("puntual")
    lines = [f"puntual {__version__}"]
    for name, data in sorted(_sources(root, "")):
        lines.append(f"{sha256(data)}  {name}")
    return sha256("\n".join(lines).encode())


def _sources(folder: resources.abc.Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir() and entry.name not in ("__pycache__", "example"):
            yield from _sources(entry, f"{name}/")
        elif entry.name.endswith((".py", ".sql")):
            yield name, entry.read_bytes()


@contextmanager
def open_world(project: Project, root: Path, clock: Clock) -> Iterator[World]:
    """
    Lend the ports of this machine for a project, and close what they hold open.

    Raises:
        ProjectError: C1004 the warehouse's connection is not given.
        PermanentError: T1002 the project's folder may not be written.
    """
    lake = places.lake_path(root)
    code = code_digest()
    with ExitStack() as open_ones:
        # First, since it is where a wrong project shows: then nothing has been made yet.
        warehouse = open_ones.enter_context(closing(open_warehouse(project.warehouse, root)))
        places.make_folder(lake)
        objects = LocalObjects(lake)
        engine = open_ones.enter_context(
            closing(DuckDBEngine(temporary=str(lake / ".tmp" / "engine"), roots=(str(lake),)))
        )
        path = places.pointers_path(root)
        pointers = open_ones.enter_context(closing(SqlitePointers(path)))
        journal = open_ones.enter_context(closing(SqliteJournal(places.journal_path(root))))
        catalog = open_ones.enter_context(closing(SqliteCatalog(places.catalog_path(root))))
        leases = open_ones.enter_context(closing(SqliteLeases(path, clock)))
        landing = Landing(
            project=project,
            objects=objects,
            pointers=pointers,
            engine=engine,
            streams=LocalStream(places.stream_path(root), clock),
            drop=LocalDrop(root),
            databases=databases(root),
            clock=clock,
            zone=zone,
            code=code,
        )
        yield World(
            objects=objects,
            pointers=pointers,
            leases=leases,
            engine=engine,
            warehouse=warehouse,
            lander=landing,
            destinations=FolderDestinations(root),
            journal=journal,
            catalog=catalog,
            clock=clock,
            zone=zone,
            code=code,
        )


def databases(root: Path) -> LocalDatabases:
    """Return what reads databases; the driver of PostgreSQL is imported when it is called."""
    return LocalDatabases(root, postgresql=_postgresql if find_spec("psycopg") else None)


def _postgresql(*call: Any) -> Any:
    from puntual.engines.postgresql.extract import read

    return read(*call)


def open_warehouse(settings: WarehouseSettings, root: Path) -> Warehouse:
    """
    Return the warehouse that the project names.

    Raises:
        ProjectError: C1004 its connection is not given, or its kind needs an extra that is not
            installed.
    """
    if settings.kind == "duckdb":
        return DuckDBWarehouse(root / settings.location)
    try:
        from puntual.engines.postgresql.warehouse import PostgreSQLWarehouse
    except ModuleNotFoundError as exc:
        raise ProjectError(
            "C1004",
            "a PostgreSQL warehouse needs an extra that is not installed",
            expected="psycopg 3",
            observed=str(exc),
            next_step="pip install 'puntual[postgres]'",
        ) from exc
    return PostgreSQLWarehouse(connection(settings.location))


def connection(location: str) -> str:
    """
    Return what `env:NAME` stands for; anything else is returned as it is.

    Raises:
        ProjectError: C1004 the variable is not set.
    """
    scheme, _, name = location.partition(":")
    if scheme != "env":
        return location
    value = os.environ.get(name)
    if not value:
        raise ProjectError(
            "C1004",
            f"the environment variable {name} is not set",
            where="puntual.yaml: warehouse.location",
            expected=f"a connection in {name}",
            observed="nothing",
            next_step=f"export {name}=postgresql://…",
        )
    return value
