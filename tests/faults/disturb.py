"""Carries one case out: disturb a run, look on meanwhile, run again, ask the oracle."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path

from faults import bank, books, oracle
from faults.bank import FIRST, SECOND, Program
from faults.cases import ERRORS, HUNG, PRODUCING, Case, Effect, Outcome, of_calls
from faults.start import Fresh, Ran, Starter

DAYS = {"first": FIRST, "second": SECOND, "put": FIRST}

_OF_NOTICES = ("journal.", "notices.", "outbox.", "file.", "commits.")
_CODE = re.compile(r"\b([CSQRPLDVT]\d{4})\b")
_CALL = re.compile(r"(?P<tid>\d+) +(?P<call>\w+)\((?P<rest>.*)")
_ENDED = re.compile(r"\d+ +\+\+\+ exited with 0 \+\+\+\s*\Z")


def can_trace() -> bool:
    """Say whether strace is here and may trace its own children."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return tried.returncode == 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    A bank at the moment before it is disturbed.

    Attributes:
        name: `first`, `second` or `put`.
        template: The bank; copied for each case.
        truth: What an undisturbed run leaves.
        passed: Failpoint → how often the undisturbed command passes it.
    """

    name: str
    template: Path
    truth: oracle.Truth
    passed: Counter[str]

    @property
    def day(self) -> str:
        """The reference date that is run."""
        return DAYS[self.name]


@dataclass(slots=True)
class Lab:
    """
    A folder in which banks are made and disturbed.

    Attributes:
        folder: Everything lies in it.
        program: The copy of the program.
        starter: Starts its commands.
        scenarios: Made when they are first asked for.
        counted: Scenario → cases of its system calls.
        traced: Scenario → effects of its undisturbed run.
    """

    folder: Path
    program: Program
    starter: Starter = field(default_factory=Fresh)
    scenarios: dict[str, Scenario] = field(default_factory=dict)
    counted: dict[str, list[Case]] = field(default_factory=dict)
    traced: dict[str, list[Effect]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @classmethod
    def at(cls, folder: Path, source: Path) -> Lab:
        """Make a laboratory in an empty folder, with a copy of the program."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder = folder.resolve()
        return cls(folder, Program.copied(source, folder / "code"))

    def scenario(self, name: str) -> Scenario:
        """Return a scenario, made and run once undisturbed when it is first asked for."""
        if name not in self.scenarios:
            make = {"first": bank.first_day, "second": bank.second_day, "put": bank.fed_bank}[name]
            template = make(self.program, self.folder / f"template-{name}")
            clean = shutil.copytree(template, self.folder / f"clean-{name}")
            log = self.folder / f"clean-{name}.log"
            env = self.program.environment(PUNTUAL_FAILPOINTS_LOG=str(log))
            if name == "put":
                self._must(self.program.put(clean, FIRST), env)
            passed = Counter(log.read_text().split() if log.exists() else ())
            self._must(self.program.run(clean, DAYS[name]), env)
            if name != "put":
                passed = Counter(log.read_text().split())
            truth = oracle.Truth.of(clean, DAYS[name])
            signed = books.checkpoints(template)
            wrong = [*oracle.losses(clean, truth, before=signed), *oracle.litter(clean)]
            if wrong:
                raise AssertionError(f"the undisturbed run is wrong: {wrong}")
            self.scenarios[name] = Scenario(name, template, truth, passed)
        return self.scenarios[name]

    def calls(self, name: str) -> list[Case]:
        """Return the cases of system calls, counted when they are first asked for."""
        if name not in self.counted:
            self.counted[name] = list(of_calls(name, self.effects(name)))
        return self.counted[name]

    def effects(self, name: str) -> list[Effect]:
        """Return the effects that an undisturbed run has on its folder, in their order."""
        if name in self.traced:
            return self.traced[name]
        scenario = self.scenario(name)
        root = shutil.copytree(scenario.template, self.folder / f"counted-{name}")
        log = self.folder / f"counted-{name}.strace"
        trace = ["-f", "--seccomp-bpf", "-y", "-s", "4096", "-o", str(log)]
        known = ",".join(f"?{call}" for call in sorted(ERRORS))
        command = self.program.run(root, scenario.day)
        self._must(command, self.program.environment(), [*trace, "-e", f"trace={known}"])
        self.traced[name] = list(effects_in(log, root))
        return self.traced[name]

    def _must(self, command: Sequence[str], env: dict[str, str], trace: Sequence[str] = ()) -> None:
        ran = self.starter.run(command, env, trace)
        if ran.code:
            raise AssertionError(f"exit {ran.code}: {' '.join(command)}\n{ran.text}")

    def carry_out(self, case: Case) -> Outcome:
        """Disturb, look, run again, judge; the folder is kept where something is wrong."""
        scenario = self.scenario(case.scenario)
        home = self.folder / f"case-{next(self._numbers):05}"
        root = shutil.copytree(scenario.template, home / "bank")
        outcome = Outcome(case=case)
        doubled = case.scenario == "put"
        look = oracle.Look(root, scenario.truth, doubled)
        signed = books.checkpoints(root)
        with _looking(look):
            ran = self._disturbed(case, root, home)
        outcome.code = ran.code
        text = (home / "strace").read_text() if case.means == "strace" else ""
        outcome.fired, outcome.passed = _fired(case, home, text)
        outcome.struck = tuple(line for line in text.splitlines() if "(INJECTED)" in line)
        outcome.unreached = not outcome.fired and completed_first(case, ran.code, text)
        _judge_disturbed(outcome, ran, root, scenario)
        if doubled:
            self._put_again(root)
        if outcome.code or doubled:
            with _looking(look):
                command = self.program.run(root, scenario.day)
                again = self.starter.run(command, self.program.environment())
            outcome.again, outcome.seconds = again.code, again.seconds
            if again.code:
                outcome.losses.append(f"the re-run exits {again.code}: {again.text[-600:]}")
        if not outcome.again:
            outcome.losses += oracle.losses(root, scenario.truth, doubled=doubled, before=signed)
            outcome.losses += [f"I5 left open: {n}" for n in oracle.open_notices(root)]
            outcome.losses += oracle.repeated_notices(root)
            outcome.litter = oracle.litter(root)
        look.once()
        outcome.torn = look.torn
        if outcome.wrong:
            (home / "said.txt").write_text(f"{case}\nexit {ran.code}\n{ran.text}\n", "utf-8")
            outcome.where = str(home)
        else:
            shutil.rmtree(home)
        return outcome

    def _disturbed(self, case: Case, root: Path, home: Path) -> Ran:
        day = DAYS[case.scenario]
        put = case.point in PRODUCING
        command = self.program.put(root, day) if put else self.program.run(root, day)
        if case.means == "failpoint":
            env = self.program.environment(
                PUNTUAL_FAILPOINTS=f"{case.point}={case.fault}@{case.nth}",
                PUNTUAL_FAILPOINTS_LOG=str(home / "passed"),
            )
            return self.starter.run(command, env)
        killed = case.fault == "SIGKILL"
        fault = f"signal={case.fault}" if killed else f"error={case.fault}"
        # With --seccomp-bpf, which is faster, strace 6.1 makes errors and forgets signals.
        trace = ["-f", *(() if killed else ("--seccomp-bpf",)), "-y", "-s", "64"]
        trace += ["-o", str(home / "strace"), "-e", f"trace={case.point}"]
        trace += ["-e", f"inject={case.point}:{fault}:when={case.nth}"]
        trace += ["-P", str(root / case.path)] if case.path else []
        return self.starter.run(command, self.program.environment(), trace)

    def _put_again(self, root: Path) -> None:
        """The producer had no answer: it sends everything again, and vouches for what it sent."""
        self._must(self.program.put(root, FIRST), self.program.environment())
        records, amount = 0, Decimal(0)
        for payload in oracle.in_stream(root):
            records += 1
            amount += Decimal(payload["amount"])
        bank.vouch(root, "cards", FIRST, records, amount)


def effects_in(log: Path, root: Path) -> Iterator[Effect]:
    """Yield the effects below a folder that a log of strace tells of."""
    counts: Counter[tuple[str, ...]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        found = _CALL.fullmatch(line)
        if found is None or found["call"] not in ERRORS:
            continue
        said = found["rest"].split(" = ")[0]
        paths = re.findall(rf"{re.escape(str(root))}/([^\">]*)", said)
        path = paths[0] if len(paths) == 1 else ""
        cell = (found["tid"], found["call"])
        counts[cell] += 1
        counts[*cell, path] += 1
        works = "= -1" not in line and (found["call"] != "openat" or "O_CREAT" in line)
        if paths and works:
            yield Effect(
                thread=found["tid"],
                call=found["call"],
                nth=counts[cell],
                path=path,
                nth_on_path=counts[*cell, path],
            )


def _judge_disturbed(outcome: Outcome, ran: Ran, root: Path, scenario: Scenario) -> None:
    case, text = outcome.case, ran.text
    code = _CODE.search(text)
    outcome.message = code[1] if code else ""
    bug = "Traceback" in text
    if bug != (ran.code == 70) or (bug and case.fault != "raise:KeyError"):
        outcome.losses.append(f"exit {ran.code} with a traceback of ours: {text[-900:]}")
    if ran.hung and case.fault != HUNG:
        outcome.losses.append("the command hung")
    # An `openat` of another thread may be the one that reads the project.
    unread = case.point == "openat" and outcome.message == "C1001"
    if case.fault in ("ENOSPC", "EIO") and ran.code not in (0, 3) and not unread:
        outcome.losses.append(f"{case.fault} ends with exit {ran.code}: {text[-600:]}")
    # A `write` may be the one to the terminal.
    silenced = case.point == "write" and case.fault in ("ENOSPC", "EIO")
    if ran.code == 3 and not outcome.message and not silenced:
        outcome.losses.append(f"exit 3 without a code: {text[-600:]}")
    outcome.losses += oracle.untruthful(root, scenario.truth)
    if ran.code == 3:
        # An error of the disk, or one raised where notices are written, may keep them from it.
        silent = case.means == "strace" or case.point.startswith(_OF_NOTICES)
        outcome.losses += oracle.unheard(root, scenario.day, text, may_be_silent=silent)


def _fired(case: Case, home: Path, trace: str) -> tuple[bool, frozenset[str]]:
    """Say whether the fault was made, and which failpoints were passed on the way."""
    if case.means == "strace":
        made = _killed_at(case, trace) if case.fault == "SIGKILL" else "(INJECTED)" in trace
        return made, frozenset()
    log = home / "passed"
    passed = Counter(log.read_text().split() if log.exists() else ())
    return passed[case.point] >= case.nth, frozenset(passed)


def _killed_at(case: Case, trace: str) -> bool:
    """Say whether a thread came to the N-th call and did not come back from it."""
    counts: Counter[str] = Counter()
    ended: set[str] = set()
    for line, tid in _calls_of(case.point, trace):
        counts[tid] += 1
        if line.rstrip().endswith(("= ?", "<unfinished ...>")):
            ended.add(tid)
    return any(counts[tid] == case.nth for tid in ended)


def completed_first(case: Case, code: int, trace: str) -> bool:
    """
    Say whether a run completed before any thread came to the N-th call: the series ends there.

    Believed only where strace saw such calls, and the run to its end: what was not measured is
    not over. So the first call of a series is always within reach.
    """
    if case.means != "strace" or code != 0 or not _ENDED.search(trace):
        return False
    counts = Counter(tid for _, tid in _calls_of(case.point, trace))
    return 0 < max(counts.values(), default=0) < case.nth


def _calls_of(name: str, trace: str) -> Iterator[tuple[str, str]]:
    """Yield the lines in which a thread begins such a call, each with the thread."""
    for line in trace.splitlines():
        found = _CALL.fullmatch(line)
        if found is not None and found["call"] == name:
            yield line, found["tid"]


@contextmanager
def _looking(look: oracle.Look) -> Iterator[None]:
    """Look again and again from a thread, as a reader of the data would."""
    done = threading.Event()
    failed: list[BaseException] = []

    def on() -> None:
        try:
            while not done.wait(0.05):
                look.once()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            failed.append(error)

    thread = threading.Thread(target=on)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    if failed:
        raise failed[0]
