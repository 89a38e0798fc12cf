"""
The real command in a process of its own, forked from one that has imported it already.

Two thirds of what a short command takes are imports. One process does them and forks for each
command: `entry()` is then what the console script calls, with the arguments, folder, environment
and descriptors of a fresh process; no project was read, no file opened. `PUNTUAL_COLD=1` starts
an interpreter for each command instead; the demo, the tutorial, the wheel and the bench always do.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
APART = ("PYTHON", "LC_", "LANG")
"""Variables that an interpreter reads when it starts: a command with others starts one."""
_SIZE = 4
_GO = b"g"


def run(
    command: list[str], env: dict[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """
    Run `puntual` with arguments, and return its exit code and what it printed.

    Raises:
        TimeoutExpired: It took longer; it is dead.
    """
    if env.get("PUNTUAL_COLD") or _of_interpreter(env) != _of_interpreter(os.environ):
        return subprocess.run(
            [sys.executable, "-m", "puntual.cli.main", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            env=env,
        )
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        streams = (out.fileno(), err.fileno())
        code = _session().start(command, env, streams).ended(seconds)
        told = []
        for stream in (out, err):
            stream.seek(0)
            told.append(stream.read().decode())
    return subprocess.CompletedProcess(command, code, *told)


def _of_interpreter(env: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in env.items() if k.startswith(APART)}


@cache
def _session() -> Forking:
    """Return the process that forks for this one, started once."""
    path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    forking = Forking(os.environ | {"PYTHONPATH": path, "NO_COLOR": "1"})
    atexit.register(forking.close)
    return forking


@dataclass(frozen=True, slots=True)
class Started:
    """A command that was forked; the first process of a group of its own."""

    pid: int
    line: socket.socket

    def go(self) -> None:
        """Let a command that was started `held` go on."""
        self.line.sendall(_GO)

    def ended(self, seconds: float) -> int:
        """
        Return the exit code; negative is the signal that killed it.

        Raises:
            TimeoutExpired: It took longer; it and its group are dead.
        """
        with self.line:
            self.line.settimeout(seconds)
            try:
                return int.from_bytes(_exactly(self.line, _SIZE), signed=True)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(str(self.pid), seconds) from None


class Forking:
    """A process that has imported the program and forks for each command, any number at once."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """
        Start it.

        Args:
            env: Its environment; by `PYTHONPATH` it finds the program and this module.

        Raises:
            ConnectionError: It did not start.
        """
        self._place = tempfile.mkdtemp(prefix="puntual-warm-")
        self._address = str(Path(self._place) / "commands")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.warm", self._address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # pyarrow's allocator starts a thread on import, and only one thread may fork.
            env={**env, "JE_ARROW_MALLOC_CONF": "background_thread:false"},
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise ConnectionError("the process that forks commands did not start")

    def start(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        streams: tuple[int, int],
        *,
        held: bool = False,
    ) -> Started:
        """
        Fork for a command in this process's folder.

        Args:
            command: The program's arguments.
            env: Its whole environment.
            streams: Descriptors of its standard output and error.
            held: It waits for the word before it does anything.
        """
        order = {"command": [*command], "env": {**env}, "cwd": os.getcwd(), "held": held}
        said = json.dumps(order).encode()
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.connect(self._address)
        socket.send_fds(line, [len(said).to_bytes(_SIZE)], list(streams))
        line.sendall(said)
        line.settimeout(30)
        return Started(int.from_bytes(_exactly(line, _SIZE)), line)

    def close(self) -> None:
        """End it, and wait for it."""
        self._process.communicate()
        os.rmdir(self._place)


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = line.recv(size - len(data))
        if not more:
            raise ConnectionError("the process that forks commands is gone")
        data += more
    return data


def _serve(address: str) -> dict[str, Any] | None:
    """Fork for each command, in which its order is returned; None at the end of standard input."""
    if len(os.listdir("/proc/self/task")) != 1:
        raise SystemExit("a process with threads must not fork")
    with selectors.DefaultSelector() as chosen, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        os.write(1, b"ready\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        chosen.register(listening, selectors.EVENT_READ)
        chosen.register(0, selectors.EVENT_READ)
        while True:
            for key, _ in chosen.select():
                if key.fileobj == 0:
                    os.unlink(address)
                    return None
                if key.fileobj is not listening:
                    _ended(chosen, key)
                    continue
                line, _ = listening.accept()
                order, streams = _order(line)
                pid = os.fork()
                if pid == 0:
                    _become(streams, line, held=order["held"])
                    return order
                os.setpgid(pid, pid)
                for one in streams:
                    os.close(one)
                line.sendall(pid.to_bytes(_SIZE))
                chosen.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, line))


def _order(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    head, streams, _, _ = socket.recv_fds(line, _SIZE, 2)
    head += _exactly(line, _SIZE - len(head))
    return json.loads(_exactly(line, int.from_bytes(head))), streams


def _ended(chosen: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, line = key.data
    chosen.unregister(key.fileobj)
    os.close(key.fd)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with line, suppress(BrokenPipeError):  # who asked may have given up
        line.sendall(code.to_bytes(_SIZE, signed=True))


def _become(streams: list[int], line: socket.socket, *, held: bool) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, one in enumerate((nothing, *streams)):
        os.dup2(one, number)
        os.close(one)
    if held and line.recv(1) != _GO:
        os._exit(1)
    line.close()


def _import_all() -> None:
    """Import what commands import when they are run; what only AWS needs is left to them."""
    for package in ("puntual.cli", "puntual.local", "puntual.engines.duckdb"):
        found = importlib.import_module(package)
        for module in pkgutil.iter_modules(found.__path__, f"{package}."):
            if not any(word in module.name for word in ("aws", "remote", "deploy")):
                importlib.import_module(module.name)


def _check_program() -> None:
    """The program is the one that `PYTHONPATH` names first, if it names one."""
    paths = os.environ["PYTHONPATH"].split(os.pathsep)
    named = [p for p in paths if (Path(p) / "puntual").is_dir()]
    found = importlib.import_module("puntual").__file__
    if named and not Path(str(found)).is_relative_to(named[0]):
        raise SystemExit(f"the program is {found} and should be in {named[0]}")


def _main() -> None:
    _check_program()
    _import_all()
    gc.collect()
    gc.freeze()
    order = _serve(sys.argv[1])
    if order is None:
        return
    from puntual import failpoints
    from puntual.cli.main import entry

    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    failpoints.arm(os.environ)
    sys.argv = ["puntual", *order["command"]]
    entry()


if __name__ == "__main__":
    _main()
