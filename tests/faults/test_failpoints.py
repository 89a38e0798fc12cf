"""What a failpoint does when the environment asks for it, and that it does nothing otherwise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.small import Ran, puntual

PASS_TWICE = "from puntual.failpoints import failpoint\nfor _ in 'ab': failpoint('step.begun')\n"
FLIP = """\
from puntual.failpoints import corrupted
print([corrupted('file.bytes', b'money').hex() for _ in 'ab'])
"""


def _python(code: str, wanted: str = "", log: Path | None = None) -> Ran:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PUNTUAL_")}
    env |= {"PUNTUAL_FAILPOINTS": wanted} if wanted else {}
    env |= {"PUNTUAL_FAILPOINTS_LOG": str(log)} if log else {}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_without_the_environment_nothing_happens_and_nothing_is_said() -> None:
    assert _python(PASS_TWICE) == Ran(0, "", "")


def test_a_kill_is_a_kill() -> None:
    assert _python(PASS_TWICE, "step.begun=kill").code == -signal.SIGKILL


def test_a_known_fault_is_raised_with_its_code() -> None:
    ran = _python(PASS_TWICE, "step.begun=raise:TransientError")
    assert "TransientError: T9001 a fault was injected at step.begun" in ran.err


def test_a_bug_is_raised_as_itself() -> None:
    assert (
        "KeyError: 'injected at step.begun'" in _python(PASS_TWICE, "step.begun=raise:KeyError").err
    )


def test_injection_is_said_on_standard_error() -> None:
    ran = _python(PASS_TWICE, "step.begun=sleep:0")
    assert (ran.code, ran.err) == (0, "puntual: faults are injected: step.begun\n")


def test_the_nth_passage_counts_over_the_processes_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "passed"
    wanted = "step.begun=raise:TransientError@3"
    assert _python(PASS_TWICE, wanted, log).code == 0
    assert _python(PASS_TWICE, wanted, log).code == 1
    assert log.read_text().split() == ["step.begun"] * 3


def test_corruption_flips_one_bit_once() -> None:
    first, second = _python(FLIP, "file.bytes=corrupt@1").out.strip("[]'\n").split("', '")
    assert bytes.fromhex(second) == b"money"
    differ = int(first, 16) ^ int(second, 16)
    assert differ.bit_count() == 1


def test_the_whole_run_is_killed_from_a_process_that_it_forked() -> None:
    code = (
        "import os\nfrom puntual.failpoints import failpoint\n"
        "if os.fork() == 0: failpoint('step.begun')\nos.wait()\n"
    )
    assert _python(code, "step.begun=kill").code == -signal.SIGKILL


@pytest.mark.parametrize(
    "wanted", ["step.begin=kill", "step.begun=burn", "step.begun=raise:Nothing"]
)
def test_a_wish_that_cannot_be_is_told_and_nothing_runs(tmp_path: Path, wanted: str) -> None:
    ran = puntual(tmp_path, "run", env={"PUNTUAL_FAILPOINTS": wanted, "PUNTUAL_COLD": "1"})
    assert ran.code == 2
    assert "C1091" in ran.err
