"""The campaign's result as a table: points × faults, and what was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from faults.cases import Case, Outcome

HEAD = ("means", "point", "fault", "cases", "≤1 re-run", "losses", "torn", "litter")


def rows(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    """Yield one row for each (means, point, fault) of what was reached, then nothing else."""
    outcomes = _reached(outcomes)
    keys = sorted({_key(o.case) for o in outcomes})
    for key in keys:
        group = [o for o in outcomes if _key(o.case) == key]
        yield (
            *key,
            str(len(group)),
            str(sum(_recovered(o) for o in group)),
            str(sum(bool(o.losses) for o in group)),
            str(sum(bool(o.torn) for o in group)),
            str(sum(bool(o.litter) for o in group)),
            _counted(Counter(_exit(o) for o in group)),
            _seconds(group),
        )


def shown(outcomes: Sequence[Outcome]) -> str:
    """Return the table as text, every column as wide as it must be."""
    lines = [(*HEAD, "exits", "median recovery"), *rows(outcomes)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def summary(outcomes: Sequence[Outcome], unexercised: Sequence[str]) -> str:
    """Return the figures that are to be reached: every point, no loss."""
    later = sum(o.unreached for o in outcomes)
    outcomes = _reached(outcomes)
    points = {(o.case.scenario, o.case.means, o.case.point, o.case.nth) for o in outcomes}
    return "\n".join(
        (
            f"points {len(points)}, cases {len(outcomes)}, "
            f"fault really made {sum(o.fired for o in outcomes)}",
            f"recovered after at most one re-run {sum(map(_recovered, outcomes))}",
            f"losses {sum(bool(o.losses) for o in outcomes)}, "
            f"torn reads {sum(bool(o.torn) for o in outcomes)}, "
            f"litter {sum(bool(o.litter) for o in outcomes)}",
            f"healed without a re-run {sum(o.again is None for o in outcomes)}, "
            f"median time to recover {_seconds(outcomes)}",
            f"not reached: run completed first, {later} case{'' if later == 1 else 's'}",
            f"registered points not exercised: {', '.join(unexercised) or 'none'}",
        )
    )


def _reached(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    return [o for o in outcomes if not o.unreached]


def _key(case: Case) -> tuple[str, str, str]:
    return (case.means, case.point, case.fault)


def _recovered(outcome: Outcome) -> bool:
    return not outcome.again and not outcome.losses


def _exit(outcome: Outcome) -> str:
    told = f" {outcome.message}" if outcome.code > 0 and outcome.message else ""
    return f"{outcome.code}{told}"


def _counted(codes: Counter[str]) -> str:
    return ", ".join(f"{code} ×{n}" for code, n in sorted(codes.items()))


def _seconds(outcomes: Sequence[Outcome]) -> str:
    took = [o.seconds for o in outcomes if o.again is not None]
    return f"{median(took):.1f} s" if took else "none needed"
