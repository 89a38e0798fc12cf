"""
Start, stop and ask for the stage of a folder.

One folder has one stage. Its process leads a session of its own and each process below it
carries the folder in its environment: whatever is killed in between, `down` finds the rest.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path

from puntual.aws.stage.environment import interpreter
from puntual.aws.stage.plugin.settings import is_ours
from puntual.aws.stage.standing import FILE, REGION, Standing, read
from puntual.errors import PermanentError, TransientError

START = Path(__file__).parent / "plugin" / "start.py"
START_SECONDS = 60.0
POLL_SECONDS = 0.05
REFUSED = "refused.json"
STATE = (
    "archives",
    "jobs",
    "postgresql",
    "postgresql.dsn",
    "s3",
    "serverless.json",
    "state",
    "tmp",
)
"""What a stage leaves behind; `keep` spares it."""
SCALE = "0.02"


def up(
    folder: Path,
    *,
    env: Mapping[str, str],
    say: Callable[[str], None],
    port: int = 0,
    scale: str = SCALE,
    keep: bool = False,
    python: str = sys.executable,
) -> tuple[Standing, bool]:
    """
    Start the stage of a folder, unless it runs.

    Args:
        folder: Everything of it lies there; made if it is not there.
        env: Of who starts it; jobs see the part of it that is not ours.
        say: Told what takes long.
        port: Where to listen; 0 takes a free one.
        scale: Waits and retry delays are multiplied by it.
        keep: Begin from what an earlier one left, and leave it again.
        python: The interpreter of jobs and functions.

    Returns:
        The stage, and whether it was started now.

    Raises:
        PermanentError: T5091 its environment cannot be made; T5092 the pin or a name differs,
            with every difference; T5093 it ended or did not answer.
        TransientError: T5095 somebody else starts or stops it.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if (running := standing(folder, env)) is not None:
            return running, False
        own = interpreter(env, say)
        _sweep(folder, own, "now")
        if not keep:
            _emptied(folder)
        (folder / REFUSED).unlink(missing_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        return _started(folder, own, env, port, scale, python, keep=keep), True


def down(folder: Path, *, env: Mapping[str, str], say: Callable[[str], None]) -> list[int]:
    """
    Stop the stage of a folder and every process that it left, PostgreSQL too.

    Returns:
        The ids of the processes that were ended; none if nothing ran.

    Raises:
        TransientError: T5095 somebody else starts or stops it.
        PermanentError: T5091 its environment cannot be made; T5094 something runs on.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        return []
    with _alone(folder):
        known = read(folder)
        own = interpreter(env, say)
        kept = known is not None and known.kept
        how = ("politely", str(known.pid)) if known is not None and kept else ("now",)
        ended, still = _sweep(folder, own, *how)
        if known is not None:
            _buried(known.pid)
        if still:
            raise PermanentError(
                "T5094",
                "the stage could not be stopped",
                where=str(folder),
                expected="no process of it",
                observed=", ".join(map(str, still)),
                next_step="Stop these processes by hand; they may be another user's.",
            )
        if not kept:
            _emptied(folder, spare=("jobs",))
        (folder / FILE).unlink(missing_ok=True)
        return ended


def standing(folder: Path, env: Mapping[str, str]) -> Standing | None:
    """Return the stage of a folder if it answers there; None otherwise."""
    known = read(folder.resolve())
    return known if known is not None and _answers(known) else None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransientError(
                "T5095",
                "another command starts or stops this stage",
                where=str(folder),
                expected="one at a time",
                observed="its lock is held",
                next_step="Wait for it, then run again.",
            ) from None
        yield


def _started(
    folder: Path,
    own: Path,
    env: Mapping[str, str],
    port: int,
    scale: str,
    python: str,
    *,
    keep: bool,
) -> Standing:
    listens = port or _free_port()
    known = Standing(
        folder=str(folder),
        pid=0,
        port=listens,
        scale=scale,
        kept=keep,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with known.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - the stage's own interpreter and our script
            [str(own), str(START), "serve", str(folder)],
            env=_environment(known, env, python),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    known = replace(known, pid=process.pid)
    known.written()
    _awaited(known, process, own)
    known = replace(known, postgresql=(folder / "postgresql.dsn").read_text(encoding="utf-8"))
    known.written()
    return known


def _awaited(known: Standing, process: subprocess.Popen[bytes], own: Path) -> None:
    folder = Path(known.folder)
    until = time.monotonic() + START_SECONDS
    while not _answers(known):
        if process.poll() is not None or time.monotonic() > until:
            _sweep(folder, own, "now")
            (folder / FILE).unlink(missing_ok=True)
            raise _not_up(known, process.poll())
        time.sleep(POLL_SECONDS)
    process.returncode = 0  # it outlives us, which Popen would warn of


def _environment(known: Standing, env: Mapping[str, str], python: str) -> dict[str, str]:
    folder = Path(known.folder)
    persist = "1" if known.kept else "0"
    return {
        **{name: value for name, value in env.items() if not is_ours(name)},
        **known.environment(),
        "ATHENA_ENGINE": "duckdb",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(known.port),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": persist,
        "S3_DATA_DIR": str(folder / "s3"),
        "S3_PERSIST": persist,
        "SFN_WAIT_SCALE": known.scale,
        "SFTP_ENABLED": "0",
        "STAGE_FOLDER": str(folder),
        "STAGE_PYTHON": python,
        "STAGE_SOCKETS": str(_sockets(folder)),
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder / "tmp"),
        "TZ": "UTC",
    }


def _not_up(known: Standing, code: int | None) -> PermanentError:
    try:
        differences = json.loads((Path(known.folder) / REFUSED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        lines = known.log.read_text(encoding="utf-8", errors="replace").splitlines()
        ended = "no answer in time" if code is None else f"it ended with {code}"
        return PermanentError(
            "T5093",
            "the stage did not come up",
            where=str(known.log),
            expected=f"an answer on {known.endpoint}",
            observed="; ".join([ended, *lines[-3:]]),
            next_step="Read its log; another port with --port if this one is taken.",
        )
    return PermanentError(
        "T5092",
        "the stage is not the one that its corrections were written for",
        where=known.folder,
        expected="the pinned version with every name that is corrected",
        observed="; ".join(differences),
        next_step="Let `puntual aws local up` make its environment anew: remove the folder of "
        "the environment, or unset PUNTUAL_STAGE_PYTHON.",
    )


def _answers(known: Standing) -> bool:
    try:
        with urllib.request.urlopen(  # noqa: S310 - our own address
            f"{known.endpoint}/_puntual/stage", timeout=5
        ) as answer:
            said = json.load(answer)
    except (OSError, ValueError, HTTPException):
        return False
    return bool(said == {"folder": known.folder, "pid": known.pid})


def _buried(pid: int) -> None:
    """Take note of the end of a child of ours, if the stage was started by this process."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _sweep(folder: Path, own: Path, *how: str) -> tuple[list[int], list[int]]:
    """Return the ids of the stage's processes, and of those that run still."""
    done = subprocess.run(  # noqa: S603 - the stage's own interpreter and our script
        [str(own), str(START), "sweep", str(folder), *how],
        env={"PATH": os.environ.get("PATH", "")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PermanentError(
            "T5092",
            "the stage's environment cannot say what of it runs",
            where=str(own),
            expected="the packages of its lock",
            observed=done.stderr.strip()[-500:],
            next_step="Remove the folder of the environment and run again.",
        )
    said = json.loads(done.stdout)
    return said["found"], said["left"]


def _sockets(folder: Path) -> Path:
    """Return a folder with a short path: that of a socket has at most some hundred bytes."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"puntual-{name}"


def _emptied(folder: Path, spare: tuple[str, ...] = ()) -> None:
    shutil.rmtree(_sockets(folder), ignore_errors=True)
    for name in STATE:
        place = folder / name
        if name in spare:
            continue
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
