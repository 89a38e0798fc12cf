"""
The real command in a process of its own, forked from one that has imported it already.

Two thirds of what a short command takes are imports. One process a session does them and forks
for each command: `entry()` is then what the console script calls, with the arguments, folder,
environment and descriptors of a fresh process. `PUNTUAL_COLD=1` starts an interpreter for each
command instead; the demo, the tutorial, the wheel, the bench and the faults always do.
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
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
APART = ("PYTHON", "LC_", "LANG")
"""Variables that an interpreter reads when it starts: a command with others starts one."""
_SIZE = 4


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
        code = _asked(command, env, (out.fileno(), err.fileno()), seconds)
        told = []
        for stream in (out, err):
            stream.seek(0)
            told.append(stream.read().decode())
    return subprocess.CompletedProcess(command, code, *told)


def _of_interpreter(env: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in env.items() if k.startswith(APART)}


def _asked(command: list[str], env: dict[str, str], streams: tuple[int, int], wait: float) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(_server())
        order = json.dumps({"command": command, "env": env, "cwd": os.getcwd()}).encode()
        socket.send_fds(line, [len(order).to_bytes(_SIZE)], list(streams))
        line.sendall(order)
        line.settimeout(30)
        pid = int.from_bytes(_exactly(line, _SIZE))
        line.settimeout(wait)
        try:
            return int.from_bytes(_exactly(line, _SIZE), signed=True)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(command, wait) from None


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = line.recv(size - len(data))
        if not more:
            raise ConnectionError("the process that forks commands is gone")
        data += more
    return data


@cache
def _server() -> str:
    """Start the process that forks, once in this one; return its address."""
    place = tempfile.mkdtemp(prefix="puntual-warm-")
    address = str(Path(place) / "commands")
    process = subprocess.Popen(
        [sys.executable, "-m", "support.warm", address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(TESTS), "NO_COLOR": "1"},
    )

    def end() -> None:
        process.communicate()
        os.rmdir(place)

    atexit.register(end)
    assert process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        raise ConnectionError("the process that forks commands did not start")
    return address


def _serve(address: str) -> dict[str, object] | None:
    """Fork for each command, in which its order is returned; None at the end of standard input."""
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
                    _become(streams)
                    line.close()
                    return order
                for one in streams:
                    os.close(one)
                line.sendall(pid.to_bytes(_SIZE))
                chosen.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, line))


def _order(line: socket.socket) -> tuple[dict[str, object], list[int]]:
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


def _become(streams: list[int]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, one in enumerate((nothing, *streams)):
        os.dup2(one, number)
        os.close(one)


def _import_all() -> None:
    """Import what commands import when they are run; what only AWS needs is left to them."""
    for package in ("puntual.cli", "puntual.local", "puntual.engines.duckdb"):
        found = importlib.import_module(package)
        for module in pkgutil.iter_modules(found.__path__, f"{package}."):
            if not any(word in module.name for word in ("aws", "remote", "deploy")):
                importlib.import_module(module.name)


def _main() -> None:
    _import_all()
    gc.collect()
    gc.freeze()
    order = _serve(sys.argv[1])
    if order is None:
        return
    from puntual import failpoints
    from puntual.cli.main import entry

    os.chdir(str(order["cwd"]))
    os.environ.clear()
    os.environ.update(order["env"])  # type: ignore[call-overload]
    failpoints.arm(os.environ)
    sys.argv = ["puntual", *order["command"]]  # type: ignore[misc]
    entry()


if __name__ == "__main__":
    _main()
