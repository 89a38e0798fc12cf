"""What the process of the steps says of a fault that is no step's own."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLOSING = """
import errno, os
from contextlib import contextmanager
from datetime import date
from puntual.local.worker import ForkedWorker
from puntual.runner.flow import Failed
from puntual.runner.step import Order

@contextmanager
def open_world():
    try:
        yield None  # a world without anything in it: the step fails
    finally:
        raise {raised}

worker = ForkedWorker(None, open_world, before_fork=lambda: None, tick=lambda: None)
order = Order(
    reference_date=date(2026, 3, 2), reports=("r",), step="load:r", epoch=1, published={{}}
)
try:
    worker.do(order, timeout=60, begun=lambda: None)
except Failed as failed:
    print(failed.name)
print("a bug while closing:", worker.bug_while_closing)
"""
"""A process whose step fails; what it had open cannot be closed."""


def closing(raised: str) -> tuple[list[str], str]:
    """Return the lines that the run says, and what the process said before it ended."""
    script = CLOSING.format(raised=raised)
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return ran.stdout.splitlines(), ran.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("ENOSPC", "puntual: after a step: T1001 disk full at state/catalog.db\n"),
        ("EIO", "puntual: after a step: T1003 input/output error at state/catalog.db\n"),
    ],
)
def test_a_disk_that_fails_while_the_process_closes_is_told_with_its_code(
    error: str, said: str
) -> None:
    out, err = closing(f"OSError(errno.{error}, os.strerror(errno.{error}), 'state/catalog.db')")
    assert out == ["AttributeError", "a bug while closing: False"]
    assert err == said


def test_a_bug_while_the_process_closes_keeps_its_traceback() -> None:
    out, err = closing("KeyError('closing')")
    assert out == ["AttributeError", "a bug while closing: True"]
    assert err.startswith("Traceback")
    assert "KeyError: 'closing'" in err
