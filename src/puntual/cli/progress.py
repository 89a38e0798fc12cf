"""Progress of a run: one line a phase, and on a terminal which step of how many."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from puntual.cli import text
from puntual.cli.shown import notice_line
from puntual.model.notice import Notice
from puntual.model.plan import Step
from puntual.model.shown import printable
from puntual.runner import tell
from puntual.runner.flow import Failed, Retried
from puntual.runner.step import NOT_NEEDED, SKIPPED

if TYPE_CHECKING:
    from rich.live import Live


class Progress:
    """
    Prints a line when a phase of the day ends; a phase is what stands before a step's colon.

    On a terminal the line in progress is shown live, with the number of the step.
    """

    def __init__(self, day: date, *, live: bool) -> None:
        self._phase = ""
        self._seconds = 0.0
        self._outcomes: list[str] = []
        self._summaries: list[str] = []
        self._live = _live() if live else None
        text.say(f" {day.isoformat()}")
        if self._live:
            self._live.start()

    def started(self, step: Step, number: int, of: int) -> None:
        """Begin a step; a new phase prints the one before."""
        phase = step.id.partition(":")[0]
        if phase != self._phase:
            self._flush()
            self._phase = phase
        if self._live:
            self._live.update(f"  {phase:<10} ◌  {step.id}  step {number} of {of}")

    def begun(self, step: Step, *, resumed: bool) -> None:
        """Say where a run goes on that was stopped before."""
        if resumed:
            self._say(f"  resumes at {step.id}")

    def failed(self, step: Step, attempts: int, failed: Failed) -> None:
        """Say that a step failed for good."""
        self._say(f"  {step.id:<10} ✕  failed {tell.after(attempts)}: {failed.cause}")

    def retried(self, retried: Retried) -> None:
        """Say that an attempt failed and when the next one is made."""
        self._say(f"  {retried.state.name:<10} ↻  {tell.retry(retried)}")

    def noticed(self, notice: Notice) -> None:
        """Say that people are told, or that it is over."""
        self._say(f"  {notice_line(notice)}")

    def tick(self) -> None:
        """Redraw the live line; nothing else draws it, so that no thread is needed."""
        if self._live:
            self._live.refresh()

    def finished(self, step: Step, outcome: str, seconds: float, summary: str) -> None:
        """Add a step's outcome to its phase."""
        self._seconds += seconds
        self._outcomes.append(outcome)
        if summary:
            self._summaries.append(summary)

    def close(self) -> None:
        """Print the last phase."""
        self._flush()
        if self._live:
            self._live.stop()
            self._live = None

    def _flush(self) -> None:
        if not self._outcomes:
            return
        line = f"  {self._phase:<10} {self._glyph()}  {' · '.join(self._summaries)}"
        if set(self._outcomes) == {SKIPPED}:
            line += "  (committed before)"
        elif NOT_NEEDED not in self._outcomes:
            line = f"{line}  {self._seconds:.1f} s"
        self._outcomes, self._summaries, self._seconds = [], [], 0.0
        self._print(line)

    def _say(self, line: str) -> None:
        """Print a line at once, after what ended before it."""
        self._flush()
        self._print(line)

    def _print(self, line: str) -> None:
        if self._live:
            self._live.console.print(printable(line), highlight=False, markup=False, soft_wrap=True)
        else:
            text.say(line)

    def _glyph(self) -> str:
        if set(self._outcomes) == {NOT_NEEDED}:
            return "○"
        findings = any("finding" in s or "held" in s for s in self._summaries)
        return "◐" if findings else "●"


def _live() -> Live:
    """Return a line that is redrawn; rich is imported only where people are watching."""
    from rich.console import Console
    from rich.live import Live

    console = Console(markup=False, highlight=False)
    return Live(console=console, transient=True, auto_refresh=False)


class Silent:
    """Says nothing: standard output is for the JSON answer."""

    def started(self, step: Step, number: int, of: int) -> None:
        """Say nothing."""

    def finished(self, step: Step, outcome: str, seconds: float, summary: str) -> None:
        """Say nothing."""

    def begun(self, step: Step, *, resumed: bool) -> None:
        """Say nothing."""

    def failed(self, step: Step, attempts: int, failed: Failed) -> None:
        """Say nothing."""

    def retried(self, retried: Retried) -> None:
        """Say nothing."""

    def noticed(self, notice: Notice) -> None:
        """Say nothing."""

    def tick(self) -> None:
        """Draw nothing."""

    def close(self) -> None:
        """Say nothing."""


def watcher(day: date, *, quiet: bool) -> Progress | Silent:
    """Return what watches a run: live on a terminal, plain lines elsewhere."""
    return Silent() if quiet else Progress(day, live=text.on_terminal())
