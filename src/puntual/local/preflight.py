"""Is this machine fit? Each thing a run relies on is tried, not asserted (`puntual doctor`)."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from puntual.errors import PuntualError, TransientError
from puntual.local.disk import make_folder, translated
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqliteLeases, SqlitePointers
from puntual.local.state import open_state
from puntual.local.trial import trial_folder
from puntual.ports.clock import Clock
from puntual.project.zones import is_zone

OK, WARN, FAIL = "ok", "warn", "fail"

Examined = tuple[str, str, str]
"""What was tried, how it ended (`ok`, `warn`, `fail`), and one sentence."""

_GIB = 1 << 30
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph"})
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_LAST = datetime(2100, 1, 1, tzinfo=UTC)
_TICK = 0.05
_JUMP = 1.0


def examine(
    state: Path,
    *,
    zones: Iterable[str],
    clock: Clock,
    enough: int = 5 * _GIB,
    least: int = _GIB,
) -> tuple[Examined, ...]:
    """
    Try everything that a run on this machine relies on, in a folder that is removed again.

    Args:
        state: The state folder; made when it is not there.
        zones: IANA zones that the project names.
        clock: The machine's clock.
        enough: Free bytes below which there is a warning.
        least: Free bytes below which it fails.

    Returns:
        One answer for each thing tried, in a fixed order; never an exception for what does
        not work.
    """
    try:
        with translated(str(state)):
            make_folder(state)
        with trial_folder(state) as (trial, _):
            return (
                _folder(state),
                _private(state),
                _disk(state, enough, least),
                _clock(state, clock),
                *(_zone(name) for name in sorted({"UTC", *zones})),
                _store(trial),
                _durable(trial),
                _switch(trial),
                _lease(trial, clock),
            )
    except PuntualError as exc:
        return (("state folder", FAIL, _sentence(exc)),)


def _folder(state: Path) -> Examined:
    kind = _filesystem(state)
    if kind in _NETWORK:
        return (
            "state folder",
            FAIL,
            f"{state} lies on a network disk ({kind}), where locks and fsync promise nothing",
        )
    return "state folder", OK, f"{state} is writable" + (f", on {kind}" if kind else "")


def _private(state: Path) -> Examined:
    files = [p for p in state.glob("*.db*") if p.is_file()]
    bare = sorted(p.name for p in files if p.stat().st_mode & 0o077)
    others = sorted(p.name for p in files if p.stat().st_uid != os.geteuid())
    if others:
        return "state files", FAIL, f"of another owner: {', '.join(others)}"
    if bare:
        return "state files", WARN, f"others may read {', '.join(bare)}: chmod 600"
    return "state files", OK, f"{len(files)} state files, private"


def _disk(state: Path, enough: int, least: int) -> Examined:
    free = shutil.disk_usage(state).free
    level = FAIL if free < least else WARN if free < enough else OK
    return "disk space", level, f"{free / _GIB:.1f} GiB free, {enough / _GIB:.1f} asked for"


def _clock(state: Path, clock: Clock) -> Examined:
    wall, steady = clock.now(), time.monotonic()
    time.sleep(_TICK)
    drift = abs((clock.now() - wall).total_seconds() - (time.monotonic() - steady))
    if not _FIRST <= wall < _LAST:
        return "clock", FAIL, f"it is not {wall:%Y-%m-%d}: set the clock"
    newest = max((p.stat().st_mtime for p in state.glob("*.db")), default=0.0)
    if datetime.fromtimestamp(newest, UTC) > wall + timedelta(minutes=1):
        return "clock", FAIL, "the clock is behind the newest state file: it was set back"
    if drift > _JUMP:
        return "clock", WARN, f"wall clock and steady clock differ by {drift:.3f} s in {_TICK} s"
    return "clock", OK, f"{wall:%Y-%m-%d %H:%M:%S} UTC, steady"


def _zone(name: str) -> Examined:
    try:
        known = is_zone(name)
    except PuntualError as exc:
        return "zone data", FAIL, _sentence(exc)
    if not known:
        return "zone data", FAIL, f"there is no zone {name}: install tzdata"
    return "zone data", OK, f"{name} is known"


def _store(trial: Path) -> Examined:
    try:
        store = LocalObjects(trial / "lake")
        first = store.put_bytes("doctor", b"puntual", suffix=".txt")
        second = store.put_bytes("doctor", b"puntual", suffix=".txt")
        right = first == second and store.read(first) == b"puntual"
    except PuntualError as exc:
        return "object store", FAIL, _sentence(exc)
    level = OK if right else FAIL
    return "object store", level, "an object is written, synced, and read back by its digest"


def _durable(trial: Path) -> Examined:
    try:
        with closing(open_state(trial / "durable.db", "")) as db:
            (version,) = db.execute("SELECT sqlite_version()").fetchone()
            (level,) = db.execute("PRAGMA synchronous").fetchone()
    except PuntualError as exc:
        return "durable commits", FAIL, _sentence(exc)
    return "durable commits", OK, f"SQLite {version} with synchronous={level} (FULL)"


def _switch(trial: Path) -> Examined:
    a, b = "a" * 64, "b" * 64
    try:
        with (
            closing(SqlitePointers(trial / "pointers.db")) as one,
            closing(SqlitePointers(trial / "pointers.db")) as two,
        ):
            won = one.switch({"doctor": a}, seen={"doctor": None}, epoch=1)
            lost = not two.switch({"doctor": b}, seen={"doctor": None}, epoch=1)
            kept = two.read("doctor") == a
    except PuntualError as exc:
        return "conditional switch", FAIL, _sentence(exc)
    level = OK if won and lost and kept else FAIL
    return "conditional switch", level, "of two writers that saw the same, one wins"


def _lease(trial: Path, clock: Clock) -> Examined:
    try:
        with closing(SqliteLeases(trial / "leases.db", clock)) as leases, leases.acquire("doctor"):
            try:
                leases.acquire("doctor")
            except TransientError:
                return "lease", OK, "a lease that is held is refused to others"
    except PuntualError as exc:
        return "lease", FAIL, _sentence(exc)
    return "lease", FAIL, "a lease was given twice: locks do not work on this disk"


def _filesystem(path: Path) -> str:
    """Return the type of the mount that a path lies on (proc_mounts); "" where unknown."""
    try:
        lines = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return ""
    real = path.resolve()
    mounts = [line.split()[1:3] for line in lines]
    # a space in a mount point is written as \040
    found = [(m.replace("\\040", " "), kind) for m, kind in mounts]
    fitting = [(len(m), kind) for m, kind in found if real.is_relative_to(m)]
    return max(fitting, default=(0, ""))[1]


def _sentence(error: PuntualError) -> str:
    return f"{error.code} {error.message}: {error.observed}"
