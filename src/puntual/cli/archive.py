"""What past runs committed, read without any engine: for explain, reconcile, exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from puntual.cli import places
from puntual.cli.text import in_env
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
    """
    The store and the pointers of one project.

    Attributes:
        objects: What was stored.
        pointers: What is published.
        env: The environment that it was run in, for what a person is told to do next.
    """

    objects: Objects
    pointers: Pointers
    env: str | None = None

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
                next_step=f"{in_env('run', self.env)} -d {reference_date.isoformat()}",
            )
        return found


def nothing_run(where: str, observed: str, env: str | None = None) -> ProjectError:
    """Return what is said where nothing was ever run."""
    return ProjectError(
        "C1005",
        f"nothing has been run {'there' if env else 'here'}",
        where=where,
        expected="a project with at least one run",
        observed=observed,
        next_step=f"{in_env('run', env)} -d DATE",
    )


def open_archive(root: Path) -> Archive:
    """
    Return a project's archive on this machine.

    Raises:
        ProjectError: C1005 nothing was ever run here.
    """
    path = places.pointers_path(root)
    if not places.was_run(root):
        raise nothing_run(str(root), f"no {path.name}")
    return Archive(objects=LocalObjects(places.lake_path(root)), pointers=SqlitePointers(path))
