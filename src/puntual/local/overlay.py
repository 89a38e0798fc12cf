"""Port `Objects` as two stores: what is written goes to one, what it lacks is read in another."""

from __future__ import annotations

from pathlib import Path

from puntual.local.objects import LocalObjects


class Overlay(LocalObjects):
    """A store of its own over one that is never written: a replay over the published objects."""

    def __init__(self, root: Path, lower: Path) -> None:
        """
        Open both.

        Args:
            root: Of the store that is written, and read first.
            lower: Of the store that is read where the other has no such object.
        """
        super().__init__(root)
        self._lower = LocalObjects(lower)

    def _inside(self, name: str) -> Path:
        return super()._inside(name) if self.has(name) else self._lower._inside(name)
