"""
What was raised, as the name by which the flow routes it (design 4.8; `aws.md` 2, "Ours").

The one place of the runner where everything is caught: a known fault goes by the name of its
class, anything else is a bug and goes by its own name, which nothing retries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from puntual.errors import PuntualError
from puntual.planner.flow import error_name
from puntual.runner.flow import Failed


class Bug(Exception):  # noqa: N818 - it stands for another exception, it is none of its own kind
    """
    What nobody expected, raised in another process.

    Attributes:
        name: The class of what was raised there.
        trace: Its traceback, as text.
    """

    def __init__(self, name: str, trace: str) -> None:
        super().__init__(f"{name}, in the process that does the steps:\n{trace}")
        self.name = name
        self.trace = trace


@contextmanager
def attempt() -> Iterator[None]:
    """
    Turn whatever is raised into a failed attempt.

    Raises:
        Failed: Its fault is what was raised. The cause of a bug names its class only: what an
            unexpected exception says may hold values.
    """
    try:
        yield
    except Failed:
        raise
    except PuntualError as error:
        raise Failed(error_name(error), f"{error.code} {error.message}", fault=error) from error
    except Exception as error:
        name = error_name(error)
        raise Failed(name, cause_of_bug(name), fault=error) from error


def cause_of_bug(name: str) -> str:
    """Return what is said of an exception that nobody expected."""
    return f"{name}: a bug; its traceback was printed by the run"


def is_bug(failed: Failed) -> bool:
    """Say whether nobody expected what was raised."""
    return failed.fault is not None and not isinstance(failed.fault, PuntualError)
