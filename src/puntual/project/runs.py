"""Reads the `run:` section of `puntual.yaml`: when a run starts, how long its steps may take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import time

from puntual.model.plan import (
    Attest,
    Build,
    Curate,
    Decide,
    Deliver,
    Land,
    Load,
    MakeReport,
    Reconcile,
    Rehearse,
    Validate,
)
from puntual.model.project import Project
from puntual.model.run import (
    DEFAULT_TIMES,
    LONGEST_TIMEOUT,
    MOST_RETRIES,
    RunSettings,
    StepTimes,
)
from puntual.project.complaints import suggest
from puntual.project.lengths import read_length
from puntual.project.section import Section

EVERY = "every"
_HOUR = 3600
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def read_run(section: Section | None) -> RunSettings:
    """Read the section; what it does not say is as by default."""
    if section is None or section.broken:
        return RunSettings()
    default = RunSettings()
    starts, margin = _starts(section), _duration(section, "margin", default.margin, low=0)
    steps = section.section("steps", "'steps'", needed=False)
    section.done()
    if steps is None:
        return RunSettings(starts=starts, margin=margin)
    read = {n: s for n, s in _sections(steps) if _is_kind(steps, n)}
    every = read.get(EVERY)
    kinds = {
        kind: _times(read.get(kind), _times(every, times)) for kind, times in DEFAULT_TIMES.items()
    }
    own = {name: _times(s, kinds[_kind(name)]) for name, s in read.items() if ":" in name}
    for times in read.values():
        times.done()
    return RunSettings(starts=starts, margin=margin, kinds=kinds, steps=own)


def check_steps(section: Section | None, project: Project) -> None:
    """Complain about times of a step that the project does not have."""
    steps = section.section("steps", "'steps'", needed=False) if section is not None else None
    if steps is None or steps.broken:
        return
    known = frozenset(_step_ids(project))
    for entry in steps.mapping.entries:
        name = entry.key.text
        if ":" in name and _kind(name) in DEFAULT_TIMES and name not in known:
            hint = suggest(name, known)
            steps.complain("C1012", f"no step is called '{name}'", entry.key, hint=hint)


def _sections(steps: Section) -> Iterator[tuple[str, Section]]:
    for entry in steps.mapping.entries:
        what = f"the times of '{entry.key.text}'"
        yield entry.key.text, Section(entry.value, steps.source, steps.complaints, what)


def _is_kind(steps: Section, name: str) -> bool:
    kind = _kind(name)
    if kind in DEFAULT_TIMES or name == EVERY:
        return True
    entry = steps.mapping.entry(name)
    message = f"'{name}' is no kind of step and no step"
    hint = suggest(kind, (*DEFAULT_TIMES, EVERY))
    steps.complain("C1012", message, entry.key if entry else None, hint=hint)
    return False


def _kind(name: str) -> str:
    return name.partition(":")[0]


def _times(section: Section | None, default: StepTimes) -> StepTimes:
    if section is None or section.broken:
        return default
    return replace(
        default,
        timeout=_duration(section, "timeout", default.timeout),
        retries=section.integer("retries", default.retries, high=MOST_RETRIES),
        interval=_duration(section, "interval", default.interval, high=_HOUR),
        backoff=section.integer("backoff", default.backoff, low=1, high=10),
        max_delay=_duration(section, "max_delay", default.max_delay),
    )


def _starts(section: Section) -> time:
    default = RunSettings().starts
    found = section.text("starts", default.isoformat("minutes"))
    if _TIME.fullmatch(found):
        return time.fromisoformat(found)
    section.complain("C1011", f"'{found}' is no time of day", "starts", hint='write it as "02:00"')
    return default


def _duration(
    section: Section, key: str, default: int, *, low: int = 1, high: int = LONGEST_TIMEOUT
) -> int:
    return read_length(section, key, default, low=low, high=high)


def _step_ids(project: Project) -> Iterator[str]:
    yield from (Land(source=name).id for name in project.sources)
    yield from (Curate(dataset=name).id for name in project.contracts)
    yield from (Build(model=name).id for name in project.models)
    yield from (Load(table=name).id for name in project.warehouse.tables)
    yield from (Validate().id, Reconcile().id)
    for name in project.reports:
        steps = (Decide, MakeReport, Attest, Deliver, Rehearse)
        yield from (step(report=name).id for step in steps)
