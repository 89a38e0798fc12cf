"""The times that the reference page gives are those of the program."""

from __future__ import annotations

from pathlib import Path

from puntual.model.run import DEFAULT_TIMES, RunSettings, StepTimes
from puntual.planner.explain import length

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/project.md"


def row(key: str) -> str:
    """Return the default that the page gives for a key of `run.steps`."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    (found,) = (line.split("|")[2].strip() for line in lines if line.startswith(f"| `{key}` |"))
    return found


def test_every_kind_of_step_has_the_timeout_that_the_page_gives() -> None:
    given: dict[str, str] = {}
    for part in row("timeout").split("; "):
        kinds, _, time = part.rpartition("` ")
        given |= {kind.strip("`"): time for kind in f"{kinds}`".split(", ")}
    assert given == {kind: length(times.timeout) for kind, times in DEFAULT_TIMES.items()}


def test_every_kind_of_step_has_the_retries_that_the_page_gives() -> None:
    assert row("retries") == "`land`, `deliver` 2; `rehearse` 0; else 1"
    twice = {kind for kind, times in DEFAULT_TIMES.items() if times.retries == 2}
    assert twice == {"land", "deliver"}
    assert {kind for kind, times in DEFAULT_TIMES.items() if times.retries == 0} == {"rehearse"}
    assert {times.retries for times in DEFAULT_TIMES.values()} == {0, 1, 2}


def test_what_else_is_the_same_for_every_step_is_as_the_page_says() -> None:
    default = StepTimes(timeout=1)
    for times in DEFAULT_TIMES.values():
        assert times.interval == default.interval
        assert (times.backoff, times.max_delay) == (default.backoff, default.max_delay)
    assert row("interval") == length(default.interval)
    assert row("backoff") == str(default.backoff)
    assert row("max_delay") == f"{default.max_delay} s"


def test_start_and_margin_are_as_the_page_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    settings = RunSettings()
    assert f"(default {settings.starts:%H:%M}) wall time" in page
    assert f"(default {length(settings.margin)}) all has ended" in page
