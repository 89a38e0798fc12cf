"""Seeded bugs: what the simulator must find, each by removing one line of defence."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from unittest import mock

from puntual.cli import standing
from puntual.landing import seal
from puntual.local import commits, disk, objects
from puntual.local.pointers import SqlitePointers
from puntual.model.manifest import Digest
from puntual.model.policy import Policy
from puntual.model.project import Project
from puntual.planner import policy
from puntual.planner.calendar import due_of
from puntual.planner.schedule import Zones
from puntual.runner import execute, step, unanswered, watch

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


def no_approval_check() -> contextlib.AbstractContextManager[object]:
    """A policy counts whoever has signed it."""
    return mock.patch.object(policy, "missing", return_value=())


def no_validity_check() -> contextlib.AbstractContextManager[object]:
    """A policy counts on every day."""
    return mock.patch.object(Policy, "holds_on", return_value=True)


def no_resolution() -> contextlib.AbstractContextManager[object]:
    """What people were told of a day is resolved neither by who delivers it nor by the watch."""
    return _all(
        mock.patch.object(execute, "resolve", return_value=()),
        mock.patch.object(watch.Watch, "_over"),
    )


def no_decision_before_the_deadline() -> contextlib.AbstractContextManager[object]:
    """The moment to decide is the deadline itself."""

    def at_the_end(project: Project, report: str, day: date, zones: Zones) -> datetime:
        return due_of(project, report, day, zones)

    return _all(
        mock.patch.object(policy, "decide_by", at_the_end),
        mock.patch.object(standing, "decide_by", at_the_end),
    )


def no_end_of_waiting() -> contextlib.AbstractContextManager[object]:
    """A source that does not answer stops every run, also when it is time to decide."""
    return mock.patch.object(unanswered, "is_over", return_value=False)


def no_word_of_a_miss() -> contextlib.AbstractContextManager[object]:
    """The watch says nothing of a report that is at risk or missed."""
    return mock.patch.object(watch, "causes", return_value=())


OF_NIGHTS: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {
    "no check of the approvals": no_approval_check,
    "no check of the validity": no_validity_check,
    "no resolution": no_resolution,
    "no decision before the deadline": no_decision_before_the_deadline,
    "no word of a miss": no_word_of_a_miss,
    "no end of waiting for a source": no_end_of_waiting,
}
"""The same for nights with a deadline."""

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
