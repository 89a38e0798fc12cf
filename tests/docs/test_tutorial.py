"""The tutorial's commands run as they are printed, and end as the tutorial says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).resolve().parents[2] / "docs/tutorial/first-delivery.md"
BLOCK = re.compile(r"(?:^    .*\n)+", re.MULTILINE)


def blocks(text: str) -> list[str]:
    """Return the indented blocks of a page: what a reader is told to type."""
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in BLOCK.findall(text)]


@pytest.mark.timeout(300)
def test_the_tutorial_can_be_followed_to_its_end(tmp_path: Path) -> None:
    here = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    first, *rest = blocks(TUTORIAL.read_text(encoding="utf-8"))
    assert first.startswith("puntual init bank\ncd bank\n")

    folder, said = tmp_path, ""
    for block in (first, *rest):
        done = subprocess.run(
            ["sh", "-c", block], cwd=folder, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), block + done.stdout + done.stderr
        said, folder = said + done.stdout, tmp_path / "bank"

    made = {path.name for path in (folder / "out").glob("credit_daily_*.txt")}
    days = ("20261113", "20261117", "20261118", "20261119")
    assert {f"credit_daily_{day}_v1.txt" for day in days} <= made
    assert "already delivered; nothing to do" in said
    assert "Held because:" in said
    assert "✕ branch_20261119_014.csv  lacks 2 rows\n" in said
    assert "VERIFIED" in said
