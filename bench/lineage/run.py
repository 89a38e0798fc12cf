"""
What it costs to follow a number of a day to raw bytes: `python -m bench.lineage.run DAY_FOLDER`.

The folder is a project of `bench.run` whose day was run (`puntual run -d 2026-11-20`). Each
question is asked by the command in a process of its own: start, the check of every digest, all
SQL, ten contributors with their raw bytes, and the account of every record that is not in it.
The goal is 10 s on 2 cores for 10,000,000 records.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DAY = "2026-11-20"
GOAL = 10.0
QUESTIONS = (
    (("--row", "line:7"), "payments"),
    (("--row", "line:7"), "movements"),
    (("--row", "line:7"), "arrears"),
    (("--row", "trailer"), "balance"),
)


def main() -> int:
    """Ask, print, and return 0 if every number added up."""
    parser = argparse.ArgumentParser(prog="python -m bench.lineage.run", description=__doc__)
    parser.add_argument("day", type=Path, help="folder of a project whose day was run")
    root = parser.parse_args().day
    good = True
    for row, column in QUESTIONS:
        seconds, cpu, number = _asked(root, row, column)
        atom = number["atoms"][0]
        while atom["inner"]:
            atom = atom["inner"][0]
        balance = atom["balances"][0]
        whole = balance["unexplained"] == "0" and atom["adds_up"]
        good = good and whole
        print(
            f"{column:<10} {' '.join(row[1:]):<8} {int(atom['rows']):>10,} contributors of "
            f"{int(balance['records']):>10,} records   {seconds:6.2f} s   {cpu:6.2f} CPU s   "
            f"{'adds up' if whole else 'DOES NOT ADD UP'}"
            f"{'' if cpu <= 2 * GOAL else '   above the goal'}"
        )
    return 0 if good else 1


def _asked(root: Path, row: tuple[str, ...], column: str) -> tuple[float, float, dict[str, Any]]:
    """Return seconds, CPU seconds and the answer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    command = [sys.executable, "-m", "puntual.cli.main", "-C", str(root), "lineage"]
    arguments = ["credit_daily", "-d", DAY, *row, "--column", column, "--json"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, json.loads(done.stdout)["data"]["number"]


if __name__ == "__main__":
    sys.exit(main())
