"""Say whether the stage may start: one complaint a line, and exit 1 if there is any."""

from __future__ import annotations

import sys

from puntual.aws.stage.plugin.pin import complaints


def main(words: list[str]) -> int:
    """Print every complaint."""
    said = complaints()
    sys.stdout.write("".join(f"{line}\n" for line in said))
    return 1 if said else 0
