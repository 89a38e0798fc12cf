"""
State that is gone or damaged is made again before a command goes on, and a line says so.

`state.db` comes from the commit log, the journal and the catalog from the manifests it points
at. Nothing heavy is imported before something has to be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from puntual.cli import places, text
from puntual.errors import EvidenceError, PuntualError
from puntual.local.index import log_of
from puntual.local.journal import SqliteJournal
from puntual.local.rebuild import alone, anew, is_damaged, set_aside
from puntual.local.trial import remove_dead

if TYPE_CHECKING:
    from puntual.cli.archive import Archive
    from puntual.model.project import Project
    from puntual.runner.rebuild import Rebuilt


def is_missing(root: Path) -> bool:
    """Say whether a state file is gone though something was committed here."""
    files = _files(root)
    return not all(path.exists() for path in files) and log_of(files[0]).newest() > 0


def at_hand(root: Path, now: datetime | None = None) -> None:
    """
    Have the state files there before one is opened, whatever command does so.

    A file that is opened where none is comes to be, empty: then nobody would miss what it held.

    Args:
        root: The project's folder.
        now: This instant; None for the clock's.

    Raises:
        ProjectError: C1000 the project cannot be read, from which the journal is made again.
        TransientError: T2002, T2003.
        PermanentError: T1001, T1002, T1003.
        EvidenceError: V1003 the commit log is not what was recorded.
    """
    if not is_missing(root):
        return
    from puntual.cli import reading

    for line in restore(root, lambda: reading.read(root), now or datetime.now(UTC)):
        text.complain(line.strip())


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
        EvidenceError: V1003 the commit log is not what was recorded, or is gone.
    """
    remove_dead(places.state_folder(root))
    one_history(root)
    files = _files(root)
    for path in files:
        if is_damaged(path):
            kept = set_aside(path, files[0])
            yield f" ! {path.name} was damaged; it is kept as {kept.name}"
    if is_missing(root):
        with alone(files[0]):
            yield from _rebuilt(root, project, now)


def one_history(root: Path) -> None:
    """
    See that the commit log is there where deliveries are on record; a second one never begins.

    Raises:
        EvidenceError: V1003 it is gone.
        PermanentError: T1001, T1002, T1003, T2004.
        TransientError: T2002.
    """
    state, journal, _ = _files(root)
    if log_of(state).newest() > 0:
        return
    known = _on_record(root, journal)
    if known:
        raise EvidenceError(
            "V1003",
            "the commit log is gone, and deliveries are on record",
            where=str(places.commits_path(root)),
            expected="the commits by which they were published",
            observed=f"no record; {known}",
            next_step="Restore .puntual/state.commits, and state.db of the same moment, from a "
            "copy. To give this history up, move the whole folder .puntual away.",
        )


def _on_record(root: Path, journal: Path) -> str:
    """Return who knows of deliveries; "" if nobody does. The log comes before all of them."""
    entries = places.state_folder(root) / "ledger" / "entries"
    if entries.is_dir() and any(entries.glob("*.jsonl")):
        return "the ledger has entries"
    if not journal.exists() or is_damaged(journal):
        return ""
    with closing(SqliteJournal(journal)) as opened:
        sent = sum(d.sent_at is not None for d in opened.deliveries())
    return f"the journal has {sent:,} deliveries that were sent" if sent else ""


def _files(root: Path) -> tuple[Path, Path, Path]:
    return places.pointers_path(root), places.journal_path(root), places.catalog_path(root)


def _rebuilt(root: Path, project: Callable[[], Project], now: datetime) -> Iterator[str]:
    """Make again what is gone now; another command may have made some of it meanwhile."""
    from puntual.cli.archive import Archive
    from puntual.local.objects import LocalObjects
    from puntual.local.pointers import SqlitePointers

    state, journal, catalog = _files(root)
    lost = {path for path in (state, journal, catalog) if not path.exists()}
    faults: tuple[PuntualError, ...] = ()
    with closing(SqlitePointers(state)) as pointers:
        store = Archive(objects=LocalObjects(places.lake_path(root)), pointers=pointers)
        if state in lost:
            count = len(pointers.read_prefix(""))
            if count:
                yield f" ● {state.name} made again from the commit log: {count:,} names"
        if journal in lost:
            made = _journal(root, store, journal, project(), now)
            if made.count:
                yield f" ● {journal.name} made again from manifests: {made.count:,} deliveries"
            faults += made.faults
        if catalog in lost:
            made = _catalog(store, catalog)
            if made.count:
                yield f" ● {catalog.name} made again from manifests: {made.count:,} datasets' days"
            faults += made.faults
    for fault in faults:
        seen = f"expected {fault.expected}, observed {fault.observed}"
        yield f" ✗ {fault.code} {fault.message}: {seen}"


def _journal(root: Path, store: Archive, journal: Path, project: Project, now: datetime) -> Rebuilt:
    """Make the journal again, and tell again what is open by it: who was told is lost with it."""
    from puntual.cli import telling
    from puntual.local.notices import SqliteNotices
    from puntual.project.zones import zone
    from puntual.runner import rebuild
    from puntual.runner.clock import FixedClock

    with anew(journal) as new:
        with closing(SqliteJournal(new)) as opened, closing(SqliteNotices(new)) as notices:
            made = rebuild.deliveries(store, opened, notices, project, zone=zone, now=now)
            there = bool(notices.open_ones())
        # Before the file has its name, so that one that is cut here is begun again: a run that
        # resolves a notice of which nobody was told would tell nobody of the resolution.
        if there:
            telling.tell(root, project, FixedClock(now), journal=new)
    return made


def _catalog(store: Archive, catalog: Path) -> Rebuilt:
    from puntual.local.catalog import SqliteCatalog
    from puntual.runner import rebuild

    # The views are the next run's: DuckDB's threads must not exist when it forks.
    with anew(catalog) as new, closing(SqliteCatalog(new, views=False)) as shown:
        return rebuild.partitions(store, shown)
