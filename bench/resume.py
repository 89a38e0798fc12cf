"""
How long until a killed run goes on: `python -m bench.resume` (goal G7: at most 2 s).

A day is run and killed with SIGKILL in the middle of a step; then it is run again. Measured is
the time from the start of the second process to the line that says at which step it resumes,
and to its end; and the whole day undisturbed, beside it. The report must be the same.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.generate import DAY, generate, size_of

HERE = Path(__file__).resolve().parent
AS_OF = "2026-11-21T02:00:00-06:00"
GOAL = 2.0


def main() -> int:
    """Measure, print, and return 0 if the goal is met and the report was the same every time."""
    parser = argparse.ArgumentParser(prog="python -m bench.resume", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000, help="events of the day")
    parser.add_argument("--times", type=int, default=5, help="how often")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="puntual-resume-") as folder:
        day = Path(folder) / "day"
        generate(day, size_of(asked.rows))
        whole, expected = _undisturbed(day, Path(folder) / "undisturbed")
        found = [_resumed(day, Path(folder) / str(n), expected) for n in range(asked.times)]
    starts = [resumed for resumed, _, _ in found]
    print(f"a day of {asked.rows:,} events, undisturbed: {whole:.2f} s")
    print(f"killed in build, run again {asked.times} times; load {os.getloadavg()[0]:.1f}")
    print(f"  to work resumed  median {statistics.median(starts):.2f} s, worst {max(starts):.2f} s")
    print(f"  to the end       median {statistics.median(e for _, e, _ in found):.2f} s")
    met = "reached" if statistics.median(starts) <= GOAL else "not reached"
    print(f"  goal G7, {GOAL:.0f} s: {met}")
    same = all(same for _, _, same in found)
    print(f"  the report is the same: {same}")
    return 0 if same and met == "reached" else 1


def _undisturbed(day: Path, project: Path) -> tuple[float, bytes]:
    _prepare(day, project)
    began = time.monotonic()
    with _run(project) as process:
        process.communicate()
    return time.monotonic() - began, _report(project)


def _resumed(day: Path, project: Path, expected: bytes) -> tuple[float, float, bool]:
    """Return the seconds to work resumed and to the end, and whether the report is the same."""
    _prepare(day, project)
    with _run(project, PUNTUAL_FAILPOINTS="build.written=sleep:600") as process:
        _line(process, "  curate ")
        process.kill()
    began = time.monotonic()
    with _run(project) as process:
        _line(process, "  resumes at build:")
        resumed = time.monotonic() - began
        process.communicate()
    return resumed, time.monotonic() - began, _report(project) == expected


def _prepare(day: Path, project: Path) -> None:
    shutil.copytree(HERE / "project", project)
    for folder in ("inbox", "control"):
        shutil.copytree(day / folder, project / folder)


def _run(project: Path, **more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "puntual.cli.main", "-C", str(project), "run"]
    return subprocess.Popen(
        [*command, "-d", DAY.isoformat(), "--as-of", AS_OF],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | more,
    )


def _line(process: subprocess.Popen[str], start: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(start):
            return
    sys.exit(f"the run ended without a line {start!r}")


def _report(project: Path) -> bytes:
    return b"".join(f.read_bytes() for f in sorted((project / "out").rglob("*.txt")))


if __name__ == "__main__":
    sys.exit(main())
