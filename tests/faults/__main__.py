"""
The whole campaign of faults: `make faults`, or a sample of it: `make faults-sample`.

    PYTHONPATH=tests python -m faults                    every point and fault (an hour)
    PYTHONPATH=tests python -m faults --cases 120        so many, spread over points and faults
    PYTHONPATH=tests python -m faults --go-on            what a stopped campaign has not done yet

Exits 1 when a registered point was not exercised, or anything was lost, torn or left lying.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from faults import table
from faults.cases import Case, Outcome, of_failpoints, sample
from faults.disturb import Lab, can_trace
from faults.start import Warm

from puntual.failpoints import POINTS
from puntual.project.program import code_digest

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str]) -> int:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--cases", type=int, default=0, help="how many; 0: all")
    parser.add_argument("--seed", type=int, default=20260302, help="of the sample")
    parser.add_argument("--means", choices=["all", "failpoint", "strace"], default="all")
    parser.add_argument("--match", default="", help="only cases whose name contains this")
    parser.add_argument("--at-once", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--go-on", action="store_true", help="of the same program, after a stop")
    parser.add_argument("--fresh", action="store_true", help="a new interpreter for each run")
    parser.add_argument("--source", type=Path, default=ROOT / "src/puntual")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/faults/lab")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    before = _done(chosen.folder, chosen.source) if chosen.go_on else []
    lab = Lab.at(chosen.folder, chosen.source)
    _begin(lab.folder, chosen.source, before)
    if not chosen.fresh:
        lab.starter = Warm(lab.program.environment(), lab.folder)
    cases = [c for c in _all(lab, chosen.means) if chosen.match in str(c)]
    count = len(cases)
    if chosen.cases:
        cases = sample(cases, chosen.cases, chosen.seed)
    print(f"{len(cases)} of {count} cases, seed {chosen.seed}, {chosen.at_once} at once")
    known = {o.case for o in before}
    outcomes = [o for o in before if o.case in set(cases)]
    if outcomes:
        print(f"{len(outcomes)} of them were carried out before")
    outcomes += _carried_out(lab, [c for c in cases if c not in known], chosen.at_once)
    exercised = {o.case.point for o in outcomes if o.fired}
    whole = chosen.means != "strace" and not chosen.match
    unexercised = sorted(POINTS.keys() - exercised) if whole else []
    lab.starter.close()
    report = table.shown(outcomes) + "\n\n" + table.summary(outcomes, unexercised)
    for outcome in (o for o in outcomes if o.wrong):
        report += "\n\n" + _told(outcome)
    (lab.folder / "table.txt").write_text(report + "\n", "utf-8")
    print(report)
    print(f"\n{time.monotonic() - began:.0f} s; kept in {os.path.relpath(lab.folder)}")
    return 1 if unexercised or any(o.wrong for o in outcomes) else 0


def _begin(folder: Path, source: Path, before: Sequence[Outcome]) -> None:
    (folder / "program").write_text(code_digest(source), "utf-8")
    for outcome in before:
        _keep(folder, outcome)


def _keep(folder: Path, outcome: Outcome) -> None:
    with (folder / "outcomes.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(outcome) | {"passed": sorted(outcome.passed)}) + "\n")


def _done(folder: Path, source: Path) -> list[Outcome]:
    """Return what a campaign with the same program has carried out and found right."""
    program, file = folder / "program", folder / "outcomes.jsonl"
    if not (
        program.exists() and file.exists() and program.read_text("utf-8") == code_digest(source)
    ):
        raise SystemExit("there is no campaign with this program to go on with")
    found = []
    for line in file.read_text("utf-8").splitlines():
        facts = json.loads(line)
        case, passed = Case(**facts.pop("case")), frozenset(facts.pop("passed"))
        found.append(Outcome(case=case, passed=passed, **facts))
    return [o for o in found if not o.wrong]


def _all(lab: Lab, means: str) -> list[Case]:
    cases: list[Case] = []
    if means != "strace":
        for name in ("put", "first", "second"):
            cases += of_failpoints(name, lab.scenario(name).passed)
    if means != "failpoint":
        if can_trace():
            calls = lab.calls("first")
            reached = sum(c.fault == "SIGKILL" for c in calls)
            print(f"effects of the first day {len(lab.effects('first'))}, killed at {reached}")
            cases += calls
        elif os.environ.get("CI"):
            raise SystemExit("strace is not here, or may not trace: apt-get install strace")
        else:
            print("strace is not here, or may not trace: faults from outside are left out")
    return cases


def _carried_out(lab: Lab, cases: Sequence[Case], at_once: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(at_once) as pool:
        for outcome in pool.map(lab.carry_out, cases):
            outcomes.append(outcome)
            _keep(lab.folder, outcome)
            if outcome.wrong or len(outcomes) % 50 == 0:
                mark = _told(outcome).splitlines()[0] if outcome.wrong else "as it must be"
                print(f"{len(outcomes)}/{len(cases)}  {mark}", flush=True)
    return outcomes


def _told(outcome: Outcome) -> str:
    lines = [f"WRONG {outcome.case}: exit {outcome.code}, then {outcome.again}; {outcome.where}"]
    if not outcome.fired and not outcome.unreached:
        lines.append("  I9 the fault was not made")
    lines += [f"  {line}" for line in (*outcome.losses, *outcome.torn)]
    lines += [f"  I8 litter {name}" for name in outcome.litter]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
