"""
Build the wheel twice, compare the bytes, and try it where nothing else is: `make wheel`.

The fresh environment gets the locked run-time requirements and the wheel, no extra, and not the
checkout; so what the package forgot to pack is missed here and not at a user's.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from puntual.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PACKED = {
    "src/puntual": "puntual",
    "examples/credit-report": "puntual/cli/example",
    "verifier": "puntual/cli/verifier",
}
"""What the wheel holds: folder of the checkout, and its place in the wheel."""


def build(into: Path) -> Path:
    """Build the wheel with a pinned clock and return its path."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(into)]
    subprocess.run([*command, str(ROOT)], check=True, env=environment, stdout=subprocess.DEVNULL)
    (wheel,) = into.glob("puntual-*.whl")
    return wheel


def missing(wheel: Path) -> list[str]:
    """Return what belongs into the wheel and is not in it."""
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        place + name.removeprefix(folder)
        for folder, place in PACKED.items()
        for name in _tracked(folder)
    }
    return sorted(wanted - packed)


def surplus(wheel: Path) -> list[str]:
    """Return what is in the wheel and stands nowhere in the repository, such as made data."""
    known = {
        place + name.removeprefix(folder)
        for folder, place in PACKED.items()
        for name in _tracked(folder)
    }
    names = zipfile.ZipFile(wheel).namelist()
    return sorted(n for n in names if n not in known and ".dist-info/" not in n)


def _tracked(folder: str) -> list[str]:
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard", folder]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def try_out(wheel: Path, folder: Path) -> None:
    """Install the wheel and its locked requirements in a fresh environment, and use it."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv/bin/python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    locked = str(ROOT / "requirements/run.txt")
    subprocess.run([*pip, "--require-hashes", "-r", locked], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    puntual = [str(folder / "venv/bin/puntual")]
    words = [["--version"], ["--help"]]
    words += [[name, "--help"] for name in COMMANDS]
    words += [["init", "project"], ["-C", "project", "check"]]
    for arguments in words:
        command = [*puntual, *arguments]
        done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{shlex.join(command)}: exit {done.returncode}\n{done.stderr}")
    print(f"  {len(words)} commands run from the wheel alone, one project made and checked")


def main() -> int:
    """Build, compare, look for what is missing or too much, try out; 0 when all is well."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        wheels = [build(here / name) for name in ("first", "second")]
        digests = {hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels}
        if len(digests) != 1:
            raise SystemExit("two builds of the same tree differ")
        for what, names in (("missing", missing(wheels[0])), ("too much", surplus(wheels[0]))):
            if names:
                raise SystemExit(f"{what} in the wheel: {', '.join(names)}")
        print(f"{wheels[0].name}: two builds agree, sha256 {digests.pop()}")
        try_out(wheels[0], here)
    return 0


if __name__ == "__main__":
    sys.exit(main())
