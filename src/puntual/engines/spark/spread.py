"""Work that is not about rows, done side by side by the executors of the application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from py4j.protocol import Py4JJavaError

from puntual.engines.spark.session import application
from puntual.errors import TransientError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def spread(
    work: Callable[[Item], Answer], items: Sequence[Item], *, code: str, where: str
) -> list[Answer]:
    """
    Do something for each item, each in a task of its own, and return the answers in order.

    The application is the one of this process, begun when there is none. What `work` raises is
    a bug, and is raised with its traceback.

    Args:
        work: Is sent to the executors, with what it refers to; faults are answers of its.
        items: For what.
        code: Of the fault that executors were lost.
        where: What is worked on, for the message.

    Raises:
        TransientError: `code`.
    """
    context = application().sparkContext
    try:
        return context.parallelize(items, len(items)).map(work).collect()
    except Py4JJavaError as error:
        if "PythonException" in str(error.java_exception):
            raise
        raise TransientError(
            code,
            "executors were lost",
            where=where,
            expected=f"{len(items)} answers",
            observed=str(error.java_exception.getClass().getName()),
            next_step="Run again; if it stays, give the job larger workers.",
        ) from error
