"""The name that AWS gives to what a Python function raised."""

from __future__ import annotations

DIED = "Runtime.ExitError"
MODULE = "Runtime.ImportModuleError"


def exception_name(trace: str, message: str) -> str:
    r"""
    Return the class in a traceback's last entry, also when the message has several lines.

    >>> exception_name("Traceback …\napp.PermanentError: no rows\n", "no rows")
    'PermanentError'
    """
    entry = trace.rstrip("\n")
    if message:
        entry = entry.removesuffix(message).rstrip()
    last = entry.splitlines()[-1] if entry else ""
    return last.rstrip(":").rpartition(".")[2]


def runtime_name(message: str) -> str | None:
    """Return the name of a fault of the runtime itself; None if it was none."""
    if message in ("Worker process died", "Worker returned no response"):
        return DIED
    if "Worker init failed" in message or "exited immediately" in message:
        return MODULE
    return None
