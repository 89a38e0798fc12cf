"""
Objects that no manifest names, and when they are provably dead (`failures.md` 2, rule 6).

An object is kept as long as any manifest in the store names it, published or superseded. A
manifest is kept as long as a commit names it. What is neither must also be older than the
longest possible run, and nobody may be running.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from puntual.errors import EvidenceError
from puntual.evidence.manifest import decode
from puntual.local.commits import CommitLog
from puntual.local.disk import translated
from puntual.local.objects import LocalObjects
from puntual.model.manifest import Digest

LONGEST = timedelta(days=2)
"""
Longer than any run: one begins on the day its reports are due, and `check` refuses a project
whose worst case does not end before they are. One day of that, and one of margin.
"""

_MANIFESTS = "manifests"
_TEMP = ".tmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """A file of the store that nothing names: its name in the store, its bytes, its age."""

    name: str
    bytes: int
    age: timedelta


def dead(lake: Path, log: CommitLog, now: datetime) -> tuple[Dead, ...]:
    """
    Return what may be removed, sorted by name; only the holder of the run's lease may ask.

    Args:
        lake: The root of the object store.
        log: Every commit that was ever made.
        now: This instant.

    Raises:
        EvidenceError: V1001, V1002, V2001, V2002 a published manifest is missing or altered,
            V1003 a commit is: then nothing can be proven to be dead.
        PermanentError: T1002, T1003.
    """
    published = {m for commit, _ in log.after(0, "") for m in commit.pointers.values()}
    kept = _named(LocalObjects(lake), lake, published)
    with translated(str(lake)):
        return tuple(d for d in _files(lake, now) if d.name not in kept and d.age > LONGEST)


def remove(lake: Path, found: tuple[Dead, ...]) -> None:
    """
    Remove dead files, and folders that are empty then.

    Raises:
        PermanentError: T1002, T1003.
    """
    with translated(str(lake)):
        for one in found:
            path = lake / one.name
            path.unlink(missing_ok=True)
            folder = path.parent
            while folder != lake and not any(folder.iterdir()):
                folder.rmdir()
                folder = folder.parent


def _named(objects: LocalObjects, lake: Path, published: set[Digest]) -> set[str]:
    """Return the names that must stay: published manifests, and what any manifest names."""
    kept = {f"{_MANIFESTS}/{digest}.json" for digest in published}
    for digest in sorted(published | set(_stored(lake))):
        try:
            manifest = decode(objects.read_named(_MANIFESTS, digest, ".json"))
        except EvidenceError:
            if digest in published:
                raise
            continue  # it is in no commit and cannot be read: it names nothing
        kept |= {ref.name for ref in manifest.objects}
    return kept


def _stored(lake: Path) -> Iterator[Digest]:
    for path in (lake / _MANIFESTS).glob("*.json"):
        yield path.stem


def _files(lake: Path, now: datetime) -> Iterator[Dead]:
    for folder, folders, files in os.walk(lake):
        if folder == str(lake) and _TEMP in folders:
            folders.remove(_TEMP)
        folders.sort()
        for name in sorted(files):
            path = Path(folder) / name
            facts = path.lstat()
            written = datetime.fromtimestamp(facts.st_mtime, UTC)
            yield Dead(
                name=path.relative_to(lake).as_posix(), bytes=facts.st_size, age=now - written
            )
