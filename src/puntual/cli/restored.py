"""
State that is gone or damaged is made again before a command goes on, and a line says so.

`state.db` comes from the commit log, the journal and the catalog from the manifests it points
at. Nothing heavy is imported before something has to be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from puntual.cli import places
from puntual.errors import PuntualError
from puntual.local.index import log_of
from puntual.local.rebuild import is_damaged, set_aside
from puntual.local.trial import remove_dead

if TYPE_CHECKING:
    from puntual.model.project import Project


def is_missing(root: Path) -> bool:
    """Say whether the state or the journal is gone though something was committed here."""
    state, journal, _ = _files(root)
    return not (state.exists() and journal.exists()) and log_of(state).newest() > 0


def restore(root: Path, project: Callable[[], Project], now: datetime) -> Iterator[str]:
    """
    Make state files that are gone or damaged again, and remove what dead trials have left.

    Args:
        root: The project's folder.
        project: Reads the project; called when the journal has to be made again.
        now: This instant.

    Yields:
        A line for each thing that was done, and for each delivery that could not be.

    Raises:
        TransientError: T2003 a file is damaged and a run has it open; T2002.
        PermanentError: T1001, T1002, T1003.
        EvidenceError: V1003 the commit log is not what was recorded.
    """
    remove_dead(places.state_folder(root))
    state, journal, catalog = _files(root)
    lost = {path for path in (state, journal, catalog) if not path.exists()}
    for path in (state, journal, catalog):
        if is_damaged(path):
            kept = set_aside(path, state)
            yield f" ! {path.name} was damaged; it is kept as {kept.name}"
            lost.add(path)
    if not lost or not log_of(state).newest():
        return
    yield from _rebuilt(root, lost, project, now)


def _files(root: Path) -> tuple[Path, Path, Path]:
    return places.pointers_path(root), places.journal_path(root), places.catalog_path(root)


def _rebuilt(
    root: Path, lost: set[Path], project: Callable[[], Project], now: datetime
) -> Iterator[str]:
    from puntual.cli.archive import Archive
    from puntual.local.catalog import SqliteCatalog
    from puntual.local.journal import SqliteJournal
    from puntual.local.objects import LocalObjects
    from puntual.local.pointers import SqlitePointers
    from puntual.project.zones import zone
    from puntual.runner import rebuild

    state, journal, catalog = _files(root)
    with closing(SqlitePointers(state)) as pointers:
        store = Archive(objects=LocalObjects(places.lake_path(root)), pointers=pointers)
        if state in lost:
            count = len(pointers.read_prefix(""))
            if count:
                yield f" ● {state.name} made again from the commit log: {count:,} names"
        faults: tuple[PuntualError, ...] = ()
        if journal in lost:
            with closing(SqliteJournal(journal)) as opened:
                made = rebuild.deliveries(store, opened, project(), zone=zone, now=now)
            if made.count:
                yield f" ● {journal.name} made again from manifests: {made.count:,} deliveries"
            faults += made.faults
        if catalog in lost:
            # The views are the next run's: DuckDB's threads must not exist when it forks.
            with closing(SqliteCatalog(catalog, views=False)) as shown:
                made = rebuild.partitions(store, shown)
            if made.count:
                yield f" ● {catalog.name} made again from manifests: {made.count:,} datasets' days"
            faults += made.faults
    for fault in faults:
        seen = f"expected {fault.expected}, observed {fault.observed}"
        yield f" ✗ {fault.code} {fault.message}: {seen}"
