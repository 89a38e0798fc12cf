"""
What proof costs: `python -m bench.evidence`.

Appending a day's events after ten years of them, verifying at level 1, and the size of what a
package carries besides the report. Level 2 and the share of a day are measured on the days that
`bench.run` has left in `bench/work`, where there are any.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from puntual.evidence.ledger import Entry, Event, Told, Upto, encode
from puntual.local.keys import LocalKeys
from puntual.local.ledger import LocalLedger

YEARS = 73_000
"""Entries of ten years, twenty a day (`evidence.md` 4)."""

DAY = 20
WORK = Path(__file__).parent / "work"


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
    """Verify the packages of a project at level 1 and at level 2, start of Python included."""
    for pack in sorted((root / "evidence").glob("*/statement.dsse.json")):
        sizes = sum(f.stat().st_size for f in pack.parent.iterdir())
        report = max(f.stat().st_size for f in pack.parent.glob("*_v1.*"))
        sys.stdout.write(f"{root.name}: {(sizes - report) / 1000:.1f} kB beside the report (50)\n")
        for level, most in (("1", 1.0), ("2", 30.0)):
            command = [sys.executable, "-m", "puntual.cli.main", "-C", str(root), "verify"]
            began = time.perf_counter()
            done = subprocess.run(
                [*command, str(pack.parent), "--level", level], capture_output=True, check=False
            )
            took = time.perf_counter() - began
            _say(f"{root.name}: level {level}, exit {done.returncode}", took, took, "s", most)


def _say(what: str, wall: float, cpu: float, unit: str, most: float) -> None:
    sys.stdout.write(f"{what}: {wall:.1f} {unit} (processor {cpu:.1f}; to reach {most:g})\n")


if __name__ == "__main__":
    append()
    for home in (Path(p) for p in sys.argv[1:] or map(str, WORK.glob("*/puntual"))):
        verify(home)
