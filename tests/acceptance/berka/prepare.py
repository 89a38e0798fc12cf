"""
Turn the Berka bank data into a report project's sources, byte for byte where it matters.

`account`, `client`, `disp`, `loan` and `district` become tables of a SQLite database, every value
as the text that the source wrote. `trans` becomes one file a day: the source's own bytes, its
header line in front, CR LF kept. The source was cut in the middle of its last line; that line
goes to its day as it is, without a line end.

Each day has a control record, counted here with Python's `Decimal` and apart from puntual: the
count is of lines, the sum of the amounts that a line has. The cut line is counted and has no
amount, so its day's sum is that of the whole lines.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

PROJECT = Path(__file__).parent / "project"
ORIGINAL = Path(__file__).parents[4] / "shared" / "data" / "berka" / "original"
TABLES = ("account", "client", "disp", "district", "loan")
DAY, AMOUNT = 2, 5  # where a line of trans has them


@dataclass(slots=True)
class Day:
    """The lines of one day, and what they come to."""

    lines: list[bytes] = field(default_factory=list)
    amount: Decimal = Decimal("0.00")

    def add(self, line: bytes) -> None:
        """Keep a line; a whole one has an amount."""
        self.lines.append(line)
        if line.endswith(b"\r\n"):
            self.amount += Decimal(line.split(b";")[AMOUNT].decode("ascii"))


def prepare(into: Path, original: Path = ORIGINAL) -> dict[str, Day]:
    """
    Write the project and its sources into a folder.

    Args:
        into: Where; made if it does not exist.
        original: Folder of the `.asc` files, plain or gzipped.

    Returns:
        The days, `YYYYMMDD` → lines and amount, in order.
    """
    shutil.copytree(PROJECT, into, dirs_exist_ok=True)
    for folder in ("data", "inbox", "control"):
        (into / folder).mkdir(exist_ok=True)
    _write_tables(into / "data" / "core.db", original)
    header, *lines = _read(original, "trans").splitlines(keepends=True)
    days = _by_day(lines)
    for name, day in days.items():
        _write_day(into, name, header, day)
    return days


def _read(original: Path, table: str) -> bytes:
    packed = original / f"{table}.asc.gz"
    if packed.is_file():
        return gzip.decompress(packed.read_bytes())
    return (original / f"{table}.asc").read_bytes()


def _by_day(lines: list[bytes]) -> dict[str, Day]:
    days: dict[str, Day] = {}
    for line in lines:
        name = "19" + line.split(b";")[DAY].decode("ascii")
        days.setdefault(name, Day()).add(line)
    return dict(sorted(days.items()))


def _write_day(into: Path, name: str, header: bytes, day: Day) -> None:
    path = into / "inbox" / f"trans_{name}.csv"
    path.write_bytes(header + b"".join(day.lines))
    path.with_name(path.name + ".ok").write_bytes(b"")
    record = {
        "source": "trans",
        "reference_date": f"{name[:4]}-{name[4:6]}-{name[6:]}",
        "count": str(len(day.lines)),
        "sums": {"amount": str(day.amount)},
    }
    text = json.dumps(record, indent=2) + "\n"
    (into / "control" / f"trans_{name}.json").write_text(text, encoding="utf-8")


def _write_tables(path: Path, original: Path) -> None:
    path.unlink(missing_ok=True)
    core = sqlite3.connect(path, isolation_level=None)
    core.execute("BEGIN")
    for table in TABLES:
        rows = _rows(original, table)
        names = [name.lower() for name in next(rows)]
        columns = ", ".join(f"{name} TEXT" for name in names)
        core.execute(f"CREATE TABLE {table} ({columns})")
        marks = ", ".join("?" * len(names))
        core.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    core.execute("COMMIT")
    core.close()


def _rows(original: Path, table: str) -> Iterator[list[str]]:
    text = _read(original, table).decode("ascii")
    return csv.reader(text.splitlines(), delimiter=";", quotechar='"')


def main() -> None:
    """Read the command line and prepare."""
    parser = argparse.ArgumentParser(description="Prepare the Berka acceptance project.")
    parser.add_argument("into", type=Path)
    parser.add_argument("--original", type=Path, default=ORIGINAL)
    options = parser.parse_args()
    days = prepare(options.into, options.original)
    total = sum((day.amount for day in days.values()), Decimal(0))
    lines = sum(len(day.lines) for day in days.values())
    print(f"{len(days)} days, {lines} lines, {total}")  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
