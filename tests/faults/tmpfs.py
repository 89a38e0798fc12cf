"""
A day on a disk that is really full: a tmpfs that shrinks in mid-run, then has room again.

Run in a mount namespace of its own, so that nothing is left mounted and no right is needed:

    unshare --map-root-user --mount python -m faults.tmpfs LAB SCENARIO SIGN
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from faults import oracle
from faults.bank import Program
from faults.disturb import DAYS
from faults.start import Fresh

ROOM = 40 << 20


def possible() -> bool:
    """Say whether this machine lets us mount a tmpfs in a namespace of our own."""
    if shutil.which("unshare") is None:
        return False
    mount = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0


def on_a_full_disk(lab: Path, scenario: str, sign: str) -> dict[str, object]:
    """
    Run a day on a disk that fills up in mid-run, then with room; return what happened.

    Args:
        lab: Folder of a laboratory whose scenario has been made.
        scenario: Its name.
        sign: Path below the bank; when it appears, the disk has no byte left.
    """
    code = ["unshare", "--map-root-user", "--mount", sys.executable, "-m", "faults.tmpfs"]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(
        [*code, str(lab), scenario, sign], capture_output=True, text=True, env=env, check=False
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def main(arguments: Sequence[str]) -> int:
    """Do it, inside the namespace; print the answer as JSON."""
    lab, scenario, sign = Path(arguments[0]), arguments[1], arguments[2]
    program, day = Program(lab / "code"), DAYS[scenario]
    truth = oracle.Truth.of(lab / f"clean-{scenario}", day)
    disk = lab / "disk"
    disk.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={ROOM}", "none", str(disk))
    root = shutil.copytree(lab / f"template-{scenario}", disk / "bank")
    filler = threading.Thread(target=_fill, args=(disk, root / sign))
    filler.start()
    command, env = program.run(root, day), program.environment()
    full = Fresh().run(command, env)
    filler.join()
    untrue = list(oracle.untruthful(root, truth))
    (disk / "ballast").unlink()
    again = Fresh().run(command, env)
    answer = {
        "code": full.code,
        "said": full.text,
        "untrue": untrue,
        "again": again.code,
        "again_said": again.text,
        "losses": list(oracle.losses(root, truth)) if again.code == 0 else [],
        "litter": oracle.litter(root),
    }
    sys.stdout.write(json.dumps(answer))
    return 0


def _fill(disk: Path, sign: Path) -> None:
    """Wait for a sign, then take every byte that is left."""
    until = time.monotonic() + 60
    while not sign.exists() and time.monotonic() < until:
        time.sleep(0.001)
    with open(disk / "ballast", "wb", buffering=0) as file:
        for block in (1 << 20, 1 << 12):
            try:
                while file.write(b"\0" * block) == block:
                    pass
            except OSError:
                continue


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
