"""What runs that died have left in the state folder; found, not removed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from puntual.local.disk import translated
from puntual.local.trial import dead
from puntual.local.whole import abandoned


def litter(state: Path, folders: Iterable[Path]) -> tuple[str, ...]:
    """
    Return what the next start removes, in a few words each.

    Args:
        state: The state folder.
        folders: Where small files are written.

    Raises:
        PermanentError: T1002, T1003.
    """
    found = [f.name for f in dead(state)]
    with translated(str(state)):
        lake = state / "lake" / ".tmp"
        count = sum(len(files) for _, _, files in os.walk(lake))
        if count:
            found.append(f"{count} temporary files in {lake.relative_to(state)}")
        for folder in folders:
            count = len(abandoned(folder))
            if count:
                found.append(f"{count} temporary files in {os.path.relpath(folder, state)}")
    return tuple(found)
