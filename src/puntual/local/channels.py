"""Port `Channels` on one machine: console, file, e-mail, webhook; each secret by its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import assert_never

from puntual.errors import PermanentError, PuntualError, TransientError
from puntual.local import smtp, webhook
from puntual.local.disk import make_folder
from puntual.model.notice import Message
from puntual.model.route import Channel, Console, Email, TextFile, Webhook
from puntual.runner.message import event_bytes, lines


class LocalChannels:
    """Sends from this process; what an environment variable holds is read when it is needed."""

    def __init__(
        self, project: Path, environment: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        """
        Begin.

        Args:
            project: The project's folder, to which files are relative.
            environment: Holds the secrets that routes name as `env:NAME`.
            say: Prints a line for people, to standard error.
        """
        self._project = project
        self._environment = environment
        self._say = say

    def send(self, channel: Channel, message: Message) -> str:
        """
        Hand a message to a receiver; see the port.

        Raises:
            TransientError: D2001, D2007.
            PermanentError: D2002, D2003.
        """
        match channel:
            case Console():
                for line in lines(message):
                    self._say(line)
                return "printed"
            case TextFile():
                return _append(self._project / channel.path, event_bytes(message))
            case Email():
                return smtp.send(channel, message, self._secret)
            case Webhook():
                return webhook.send(channel, message, self._secret)
            case _:
                assert_never(channel)

    def _secret(self, reference: str) -> str:
        name = reference.removeprefix("env:")
        value = self._environment.get(name)
        if value:
            return value
        raise PermanentError(
            "D2003",
            f"a notice cannot be sent: the environment variable {name} is not set",
            where=f"puntual.yaml: {reference}",
            expected=f"a value in {name}",
            observed="nothing",
            next_step=f"Set {name} where puntual runs; what waits is sent then.",
        )


def _append(path: Path, line: bytes) -> str:
    try:
        make_folder(path.parent)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            # One write: lines of two processes do not mingle (POSIX write(2), O_APPEND).
            if os.write(fd, line + b"\n") != len(line) + 1:
                raise TransientError("D2001", f"the file {path.name} took a part of a notice only")
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as exc:
        raise _unwritable(path, exc) from exc
    return "written"


def _unwritable(path: Path, error: OSError) -> PuntualError:
    return PermanentError(
        "D2002",
        f"a notice cannot be written to {path.name}: {error.strerror}",
        where=str(path),
        expected="a file that this user may append to",
        observed=error.strerror or type(error).__name__,
        next_step="Correct the route's path, or owner and mode of the file.",
    )
