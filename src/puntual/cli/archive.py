"""What past runs committed, read without any engine: for explain, reconcile, exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from puntual.cli import places
from puntual.errors import ProjectError
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.model.manifest import Manifest
from puntual.ports.objects import Objects
from puntual.ports.pointers import Pointers
from puntual.runner import checkpoint

_NO_STEPS = ("raw:", "late:", "stream:", "ack:", "send:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The store and the pointers of one project."""

    objects: Objects
    pointers: Pointers

    def day(self, reference_date: date) -> dict[str, Manifest]:
        """
        Return every committed manifest of a day, by step.

        Raises:
            ProjectError: C1005 nothing was run for that day.
        """
        suffix = f"/{reference_date.isoformat()}"
        names = self.pointers.read_prefix("")
        found = {
            name.removesuffix(suffix): checkpoint.by_digest(self, digest)
            for name, digest in names.items()
            if name.endswith(suffix) and not name.startswith(_NO_STEPS)
        }
        if not found:
            raise ProjectError(
                "C1005",
                f"nothing has been run for {reference_date.isoformat()}",
                expected="a reference date that was run",
                observed="no committed step",
                next_step=f"puntual run -d {reference_date.isoformat()}",
            )
        return found


def open_archive(root: Path) -> Archive:
    """
    Return a project's archive.

    Raises:
        ProjectError: C1005 nothing was ever run here.
    """
    path = places.pointers_path(root)
    if not places.was_run(root):
        raise ProjectError(
            "C1005",
            "nothing has been run here",
            where=str(root),
            expected="a project with at least one run",
            observed=f"no {path.name}",
            next_step="puntual run -d DATE",
        )
    return Archive(objects=LocalObjects(places.lake_path(root)), pointers=SqlitePointers(path))
