"""
Build the wheel twice, compare the bytes, and try it where nothing else is: `make wheel`.

The fresh environment gets the locked run-time requirements and the wheel, no extra, and not the
checkout; so what the package forgot to pack is missed here and not at a user's.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_CODE = ("puntual/py.typed",)


def build(into: Path) -> Path:
    """Build the wheel with a pinned clock and return its path."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(into)]
    subprocess.run([*command, str(ROOT)], check=True, env=environment, stdout=subprocess.DEVNULL)
    (wheel,) = into.glob("puntual-*.whl")
    return wheel


def missing(wheel: Path) -> list[str]:
    """Return what stands in `src/puntual` and is not in the wheel."""
    packed = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    wanted = {
        file.relative_to(source).as_posix()
        for file in (source / "puntual").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    return sorted((wanted | set(NOT_CODE)) - packed)


def try_out(wheel: Path, folder: Path) -> None:
    """Install the wheel and its locked requirements in a fresh environment, and run it."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv/bin/python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    locked = str(ROOT / "requirements/run.txt")
    subprocess.run([*pip, "--require-hashes", "-r", locked], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    for words in (["--version"], ["--help"], ["explain", "--help"], ["doctor", "--help"]):
        command = [str(folder / "venv/bin/puntual"), *words]
        done = subprocess.run(
            command, check=True, cwd=folder, capture_output=True, text=True, timeout=60
        )
        print(f"  puntual {' '.join(words)}: {done.stdout.strip().splitlines()[0]}")


def main() -> int:
    """Build, compare, look for what is missing, try out; 0 when all is well."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        wheels = [build(here / name) for name in ("first", "second")]
        digests = {hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels}
        if len(digests) != 1:
            print("two builds of the same tree differ", file=sys.stderr)
            return 1
        forgotten = missing(wheels[0])
        if forgotten:
            print(f"not in the wheel: {', '.join(forgotten)}", file=sys.stderr)
            return 1
        print(f"{wheels[0].name}: two builds agree, sha256 {digests.pop()}")
        try_out(wheels[0], here)
    return 0


if __name__ == "__main__":
    sys.exit(main())
