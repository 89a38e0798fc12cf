"""What functions and jobs need beside `puntual` itself, as its own metadata declares it."""

from __future__ import annotations

import importlib.metadata
import re

from puntual.errors import ProjectError

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?")
_EXTRA = re.compile(r"extra == ['\"]([a-z0-9-]+)['\"]")


def requirements() -> str:
    """
    Return what functions and jobs need, pinned to what this program runs with, one a line.

    What the package declares, with the extras `aws` and `postgres`; sorted.

    Raises:
        ProjectError: C1604 one of them is not installed here.
    """
    declared = importlib.metadata.requires("puntual") or []
    pins = set()
    for line in declared:
        spec, _, marker = line.partition(";")
        extra = _EXTRA.search(marker)
        if extra is not None and extra[1] not in ("aws", "postgres"):
            continue
        named = _NAME.match(spec)
        if named is not None:
            pins.add(f"{named[0]}=={_installed(named[1])}")
    return "".join(f"{pin}\n" for pin in sorted(pins))


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError as absent:
        raise ProjectError(
            "C1604",
            f"the package {name} is not installed here, so no version of it can be deployed",
            where="the environment that runs puntual",
            expected=f"{name}, which functions and jobs need",
            observed="nothing of that name",
            next_step="pip install 'puntual[aws,infra,postgres]', then again",
        ) from absent
