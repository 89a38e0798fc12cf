"""Progress as lines of JSON on standard output, which is the log of a function or job."""

from __future__ import annotations

import json
import sys

from puntual.model.notice import Notice
from puntual.model.plan import Step
from puntual.runner.flow import Failed, Retried


class Log:
    """A `Watch` that writes; names, words and counts only, never a value (design 4.16)."""

    def __init__(self, run: str) -> None:
        self._run = run

    def started(self, step: Step, number: int, of: int) -> None:
        """Say that a step begins."""
        self._say("started", step=step.id, number=number, of=of)

    def begun(self, step: Step, *, resumed: bool) -> None:
        """Say that a step is not committed, and is done."""
        self._say("begun", step=step.id, resumed=resumed)

    def finished(self, step: Step, outcome: str, seconds: float, summary: str) -> None:
        """Say how a step ended."""
        self._say(
            "finished", step=step.id, outcome=outcome, seconds=round(seconds, 3), summary=summary
        )

    def failed(self, step: Step, attempts: int, failed: Failed) -> None:
        """Say that a step failed for good."""
        self._say("failed", step=step.id, attempts=attempts, error=failed.name, cause=failed.cause)

    def retried(self, retried: Retried) -> None:
        """Say that another attempt follows."""
        self._say("retried", state=retried.state.name, error=retried.error, cause=retried.cause)

    def noticed(self, notice: Notice) -> None:
        """Say that a notice was opened or resolved."""
        word = "opened" if notice.resolved_at is None else "resolved"
        self._say(f"notice {word}", about=str(notice.obligation), cause=notice.cause)

    def raised(self, failed: Failed) -> None:
        """Say what an attempt failed by."""
        self._say("attempt failed", error=failed.name, cause=failed.cause)

    def _say(self, event: str, **facts: object) -> None:
        line = {"event": event, "run": self._run, **facts}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
