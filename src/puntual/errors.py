"""
Every exception puntual raises on purpose.

    PuntualError
    ├── ProjectError     the author's fault; every complaint at once; nothing ran      exit 2
    ├── TransientError   may pass by waiting; retried by name                          exit 3
    ├── PermanentError   waiting will not help; page somebody                          exit 3
    └── EvidenceError    a digest, signature or record does not match; stop            exit 3

Wrong data is none of these: it is a `Finding`, a value (design 4.8). Anything else that is
raised is a bug and keeps its traceback (exit 70).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """
    One thing that is wrong in a project's files.

    Attributes:
        code: Stable code, for `puntual explain CODE`.
        message: What is wrong, in one sentence.
        file: Path relative to the project.
        line: Line, from 1; 0 when the file as a whole is meant.
        column: Column, from 1.
        source: The line itself, for the caret; empty when there is none.
        width: How many characters the caret underlines.
        hint: What to do, such as the nearest known name.
        severity: `error` (nothing runs) or `warning`.
    """

    code: str
    message: str
    file: str
    line: int = 0
    column: int = 0
    source: str = ""
    width: int = 1
    hint: str = ""
    severity: str = "error"


class PuntualError(Exception):
    """Root of every known fault: what, where, expected, observed, and what to do next."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: str = "",
        expected: str = "",
        observed: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.where = where
        self.expected = expected
        self.observed = observed
        self.next_step = next_step

    @property
    def said(self) -> str:
        """Code and message as they may become evidence: without a path of this machine."""
        text, where = self.message, self.where
        if where.startswith("/"):
            text = text.replace(f" at {where}", "").replace(where, where.rpartition("/")[2])
        return f"{self.code} {text}"


class ProjectError(PuntualError):
    """The project or the call is wrong; nothing ran."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        complaints: tuple[Complaint, ...] = (),
        where: str = "",
        expected: str = "",
        observed: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(
            code,
            message,
            where=where,
            expected=expected,
            observed=observed,
            next_step=next_step,
        )
        self.complaints = complaints


class TransientError(PuntualError):
    """A fault that may pass by waiting: a refused connection, a locked database."""


class PermanentError(PuntualError):
    """A fault that waiting does not heal: a full disk, a missing permission."""


_MACHINE = {
    "No space left on device": (
        "T1001",
        "disk full",
        "free space",
        "Free space on that disk, then run again: it continues where it stopped.",
    ),
    "Disk quota exceeded": (
        "T1001",
        "disk quota used up",
        "free space",
        "Free space or raise the quota, then run again: it continues where it stopped.",
    ),
    "Input/output error": (
        "T1003",
        "input/output error",
        "a disk that answers",
        "Look at the disk (`dmesg`, `smartctl`) before anything is run again.",
    ),
}


def machine_fault(said: str, where: str) -> PermanentError | None:
    """
    Return the machine's fault that a library tells in words only; None if it tells of none.

    The words are those of strerror(3) in the C locale, which engines put into their messages.
    """
    for words, (code, message, expected, next_step) in _MACHINE.items():
        if words in said:
            return PermanentError(
                code,
                f"{message}: {where}",
                where=where,
                expected=expected,
                observed=words,
                next_step=next_step,
            )
    return None


class EvidenceError(PuntualError):
    """Bytes are not the bytes that were recorded: stop, and page."""
