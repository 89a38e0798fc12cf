"""
Measure puntual's whole day beside what a user would write by hand: `make bench`.

Three contenders get the same files, one after the other: puntual through its real command, a
DuckDB script and a PySpark script. Their reports must agree to the last digit. Then the small
things: a day of 1,000 events, the commands people wait for, and feeding a stream.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.generate import DAY, day_made
from bench.meter import Usage, measure

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
SPARK = WORK / "spark-venv"
PUNTUAL = Path(sys.executable).parent / "puntual"
AS_OF = "2026-11-21T02:00:00-06:00"
GB = 1e9
SMALL = 1_000
GOALS_FROM = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one contender took, and the detail records of the report it made."""

    name: str
    usage: Usage
    report: tuple[str, ...]


def main() -> int:
    """Run everything and return 0 when all ran and the reports agree."""
    asked = _arguments()
    day = day_made(WORK, asked.rows)
    results = [_puntual(day), _by_hand("duckdb", sys.executable, day)]
    spark = _spark_python(install=not asked.no_install)
    if spark:
        results.append(_by_hand("pyspark", spark, day))
    _table(asked.rows, results)
    agree = _agree(results)
    if not asked.big_only:
        whole = asked.rows >= GOALS_FROM
        _small(stream=2_000_000 if whole else asked.rows, times=3 if whole else 1)
    return 0 if agree and all(r.usage.exit == 0 for r in results) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="events of the day")
    parser.add_argument("--no-install", action="store_true", help="do not install PySpark")
    parser.add_argument("--big-only", action="store_true", help="leave the small figures out")
    return parser.parse_args()


def _project(day: Path) -> Path:
    """Return a fresh copy of the bench project with the day's files linked into its inbox."""
    project = day / "puntual"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(HERE / "project", project)
    for folder in ("inbox", "control"):
        shutil.copytree(day / folder, project / folder, copy_function=os.link)
    return project


def _puntual(day: Path) -> Result:
    """Carry the whole day out with `puntual run`, from landed files to the delivered report."""
    project = _project(day)
    _warmed(day)
    usage = measure(_run_command(project), folder=project)
    _tell("puntual", usage)
    lines: tuple[str, ...] = ()
    for file in sorted((project / "out").rglob(f"credit_daily_{DAY:%Y%m%d}_v*.txt")):
        lines = tuple(file.read_text(encoding="utf-8").splitlines()[1:-1])
    return Result(name="puntual", usage=usage, report=lines)


def _warmed(day: Path) -> None:
    """Read what came once, so that whoever is measured first does not pay for a cold disk."""
    for file in sorted((day / "inbox").iterdir()):
        with file.open("rb") as content:
            while content.read(1 << 20):
                pass


def _run_command(project: Path) -> list[str]:
    return [str(PUNTUAL), "-C", str(project), "run", "-d", DAY.isoformat(), "--as-of", AS_OF]


def _by_hand(name: str, python: str, day: Path) -> Result:
    """Run the script that somebody would write by hand."""
    out = day / f"by-hand-{name}"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    _warmed(day)
    script = HERE / f"by_hand_{name}.py"
    usage = measure([python, str(script), str(day / "inbox"), str(out)], folder=out)
    _tell(f"{name} by hand", usage)
    report = out / "report.csv"
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    return Result(name=f"{name} by hand", usage=usage, report=tuple(text.splitlines()))


def _spark_python(*, install: bool) -> str | None:
    """Return the Python that has PySpark 3.5; None, having said why, where there is none."""
    python = SPARK / "bin/python"
    if shutil.which("java") is None:
        print("Spark is left out: there is no java on this machine")
        return None
    if not (SPARK / "made").exists():
        if not install:
            print("Spark is left out: `make bench` installs it into bench/work/spark-venv")
            return None
        print("installing PySpark 3.5 into bench/work/spark-venv")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(SPARK)], check=True)
        pip = [str(python), "-m", "pip", "--quiet", "install", "pyspark==3.5.*", "setuptools"]
        subprocess.run(pip, check=True)
        (SPARK / "made").touch()
    return str(python)


def _tell(name: str, usage: Usage) -> None:
    """Say that a contender ended, and show its words if it failed."""
    took = f"{usage.seconds:.1f} s, {usage.cpu:.1f} s of processor, {usage.peak / GB:.2f} GB"
    print(f"  {name}: {took}, exit {usage.exit}")
    if usage.exit != 0:
        print(usage.output[-4000:])


def _table(rows: int, results: list[Result]) -> None:
    """Print seconds, peak memory and the ratios, beside what is to be reached."""
    ours = results[0].usage
    print(f"\n{rows:,} events, from landed files to the delivered report\n")
    print(f"{'':18}{'seconds':>9}{'cpu s':>9}{'peak GB':>9}{'puntual takes':>15}")
    for result in results:
        ratio = "" if result is results[0] else f"{ours.seconds / result.usage.seconds:.2f} x"
        took = result.usage
        figures = f"{took.seconds:>9.1f}{took.cpu:>9.1f}{took.peak / GB:>9.2f}"
        print(f"{result.name:18}{figures}{ratio:>15}")
    print()
    if rows < GOALS_FROM:
        print(f"  a sample: what is to be reached is asked from {GOALS_FROM:,} events on")
        return
    goals = {"duckdb by hand": 1.0, "pyspark by hand": 0.4}
    failed = [result.name for result in results if result.usage.exit != 0]
    if failed:
        print(f"  no goal is judged, for this did not end well: {', '.join(failed)}")
        return
    for result in results[1:]:
        ratio_to = ours.seconds / result.usage.seconds
        _goal(f"puntual / {result.name}", ratio_to, goals[result.name], "")
    _goal("puntual's peak memory", ours.peak / GB, 2.0, " GB")


def _goal(what: str, found: float, at_most: float, unit: str) -> None:
    mark = "reached" if found <= at_most else "NOT reached"
    print(f"  {what}: {found:.2f}{unit} (at most {at_most:.2f}{unit}) {mark}")


def _agree(results: list[Result]) -> bool:
    """Compare the detail records of all reports, as text."""
    wanted = results[-1].report
    different = [r.name for r in results if r.report != wanted or not r.report]
    if different:
        print(f"  the reports do NOT agree: {', '.join(different)}")
        return False
    print(f"  the {len(results)} reports agree in all {len(wanted)} records")
    return True


def _small(*, stream: int, times: int) -> None:
    """Measure a day of 1,000 events and the quick commands so many times, and feed a stream."""
    day = day_made(WORK, SMALL)
    print(f"\nSmall things (a day of {SMALL:,} events; medians)\n")
    runs = []
    for _ in range(times):
        project = _project(day)
        runs.append(measure(_run_command(project), folder=project))
    _median("puntual run", runs, 2.0)
    again = [measure(_run_command(project), folder=project) for _ in range(times)]
    _median("puntual run, again", again, 2.0)
    for words in (["--help"], ["status"]):
        command = [str(PUNTUAL), "-C", str(project), *words]
        found = [measure(command, folder=project) for _ in range(3 * times)]
        _median(f"puntual {words[0]}", found, 0.2)
    _stream(project, day_made(WORK, stream) / f"inbox/card_events_{DAY:%Y%m%d}_0.jsonl")


def _median(what: str, runs: list[Usage], at_most: float) -> None:
    failed = [run for run in runs if run.exit != 0]
    if failed:
        print(f"  {what}: exit {failed[0].exit}\n{failed[0].output[-2000:]}")
        return
    _goal(what, statistics.median(run.seconds for run in runs), at_most, " s")


def _stream(project: Path, events: Path) -> None:
    """Put events into an embedded stream with the real command, start-up included."""
    name = ["--stream", "bench"]
    stream = [str(PUNTUAL), "-C", str(project), "stream"]
    made = measure([*stream, "create", *name, "--shards", "4"], folder=project)
    put = measure(
        [*stream, "put", *name, "--key", "credit_id", "--as-of", AS_OF],
        folder=project,
        stdin=events,
    )
    if made.exit or put.exit:
        print(
            f"  puntual stream: exit {made.exit or put.exit}\n{(made.output + put.output)[-2000:]}"
        )
        return
    with events.open("rb") as lines:
        count = sum(1 for _ in lines)
    rate = count / put.seconds
    mark = "reached" if rate >= 100_000 else "NOT reached"
    print(
        f"  puntual stream put: {rate:,.0f} records/s, start-up included (at least 100,000) {mark}"
    )


if __name__ == "__main__":
    sys.exit(main())
