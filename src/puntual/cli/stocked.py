"""What was stored and delivered, lent to be asked: on this machine, or where it is deployed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from puntual.cli import books
from puntual.cli.archive import Archive, open_archive
from puntual.cli.places import lake_path
from puntual.cli.vantage import There, Vantage
from puntual.cli.wiring import open_warehouse
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.errors import ProjectError
from puntual.ports.warehouse import Warehouse

if TYPE_CHECKING:
    from puntual.aws.world import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """
    What a question about a delivery is answered from.

    Attributes:
        archive: Objects and pointers; an object that lies elsewhere is copied when it is located.
        engine: Reads located objects.
        secret: From which values that may not be shown get their pseudonyms.
        warehouse: Opens it; the caller closes it.
        folder: Scratch.
    """

    archive: Archive
    engine: DuckDBEngine
    secret: Callable[[], bytes]
    warehouse: Callable[[], Warehouse]
    folder: str


@contextmanager
def stocked(place: Vantage) -> Iterator[Stock]:
    """
    Lend the stock of a project.

    Raises:
        ProjectError: C1000; C1005 nothing was run here.
        TransientError: T5001, T5002, T5003.
        PermanentError: T1001-T1003, T5004-T5009.
    """
    if isinstance(place, There):
        with away(place) as found:
            world = found.world
            assert isinstance(world.engine, DuckDBEngine)  # noqa: S101 - `away`'s own choice
            assert world.secret is not None  # noqa: S101 - a deployment has a key for it
            with tempfile.TemporaryDirectory(prefix="puntual-") as folder:
                yield Stock(
                    archive=Archive(objects=world.objects, pointers=world.pointers, env=place.env),
                    engine=world.engine,
                    secret=world.secret,
                    warehouse=lambda: world.warehouse,
                    folder=folder,
                )
        return
    root, project = place.root, place.project()
    archive = open_archive(root)
    with (
        tempfile.TemporaryDirectory(prefix="puntual-") as folder,
        closing(DuckDBEngine(temporary=folder, roots=(str(lake_path(root)),))) as engine,
    ):
        yield Stock(
            archive=archive,
            engine=engine,
            secret=books.secret_of(root),
            warehouse=lambda: open_warehouse(project.warehouse, root),
            folder=folder,
        )


@contextmanager
def away(place: There) -> Iterator[Place]:
    """
    Lend the ports of a deployed project, its objects copied to this machine as they are read.

    Raises:
        TransientError: T5001, T5002, T5003.
        PermanentError: T1001-T1003, T5004-T5009.
    """
    from puntual.aws.clients import client
    from puntual.aws.deployment import settings_of
    from puntual.aws.world import duckdb, opened

    settings = settings_of(place.declared.name, client("lambda"))
    with tempfile.TemporaryDirectory(prefix="puntual-copies-") as folder:
        room = shutil.disk_usage(folder).free // 2
        settings = replace(settings, cache=folder, cache_bytes=room)
        with opened(settings, place.declared, duckdb) as found:
            yield found


def refuse_unmasked(place: Vantage) -> None:
    """
    Refuse to show classified values where that cannot be put on record.

    Raises:
        ProjectError: C1913.
    """
    if place.is_away:
        raise ProjectError(
            "C1913",
            "classified values of a deployed project are not shown by a command",
            where="--unmask",
            expected="masked values: a reveal is an entry of the ledger, which the machine writes",
            observed="--unmask",
            next_step="leave --unmask away; who may read the raw object can read the value there, "
            "and the account's own trail says that he did",
        )
