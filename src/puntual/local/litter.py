"""What runs that died have left in the state folder; found, not removed."""

from __future__ import annotations

import os
from pathlib import Path

from puntual.local.disk import translated
from puntual.local.trial import dead


def litter(state: Path) -> tuple[str, ...]:
    """
    Return what the next start removes, in a few words each.

    Args:
        state: The state folder.

    Raises:
        PermanentError: T1002, T1003.
    """
    found = [f.name for f in dead(state)]
    with translated(str(state)):
        for folder in (state / "lake" / ".tmp", state / "state.commits" / ".tmp"):
            count = sum(len(files) for _, _, files in os.walk(folder))
            if count:
                found.append(f"{count} temporary files in {folder.relative_to(state)}")
    return tuple(found)
