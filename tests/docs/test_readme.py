"""What the README shows of `puntual check` is what the program prints."""

from __future__ import annotations

import re
from pathlib import Path

from support.small import puntual, write_project

README = Path(__file__).resolve().parents[2] / "README.md"
COMPLAINT = re.compile(r"```\n\s*(models/movements\.sql:.*?)\n```", re.DOTALL)


def test_the_complaint_in_the_readme_is_what_check_prints(tmp_path: Path) -> None:
    found = COMPLAINT.search(README.read_text(encoding="utf-8"))
    assert found is not None
    shown = found[1].splitlines()
    (line,) = (text.partition(" │ ")[2] for text in shown if re.match(r"\s+\d+ │ ", text))
    write_project(tmp_path, **{"models/movements.sql": line + "\n"})
    assert "\n".join(shown) in puntual(tmp_path, "check").out
