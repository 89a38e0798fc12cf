"""
What proof costs: `python -m bench.evidence.run [--rows N]`.

Appending a day's events after ten years of them; verifying a day's packages at level 1 and 2; the
size of what a package carries besides the report; and what record roots and ledger take of the
day's processor time. Figures are of the processor, with the wall clock beside: take the ratios.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.generate import day_made
from bench.meter import Usage, measure
from bench.run import WORK, _project, _run_command
from puntual.cli import books
from puntual.cli.packs import open_pack
from puntual.evidence.ledger import Entry, Event, Told, Upto, encode
from puntual.landing.records import record_root
from puntual.local.keys import LocalKeys
from puntual.local.ledger import LocalLedger
from puntual.model.source import StreamSource
from puntual.project.read import read_project
from puntual.runner.packing import pack

YEARS = 73_000
"""Entries of ten years, twenty a day (`evidence.md` 4)."""

DAY = 20
BATCHES = 4
"""How often a day puts something on record: landed, attested, delivered, and its plan."""

PUNTUAL = (sys.executable, "-m", "puntual.cli.main", "-C")


def _entries(number: int) -> list[bytes]:
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    told = [
        Told(event=Event.STEP, step=f"step:{i}", manifest="a" * 64, facts={"records": str(i)})
        for i in range(number)
    ]
    return [encode(Entry(told=t, at=at, epoch=1, trust=1, upto=Upto())) for t in told]


def _ledger(root: Path) -> LocalLedger:
    keys = LocalKeys(root / "keys", str)
    if not keys.exist:
        keys.begin("bench")
    apart = root / "ledger.checkpoint"
    return LocalLedger(root / "ledger", keys.current.origin, apart, keys.note_lines)


def append() -> None:
    """Append a day's events to a ledger of ten years, opened anew, and prove the last."""
    with tempfile.TemporaryDirectory() as folder:
        made = _ledger(Path(folder))
        made.append(_entries(YEARS), epoch=1)
        day = _entries(DAY)
        best, cpu = 9e9, 9e9
        for _ in range(5):
            began, used = time.perf_counter(), time.process_time()
            again = _ledger(Path(folder))
            again.append(day, epoch=1)
            again.inclusion(again.size - 1, again.size)
            again.consistency(YEARS, again.size)
            best = min(best, time.perf_counter() - began)
            cpu = min(cpu, time.process_time() - used)
    _say("append a day's events, 73,000 before", best * 1000, cpu * 1000, "ms", 50)


def verify(root: Path) -> None:
    """Verify a package at level 1 and at level 2, start of Python included."""
    for found in sorted((root / "evidence").glob("*/statement.dsse.json")):
        sizes = sum(f.stat().st_size for f in found.parent.iterdir())
        report = max(f.stat().st_size for f in found.parent.glob("*_v1.*"))
        _say("package beside its report", (sizes - report) / 1000, None, "kB", 50)
        for level, most in (("1", 1.0), ("2", 30.0)):
            asked = ["verify", str(found.parent), "--level", level]
            took = measure([*PUNTUAL, str(root), *asked], folder=root)
            what = f"verify, level {level}" + ("" if took.exit == 0 else f" (exit {took.exit})")
            _say(what, took.seconds, took.cpu, "s", most)


def share(root: Path, day: Usage) -> None:
    """Say what record roots, ledger and package take of a day's processor time."""
    project = read_project(root)
    began = time.process_time()
    for name, contract in project.contracts.items():
        raw = (root / ".puntual/lake/raw" / name).rglob("*")
        paths = sorted(str(p) for p in raw if p.suffix in (".csv", ".jsonl", ".parquet"))
        record_root(paths, contract, stream=isinstance(project.sources[name], StreamSource))
    roots = time.process_time() - began
    began = time.process_time()
    opened = books.open_books(root, project.name)
    entries = [data for _, data in opened.ledger.backwards()]
    with tempfile.TemporaryDirectory() as folder:
        made = _ledger(Path(folder))
        for batch in range(BATCHES):
            made.append(entries[batch::BATCHES], epoch=1)
    for pack_of in sorted((root / "evidence").glob("*/statement.dsse.json")):
        held = open_pack(pack_of.parent)
        pack(opened, {name: held.read(name) for name in held.names})
    ledger = time.process_time() - began
    for what, took in (("record roots", roots), ("ledger and packages", ledger)):
        _say(f"{what}, of the day's {day.cpu:.1f} s", 100 * took / day.cpu, None, "%", 10)


def a_day(rows: int) -> tuple[Path, Usage]:
    """Make a day of so many events and carry it out; see `bench.run`."""
    root = _project(day_made(WORK, rows))
    took = measure(_run_command(root), folder=root)
    if took.exit != 0:
        raise SystemExit(took.output[-4000:])
    return root, took


def _say(what: str, found: float, cpu: float | None, unit: str, most: float) -> None:
    judged = found if cpu is None else cpu
    mark = "reached" if judged <= most else "NOT reached"
    used = "" if cpu is None else f", processor {cpu:.2f} {unit}"
    sys.stdout.write(f"{what:<44} {found:8.2f} {unit}{used} (at most {most:g} {unit}) {mark}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.evidence.run", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="events of the day")
    asked = parser.parse_args()
    append()
    project_of_day, usage = a_day(asked.rows)
    verify(project_of_day)
    share(project_of_day, usage)
