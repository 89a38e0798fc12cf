"""Names of what `puntual deploy` makes for a project, as the rest of AWS finds it."""

from __future__ import annotations

import re


def slug(project: str) -> str:
    """Return a project's name as resources carry it: lower case, digits, hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-")


def machine(project: str) -> str:
    """Return the name of a project's state machine."""
    return f"{slug(project)}-day"


def function(project: str, name: str) -> str:
    """Return the name of one of a project's functions."""
    return f"puntual-{slug(project)}-{name}"
