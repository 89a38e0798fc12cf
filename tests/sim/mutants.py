"""Seeded bugs: what the simulator must find, each by removing one line of defence."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from unittest import mock

from puntual.landing import seal
from puntual.local import commits, disk, objects
from puntual.local.pointers import SqlitePointers
from puntual.model.manifest import Digest
from puntual.runner import step

_switch = SqlitePointers.switch
_create = disk.create
_open_regular = disk.open_regular


def no_fencing() -> contextlib.AbstractContextManager[object]:
    """The pointers take every epoch for the newest one."""

    def switch(
        self: SqlitePointers,
        changes: Mapping[str, Digest],
        *,
        seen: Mapping[str, Digest | None],
        epoch: int,
    ) -> bool:
        stored = self._db.execute("SELECT coalesce(max(epoch), 0) FROM pointers").fetchone()[0]
        return _switch(self, changes, seen=seen, epoch=max(epoch, stored))

    return mock.patch.object(SqlitePointers, "switch", switch)


def no_fsync() -> contextlib.AbstractContextManager[object]:
    """A file gets its name before its bytes are durable."""

    def write(path: Path, data: bytes, mode: int) -> None:
        with _create(path, mode) as file:
            file.write(data)

    def digest(path: Path) -> str:
        with _open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return _all(
        mock.patch.object(objects, "write_synced", write),
        mock.patch.object(objects, "hash_synced", digest),
    )


def no_folder_fsync() -> contextlib.AbstractContextManager[object]:
    """The name of a stored object is not made durable."""
    return mock.patch.object(objects, "sync_folder", return_value=None)


def no_commit_fsync() -> contextlib.AbstractContextManager[object]:
    """The name of a commit record is not made durable."""
    return mock.patch.object(commits, "sync_folder", return_value=None)


def no_key_check() -> contextlib.AbstractContextManager[object]:
    """A commit is used again though its step would read other inputs today."""
    return mock.patch.object(step, "_still_stands", return_value=True)


def no_seal_comparison() -> contextlib.AbstractContextManager[object]:
    """A control record is read and compared with nothing."""
    return mock.patch.object(seal, "_compare", return_value=((), ()))


MUTANTS: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {
    "no fencing": no_fencing,
    "no fsync before the rename": no_fsync,
    "no fsync of the folder": no_folder_fsync,
    "no fsync of the commit's folder": no_commit_fsync,
    "no check of the step's key": no_key_check,
    "no comparison with the control record": no_seal_comparison,
}
"""The bug → what plants it, for as long as its context lasts."""


@contextlib.contextmanager
def _all(*patches: contextlib.AbstractContextManager[object]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield
