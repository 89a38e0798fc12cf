"""
What the state machine adds to each step: `python -m bench.machine.run FOLDER DATE`.

The day has been carried out where the project is deployed (`puntual run --env`), and, to compare,
on this machine. Of the deployed run the time in each state is that between its entry and the next
one, by the machine's history; the time in its steps is what they have written into the journal.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from puntual.cli import places, remote
from puntual.infra.asl import machine
from puntual.local.journal import SqliteJournal
from puntual.ports.journal import Journal
from puntual.project.read import read_project


def main() -> int:
    """Read both journals and the history, and print a line for each state."""
    parser = argparse.ArgumentParser(prog="python -m bench.machine.run", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("day", type=date.fromisoformat)
    parser.add_argument("--env", default=remote.STAGE)
    asked = parser.parse_args()
    project = read_project(asked.folder, env=asked.env)
    with remote.opened(project, asked.folder, asked.env) as there:
        execution = there.executions.found(asked.day, 1)
        if execution is None:
            raise SystemExit(f"{asked.day} was not run in {asked.env}")
        entered = [one for one in there.executions.entered(execution.arn) if one.task]
        steps = seconds_of(there.journal, asked.day)
    here: Mapping[str, float] = {}
    if places.journal_path(asked.folder).exists():
        journal = SqliteJournal(places.journal_path(asked.folder))
        here = seconds_of(journal, asked.day)
        journal.close()
    states: dict[str, Any] = dict(machine(project))["States"]  # type: ignore[assignment]
    print(f"{'state':<32}{'steps':>6}{'state s':>9}{'steps s':>9}{'added s':>9}{'here s':>9}")
    added, count = 0.0, 0
    for one, following in pairwise(entered):
        ids = steps_of(states, one.state)
        whole = (following.at - one.at).total_seconds()
        within = sum(steps.get(step, 0.0) for step in ids)
        local = sum(here.get(step, 0.0) for step in ids)
        added, count = added + whole - within, count + len(ids)
        print(
            f"{one.state:<32}{len(ids):>6}{whole:>9.1f}{within:>9.1f}{whole - within:>9.1f}"
            f"{local:>9.1f}"
        )
    print(f"added by the machine: {added:.1f} s in all, {added / max(count, 1):.2f} s for a step")
    return 0


def seconds_of(journal: Journal, day: date) -> dict[str, float]:
    """Return step id → the seconds in which it was done last, of a day."""
    return {event.step: event.seconds for event in journal.steps(day) if event.outcome == "done"}


def steps_of(states: Mapping[str, Any], name: str) -> list[str]:
    """Return the ids of the steps that a state does; a job's stand in the state that reads it."""
    if name.endswith("-Outcome"):
        return []
    payload = states.get(f"{name}-Outcome", states[name]).get("Parameters", {}).get("Payload", {})
    return list(payload.get("steps", ()))


if __name__ == "__main__":
    raise SystemExit(main())
