"""The `run:` section of `puntual.yaml`: what may stand there, and what is said of the rest."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest
from core.project.base import FILES, first_lines, shown, write

from puntual.errors import Complaint
from puntual.model.run import DEFAULT_TIMES, RunSettings, StepTimes
from puntual.project.read import lint, read_project


def with_run(text: str) -> dict[str, str]:
    return {**FILES, "puntual.yaml": FILES["puntual.yaml"] + text}


def settings(tmp_path: Path, text: str) -> RunSettings:
    return read_project(write(tmp_path, with_run(text))).run


def complaints(tmp_path: Path, text: str) -> tuple[Complaint, ...]:
    project, found, _ = lint(write(tmp_path, with_run(text)))
    assert project is None
    return found


def test_a_project_without_the_section_has_the_defaults(tmp_path: Path) -> None:
    assert settings(tmp_path, "") == RunSettings()
    assert RunSettings().starts == time(2, 0)
    assert RunSettings().margin == 15 * 60


def test_start_and_margin_are_read(tmp_path: Path) -> None:
    run = settings(tmp_path, 'run: {starts: "01:30", margin: 1 h}\n')
    assert (run.starts, run.margin) == (time(1, 30), 3600)
    assert run.kinds == DEFAULT_TIMES


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("90 s", 90), ("90s", 90), ("2 min", 120), ("1 h", 3600), ("24 h", 86_400)],
)
def test_a_length_of_time_has_a_unit_or_is_in_seconds(
    tmp_path: Path, written: str, seconds: int
) -> None:
    run = settings(tmp_path, f"run: {{steps: {{load: {{timeout: {written}}}}}}}\n")
    assert run.kinds["load"].timeout == seconds


def test_a_step_has_its_own_times_else_those_of_its_kind_else_of_every_step(
    tmp_path: Path,
) -> None:
    run = settings(
        tmp_path,
        """\
run:
  steps:
    every: {retries: 0, interval: 3 s}
    load: {timeout: 20 min, retries: 1}
    load:credits: {retries: 2, backoff: 3, max_delay: 10 min}
    validate: {timeout: 30 s}
""",
    )
    assert run.kinds["load"] == StepTimes(timeout=1200, retries=1, interval=3)
    assert run.steps == {
        "load:credits": StepTimes(timeout=1200, retries=2, interval=3, backoff=3, max_delay=600)
    }
    assert run.kinds["land"] == StepTimes(
        timeout=DEFAULT_TIMES["land"].timeout, retries=0, interval=3
    )
    assert run.kinds["validate"] == StepTimes(timeout=30, retries=0, interval=3)
    assert set(run.kinds) == set(DEFAULT_TIMES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run: soon\n", "C1010  'run' must be a mapping"),
        ('run: {begins: "02:00"}\n', "C1008  unknown key 'begins' in 'run'"),
        ("run: {starts: 2}\n", "C1010  'starts' must be text"),
        ("run: {starts: 2am}\n", "C1011  '2am' is no time of day"),
        ('run: {starts: "24:00"}\n', "C1011  '24:00' is no time of day"),
        ("run: {margin: soon}\n", "C1011  'margin' is no length of time"),
        ("run: {margin: 1.5}\n", "C1010  'margin' must be a length of time"),
        ("run: {margin: true}\n", "C1010  'margin' must be a length of time"),
        ("run: {margin: 25 h}\n", "C1011  'margin' must lie between 0 s and 24 h"),
        ("run: {margin: -1}\n", "C1011  'margin' must lie between 0 s and 24 h"),
        ("run: {steps: [land]}\n", "C1010  'steps' must be a mapping"),
        ("run: {steps: {laod: {}}}\n", "C1012  'laod' is no kind of step and no step"),
        ("run: {steps: {land: 5}}\n", "C1010  the times of 'land' must be a mapping"),
        ("run: {steps: {land: {tries: 5}}}\n", "C1008  unknown key 'tries' in the times of 'land'"),
        ("run: {steps: {land: {timeout: 0}}}\n", "C1011  'timeout' must lie between 1 s and 24 h"),
        ("run: {steps: {land: {timeout: 10 m}}}\n", "C1011  'timeout' is no length of time"),
        ("run: {steps: {land: {retries: -1}}}\n", "C1011  'retries' must lie between 0 and 100"),
        ("run: {steps: {land: {retries: 101}}}\n", "C1011  'retries' must lie between 0 and 100"),
        ("run: {steps: {land: {backoff: 1.5}}}\n", "C1010  'backoff' must be a whole number"),
        ("run: {steps: {land: {backoff: 0}}}\n", "C1011  'backoff' must lie between 1 and 10"),
        ("run: {steps: {land: {interval: 2 h}}}\n", "C1011  'interval' must lie between 1 s and 1"),
        ("run: {steps: {load:credit: {}}}\n", "C1012  no step is called 'load:credit'"),
        ("run: {steps: {validate:x: {}}}\n", "C1012  no step is called 'validate:x'"),
    ],
)
def test_everything_else_is_complained_about_at_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    (line,) = first_lines(complaints(tmp_path, text))
    place, _, rest = line.partition("  ")
    lines = FILES["puntual.yaml"].count("\n")
    assert place.startswith(f"puntual.yaml:{lines + 1}:")
    assert rest.startswith(said)


def test_the_caret_stands_under_the_value_and_the_nearest_name_is_told(tmp_path: Path) -> None:
    text = """\
run:
  starts: 2 in the night
  steps:
    deliver:credit_dayly: {timeout: ten minutes}
"""
    assert shown(complaints(tmp_path, text)) == (
        "puntual.yaml:31:11  C1011  '2 in the night' is no time of day\n"
        "    31 │   starts: 2 in the night\n"
        '       │           ^^^^^^^^^^^^^^ write it as "02:00"\n'
        "puntual.yaml:33:5  C1012  no step is called 'deliver:credit_dayly'\n"
        "    33 │     deliver:credit_dayly: {timeout: ten minutes}\n"
        "       │     ^^^^^^^^^^^^^^^^^^^^ did you mean 'deliver:credit_daily'?\n"
        "puntual.yaml:33:37  C1011  'timeout' is no length of time\n"
        "    33 │     deliver:credit_dayly: {timeout: ten minutes}\n"
        "       │                                     ^^^^^^^^^^^ write it as 90 s, 10 min or 2 h"
    )


def test_an_environment_may_not_change_the_times(tmp_path: Path) -> None:
    files = {
        **FILES,
        "puntual.yaml": FILES["puntual.yaml"].replace(
            "  ci:\n", '  late:\n    run: {starts: "03:00"}\n  ci:\n'
        ),
    }
    (found,) = lint(write(tmp_path, files))[1]
    assert found.code == "C1008"
