"""
What will probably go wrong with a day, said at its beginning: it stops nothing.

`doctor` asks the same at leisure. Sources that do not answer are asked beside the run, which does
not wait for it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import TZPATH

from puntual.cli import text, wiring
from puntual.errors import PuntualError
from puntual.local.beside import beside
from puntual.model.project import Project
from puntual.model.report import Calendar
from puntual.model.source import DatabaseSource

NOTICE_DAYS = 45
"""A calendar that ends sooner is a warning: the next year is published in December."""

PROBE = 10.0
"""Seconds that `doctor` waits for a database."""

GLANCE = 4.0
"""Seconds after which a run says that a database has not answered yet."""

Answer = tuple[str, str, str]
"""What was looked at, `ok`, `warn` or `fail`, and one sentence."""


def warned(
    project: Project, reports: Iterable[str], root: Path, now: datetime
) -> AbstractContextManager[None]:
    """
    Say on standard error what may stop a day later on; the body runs meanwhile.

    No state file may be open yet and no lease be held.

    Args:
        project: What is run.
        reports: Those that are owed.
        root: Its folder.
        now: This instant.
    """
    calendars = {project.reports[name].calendar for name in reports}
    looked = [calendar(project.calendars[name], now) for name in sorted(calendars)]
    for about, level, sentence in (*looked, zone_data()):
        if level == "fail" or (level == "warn" and about != "zone data"):
            text.complain(f"warning: {about}: {sentence}")
    databases = [s for s in project.sources.values() if isinstance(s, DatabaseSource)]
    if not databases:
        return nullcontext()
    return beside(lambda: _glance(databases, root), longest=int(GLANCE) + 2)


def _glance(databases: Sequence[DatabaseSource], root: Path) -> None:
    for about, level, sentence in answers(probes(databases, root), seconds=GLANCE):
        if level != "ok":
            text.complain(f"warning: {about}: {sentence} It is tried again when its turn comes.")


def answers(
    asked: Mapping[str, Callable[[], Answer]], *, seconds: float = PROBE
) -> Iterator[Answer]:
    """
    Ask what may never answer, all at once, and yield the answers as they come.

    Args:
        asked: What is looked at, and how.
        seconds: How long, for all of them together; a thread that waits on is left alone.
    """
    came: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    for ask in asked.values():
        # Not a pool: its threads would be waited for at the end of the process.
        threading.Thread(target=_put, args=(ask, came), daemon=True).start()
    waiting = list(asked)
    until = time.monotonic() + seconds
    while waiting:
        try:
            answer = came.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            break
        waiting.remove(answer[0])
        yield answer
    for about in waiting:
        yield about, "fail", f"it does not answer: nothing within {seconds:g} s."


def _put(ask: Callable[[], Answer], came: queue.SimpleQueue[Answer]) -> None:
    came.put(ask())


def probes(databases: Iterable[DatabaseSource], root: Path) -> dict[str, Callable[[], Answer]]:
    """Return how databases are asked, for `answers`."""
    return {f"source {source.name}": partial(_probed, source, root) for source in databases}


def _probed(source: DatabaseSource, root: Path) -> Answer:
    about = f"source {source.name}"
    try:
        moment = wiring.databases(root).probe(source)
    except PuntualError as error:
        return about, "fail", f"{error.code} {error.message}. {error.next_step}"
    return about, "ok", f"answers; its clock says {moment.isoformat(timespec='seconds')}"


def zone_data() -> Answer:
    """Say which release of the IANA zone data is used: the system's, else the package's."""
    for folder in TZPATH:
        try:
            found = _release_in(Path(folder))
        except OSError as exc:
            return "zone data", "warn", f"of the system ({folder}): {exc.strerror or exc}"
        if found is not None:
            return found
    from importlib.metadata import PackageNotFoundError, version  # slow, and seldom needed

    try:
        return "zone data", "ok", f"package tzdata {version('tzdata')}"
    except PackageNotFoundError:
        return "zone data", "fail", "none: pip install tzdata"


def _release_in(folder: Path) -> Answer | None:
    """
    Return which release lies in a folder; None if there is none.

    Raises:
        OSError: It cannot be looked into.
    """
    for name in ("tzdata.zi", "+VERSION"):
        path = folder / name
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace") as file:
                word = file.readline().removeprefix("# version").strip()
            return "zone data", "ok", f"release {word} of the system ({folder})"
    if folder.is_dir() and any(folder.iterdir()):
        return "zone data", "warn", f"of the system ({folder}), which does not say its release"
    return None


def calendar(of: Calendar, now: datetime) -> Answer:
    """Say whether a calendar has ended, or ends soon."""
    about, left = f"calendar {of.name}", (of.valid_until - now.date()).days
    sentence = f"valid until {of.valid_until.isoformat()}, {left} days"
    if left < 0:
        return about, "fail", f"ended {of.valid_until.isoformat()}: add the days published"
    if left <= NOTICE_DAYS:
        return about, "warn", f"{sentence}: add what its legal source has published"
    return about, "ok", sentence
