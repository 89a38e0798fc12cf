"""What commands read before anything heavy is imported: the project, the clock, what ran."""

from __future__ import annotations

from datetime import date
from difflib import get_close_matches
from pathlib import Path

from puntual.cli import places
from puntual.errors import Complaint, ProjectError
from puntual.local.pointers import SqlitePointers
from puntual.model.project import AWS, Project
from puntual.project.read import lint, read_project, refusal


def read(root: Path, env: str | None = None) -> Project:
    """
    Read the project.

    Raises:
        ProjectError: C1000 with every complaint.
    """
    return read_project(root, env=env)


def deployed(root: Path, env: str | None) -> Project | None:
    """
    Return the project where its environment is on AWS; None where it is this machine.

    Without an environment nothing is read.

    Raises:
        ProjectError: C1000 with every complaint.
    """
    project = read(root, env) if env is not None else None
    return project if project is not None and project.place == AWS else None


def checked(
    root: Path, env: str | None = None
) -> tuple[Project | None, tuple[Complaint, ...], int]:
    """
    Read the project, and its times as well when it is right.

    Returns:
        The project, None if a file of it is wrong; every complaint by file, line and column;
        how many files were read.
    """
    from puntual.cli import timing

    project, complaints, files = lint(root, env=env)
    if project is not None:
        found = (*complaints, *timing.complaints(root, project))
        complaints = tuple(sorted(found, key=lambda c: (c.file, c.line, c.column, c.code)))
    return project, complaints, files


def to_run(root: Path, env: str | None = None) -> Project:
    """
    Read the project that is to be run: one that may be late by its own limits is refused.

    Raises:
        ProjectError: C1000 with every complaint.
    """
    project, complaints, files = checked(root, env)
    if project is None or any(c.severity == "error" for c in complaints):
        raise refusal(complaints, files)
    return project


def only_here(project: Project, instead: str) -> Project:
    """
    Return a project that this machine works on; of a deployed one this machine knows nothing.

    Args:
        project: As its environment reads it.
        instead: What to do where it is deployed.

    Raises:
        ProjectError: C1004 the environment is on AWS.
    """
    if project.place == AWS:
        raise ProjectError(
            "C1004",
            "this command works on one machine, and the environment is of kind aws",
            where="--env",
            expected="an environment whose days this machine carries out",
            observed=project.away,
            next_step=instead,
        )
    return project


def chosen_reports(project: Project, name: str | None) -> tuple[str, ...]:
    """
    Return the report that was named, or all.

    Raises:
        ProjectError: C1003 there is no such report; names the nearest.
    """
    known = tuple(sorted(project.reports))
    if name is None:
        return known
    if name not in known:
        near = get_close_matches(name, known, 1)
        raise ProjectError(
            "C1003",
            f"no report is called {name!r}",
            expected=", ".join(known),
            observed=name,
            next_step=f"did you mean {near[0]!r}?" if near else "name one of the reports",
        )
    return (name,)


def committed(root: Path, dates: tuple[date, ...]) -> dict[date, frozenset[str]]:
    """Return the steps that have been committed for each date; empty where nothing ran."""
    path = places.pointers_path(root)
    if not places.was_run(root):
        return {}
    names = SqlitePointers(path).read_prefix("")
    found: dict[date, set[str]] = {day: set() for day in dates}
    for name in names:
        step, _, day = name.rpartition("/")
        for known in dates:
            if day == known.isoformat():
                found[known].add(step)
    return {day: frozenset(steps) for day, steps in found.items()}
