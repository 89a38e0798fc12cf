"""A process that has imported the program and forks itself for each command; see `start.py`."""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import puntual.cli.run
import puntual.cli.stream
import puntual.engines.duckdb.engine
import puntual.engines.duckdb_warehouse
import puntual.landing.land
import puntual.local.database
import puntual.local.worker
from puntual import failpoints
from puntual.cli import main


def serve() -> None:
    """Fork for each order: tell the pid, wait for the word, tell the exit code."""
    alone = len(os.listdir("/proc/self/task")) == 1
    if not alone:
        raise SystemExit("a process with threads must not fork")
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        wait, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(go)
            _become(order, wait)
        os.setpgid(pid, pid)
        os.close(wait)
        _tell(pid)
        sys.stdin.readline()
        os.write(go, b"g")
        os.close(go)
        _, status = os.waitpid(pid, 0)
        _tell(os.waitstatus_to_exitcode(status))


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _become(order: dict[str, object], wait: int) -> NoReturn:
    """Run a command as its own interpreter would, and never come back."""
    said = os.open(str(order["said"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.read(wait, 1)
    for end in (wait, said, nothing):
        os.close(end)
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    sys.argv = ["puntual", *order["arguments"]]  # type: ignore[misc]
    code = 1
    try:
        failpoints.arm(os.environ)
        main.entry()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    assert Path(puntual.cli.run.__file__).is_relative_to(os.environ["PYTHONPATH"])
    serve()
