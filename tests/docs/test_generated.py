"""The generated pages say what the program says, and name every code and command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from puntual.cli.main import COMMANDS
from puntual.model.codes import CODES

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference"


def test_the_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/generate.py"), "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stderr, done.returncode) == ("", 0)


def test_every_code_is_documented_with_its_repair() -> None:
    page = (REFERENCE / "codes.md").read_text(encoding="utf-8")
    missing = [c.code for c in CODES.values() if f"### {c.code} {c.title}\n" not in page]
    assert missing == []
    assert [c.code for c in CODES.values() if f"**Repair:** {c.repair}\n" not in page] == []


def test_every_command_is_documented() -> None:
    page = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"## `puntual {name}`\n" not in page] == []
