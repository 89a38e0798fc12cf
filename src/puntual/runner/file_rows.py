"""
A report's file against the warehouse, line by line.

The file's bytes are read back by the layout and compared, as a multiset of rows, with what the
report's query gives on the warehouse now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TypeVar

from puntual.checks.reconcile import DIGITS, is_broken
from puntual.model.broken_row import BrokenRow, BrokenRows, ChangedCell, RowClass
from puntual.model.control import Hop
from puntual.model.report import Layout, Report
from puntual.render.readback import read_back
from puntual.runner.stated import stated_in
from puntual.runner.world import DayRun

_EXACT = Context(prec=DIGITS)

Cells = tuple[object, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """A detail record of a report's file: its number in the file, from 1, and its values."""

    number: int
    cells: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """
    A report's file as it was read back, beside the rows of its query on the warehouse.

    Attributes:
        names: The detail's fields.
        answered: What the report's query gives on the warehouse now.
        lines: What stands in the file.
        problems: Why the file could not be read, one sentence each.
    """

    names: tuple[str, ...]
    answered: tuple[Cells, ...]
    lines: tuple[FileLine, ...]
    problems: tuple[str, ...] = ()


def file_rows(run: DayRun, report: Report) -> FileRows | None:
    """
    Read a report's file back; None where none was made.

    Raises:
        EvidenceError: The file is missing or altered.
        PermanentError: Q1001 the report's SQL failed.
        TransientError: The warehouse does not answer.
    """
    made = run.published.get(f"report:{report.name}")
    files = made.manifest.of_role("report") if made is not None else ()
    if not files:
        return None
    with stated_in(report.file):
        answer = run.world.warehouse.query(report.sql, {"reference_date": run.date}, limit=None)
    data = run.world.objects.read(files[0])
    back = read_back(report.layout, data, answer.names, answer.types)
    first = _first_line(report.layout)
    names = tuple(f.name for f in report.layout.detail)
    columns = dict(zip(names, back.columns, strict=False))
    rows = _rows([columns[n] for n in names if n in columns])
    return FileRows(
        names=names,
        answered=_rows([answer.columns[answer.names.index(n)] for n in names]),
        lines=tuple(FileLine(number=first + i, cells=row) for i, row in enumerate(rows)),
        problems=tuple(p.sentence for p in back.problems),
    )


def _first_line(layout: Layout) -> int:
    return 1 + int(bool(layout.header)) + int(bool(layout.column_names))


def _rows(columns: Sequence[Sequence[object]]) -> tuple[Cells, ...]:
    return tuple(zip(*(tuple(map(_bare, c)) for c in columns), strict=True)) if columns else ()


def _bare(value: object) -> object:
    """A file knows no difference between an empty text and a null."""
    return None if value == "" else value


def behind_file(run: DayRun, hop: Hop, about: str, *, limit: int) -> BrokenRows:
    """
    Return the lines of a report's file that are not what its query gives on the warehouse.

    Raises:
        As `file_rows` does.
    """
    name = hop.right.removeprefix("file ")
    report = run.project.reports[name]
    found = file_rows(run, report)
    dataset = f"report:{name}"
    if found is None:
        note = "no file was made: what does not fit its layout is in `puntual exceptions`"
        return BrokenRows(dataset=dataset, about=about, notes=(note,))
    rows = tuple(_differences(found, tuple(hop.residual_sums)))
    counts = Counter(r.of_class for r in rows)
    notes = found.problems
    if not rows and not notes:
        same = f"the file holds exactly the {len(found.answered):,} rows of {report.file}'s query"
        ties = (f"tie of {t.column}: {t.query}" for t in report.ties if t.dataset == hop.dataset)
        other = f"{same}: the tie's own query on {hop.dataset} sees others"
        notes = (other, *ties) if is_broken(hop) else (same,)
    return BrokenRows(
        dataset=dataset,
        about=about,
        rows=rows[:limit],
        counts=dict(sorted(counts.items())),
        notes=notes,
    )


def _differences(found: FileRows, measures: Sequence[str]) -> Iterator[BrokenRow]:
    """Yield rows of one side only; two that have the same texts and days are one that changed."""
    left = list((Counter(found.answered) - Counter(line.cells for line in found.lines)).elements())
    spare = Counter(found.answered)
    right = []
    for line in found.lines:
        if spare[line.cells]:
            spare[line.cells] -= 1
        else:
            right.append(line)
    rows = _grouped(left, lambda row: row)
    lines = _grouped(right, lambda line: line.cells)
    for key in dict.fromkeys((*rows, *lines)):
        one, two = rows.get(key, []), lines.get(key, [])
        if len(one) == len(two) == 1:
            yield _changed(found.names, one[0], two[0], measures)
            continue
        for row in one:
            yield BrokenRow(
                of_class=RowClass.MISSING,
                cells=tuple(zip(found.names, row, strict=True)),
                amounts=_amounts(found.names, row, None, measures),
            )
        for line in two:
            yield BrokenRow(
                of_class=RowClass.EXTRA,
                cells=tuple(zip(found.names, line.cells, strict=True)),
                amounts=_amounts(found.names, None, line.cells, measures),
                line=line.number,
            )


def _grouped(rows: Iterable[T], cells_of: Callable[[T], Cells]) -> dict[Cells, list[T]]:
    """Group rows by what is no number in them."""
    grouped: dict[Cells, list[T]] = {}
    for row in rows:
        key = tuple(None if _is_number(v) else v for v in cells_of(row))
        grouped.setdefault(key, []).append(row)
    return grouped


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _changed(
    names: Sequence[str], row: Cells, line: FileLine, measures: Sequence[str]
) -> BrokenRow:
    pairs = list(zip(names, row, line.cells, strict=True))
    return BrokenRow(
        of_class=RowClass.CHANGED,
        key=tuple((n, a) for n, a, b in pairs if a == b and not _is_number(a)),
        changed=tuple(ChangedCell(column=n, left=a, right=b) for n, a, b in pairs if a != b),
        amounts=_amounts(names, row, line.cells, measures),
        line=line.number,
    )


def _amounts(
    names: Sequence[str], left: Cells | None, right: Cells | None, measures: Sequence[str]
) -> Mapping[str, Decimal]:
    found = {}
    for measure in (m for m in measures if m in names):
        place = names.index(measure)
        one, two = (_number(side, place) for side in (left, right))
        found[measure] = _EXACT.subtract(one, two)
    return found


def _number(row: Cells | None, place: int) -> Decimal:
    value = row[place] if row is not None else None
    return Decimal(value) if isinstance(value, int | Decimal) else Decimal(0)
