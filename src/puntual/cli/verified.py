"""How far a package was verified, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from puntual.cli import text
from puntual.evidence.verify import Line, holds

SIGNS = {True: "✓", False: "✗", None: "·"}
UNPROVEN = "not proven: "

Found = Mapping[Path, Sequence[Line]]


def reached(lines: Sequence[Line]) -> int:
    """
    Return the level up to which everything was looked at and holds; 0: something does not hold.

    At level 1 what a package does not have is said and judged by its trust file; above it, a
    line that is neither yes nor no is a part of the level that was not proven.
    """
    if not holds(lines):
        return 0
    level = 1
    while any(li.level == level + 1 for li in lines) and all(
        li.ok for li in lines if li.level == level + 1
    ):
        level += 1
    return level


def say(found: Found, asked: int | None) -> None:
    """Print every package with its lines, what is not proven, and the level that was reached."""
    for path, lines in found.items():
        text.say(f" {path.name}")
        for line in lines:
            if not line.sentence.startswith(UNPROVEN):
                text.say(f"  L{line.level} {SIGNS[line.ok]} {line.sentence}")
        text.say("  Not proven:")
        for line in lines:
            if line.sentence.startswith(UNPROVEN):
                text.say(f"     {line.sentence.removeprefix(UNPROVEN)}")
        level = reached(lines)
        short = f"; level {asked}, which was asked, was not proven" if level < (asked or 1) else ""
        text.say(f" VERIFIED at L{level}{short}" if level else " NOT VERIFIED")


def as_data(found: Found) -> dict[str, object]:
    """Return the `data` of the answer."""
    return {
        "packages": [
            {
                "package": path.name,
                "verified": holds(lines),
                "level": str(reached(lines)),
                "lines": [
                    {"level": str(line.level), "ok": line.ok, "sentence": line.sentence}
                    for line in lines
                ],
            }
            for path, lines in found.items()
        ]
    }
