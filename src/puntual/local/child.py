"""A command of puntual as a child process of the watch, which outlives neither reason nor stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

PATIENCE = 60.0
"""Seconds for a run that was interrupted to end; then it is killed, which loses nothing."""


class Child:
    """A running command; what it says goes where the watch's own words go."""

    def __init__(self, arguments: Sequence[str]) -> None:
        """
        Start a command.

        It has a session of its own, so that Ctrl-C at the watch is handed on by the watch alone.

        Args:
            arguments: After the program's name, such as `run -d 2026-11-20`.
        """
        self._process = subprocess.Popen(  # noqa: S603 - this program, by its own interpreter
            [sys.executable, "-m", "puntual.cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def code(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait for the end, and return the exit code."""
        return self._process.wait()

    def interrupt(self) -> int:
        """Interrupt it as Ctrl-C does, and return its exit code; killed if it does not end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            return self._process.wait()
