"""Levels 2 and 3 of a package, where a project is at hand: counted again, and made again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from puntual.cli.archive import Archive, open_archive
from puntual.cli.delivered import Lying, as_line, below, missing_or_altered
from puntual.cli.packs import Pack
from puntual.cli.places import lake_path, state_folder
from puntual.errors import EvidenceError, PuntualError
from puntual.evidence import statement
from puntual.evidence.digest import sha256
from puntual.evidence.package import STATEMENT
from puntual.evidence.verify import Line, holds, verify
from puntual.local.disk import translated
from puntual.local.objects import LocalObjects
from puntual.model.manifest import ObjectRef
from puntual.model.project import Project
from puntual.ports.objects import Objects
from puntual.project.read import read_project
from puntual.runner.versions import attested

NOTHING_RAN = 2
"""How a command exits that refuses the project or the call."""

_NO_STATE = frozenset({"C1005", "T1002"})
"""Nothing was run here, or its state may not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    What a project has kept, to count a package again from.

    Attributes:
        objects: Where its objects lie.
        archive: What it has committed.
        declared: Reads the project.
        lying: Reads what lies at a destination.
    """

    objects: Objects
    archive: Archive
    declared: Callable[[], Project]
    lying: Lying


def kept_here(root: Path) -> Kept | None:
    """
    Return what the project of this folder has kept; None where it has no store.

    Raises:
        ProjectError: C1005 nothing was run here.
    """
    if not lake_path(root).is_dir():
        return None
    return Kept(
        objects=LocalObjects(lake_path(root)),
        archive=open_archive(root),
        declared=lambda: read_project(root),
        lying=below(root),
    )


def counted_again(pack: Pack, root: Path, *, alone: bool) -> tuple[Line, ...]:
    """
    Compute every digest, count and sum again that the project's store has (level 2).

    Args:
        pack: Holds at level 1.
        root: The project's folder.
        alone: The package was named; without a project's state it holds at level 1.

    Raises:
        PuntualError: The state cannot be read, and is asked for.
    """
    try:
        with translated(str(state_folder(root))):
            kept = kept_here(root)
            if kept is None:
                sentence = "level 2 was not asked: no store is at hand"
                return (Line(level=2, ok=None, sentence=sentence),)
            return tuple(counted_from(pack, kept))
    except PuntualError as error:
        if not alone or error.code not in _NO_STATE:
            raise
        why = f"level 2 was not asked, the project's state is not at hand: {error.message}"
    return (Line(level=2, ok=None, sentence=why),)


def counted_from(pack: Pack, kept: Kept) -> Iterator[Line]:
    """
    Compute every digest, count and sum again from what a project has kept (level 2).

    Raises:
        PuntualError: It cannot be read.
    """
    looked = [li for li in verify(pack.names, pack.read, _looker(kept.objects)) if li.level == 2]
    yield from looked
    if not holds(looked):
        return
    yield from _committed(pack, kept.archive)
    yield from _delivered(pack, kept)
    from puntual.cli.recount import recount

    yield from recount(pack.read, kept.objects, kept.declared)


def _committed(pack: Pack, archive: Archive) -> Iterator[Line]:
    """Compare the package with what this project committed when it attested the delivery."""
    report, day, version = statement.decode(pack.read(STATEMENT)).delivery.split("/")
    number = int(version.removeprefix("v"))
    made = attested(archive, report, date.fromisoformat(day), number)
    if made is None:
        sentence = f"this project has not attested {report}/{day}/{version}"
        yield Line(level=2, ok=None, sentence=sentence)
        return
    stated = {o.detail["name"]: o.sha256 for o in made.of_role("package")}
    found = {name: sha256(pack.read(name)) for name in pack.names}
    wrong = sorted(n for n in stated.keys() | found.keys() if stated.get(n) != found.get(n))
    if wrong:
        sentence = f"not the bytes that were attested here: {', '.join(wrong)}"
        yield Line(level=2, ok=False, sentence=sentence)
    else:
        sentence = f"all {len(found)} files are the bytes that were attested here"
        yield Line(level=2, ok=True, sentence=sentence)


def _delivered(pack: Pack, kept: Kept) -> Iterator[Line]:
    """Compare the destinations with what was delivered there."""
    report, day, _ = statement.decode(pack.read(STATEMENT)).delivery.split("/")
    for fault in missing_or_altered(kept.archive, kept.lying, report, date.fromisoformat(day)):
        yield Line(level=2, ok=False, sentence=as_line(fault))


def made_again(pack: Pack, root: Path, env: str | None = None) -> Line:
    """
    Rebuild the day from raw in a process of its own and compare with what was delivered (level 3).

    Args:
        pack: Holds at level 2.
        root: The project's folder.
        env: Where the project is deployed: raw is copied from there, and the day is made here.
    """
    if not (root / "puntual.yaml").is_file():
        return Line(level=3, ok=None, sentence="level 3 was not asked: no project is at hand")
    day = statement.decode(pack.read(STATEMENT)).delivery.split("/")[1]
    done = _replayed(root, env, day)
    if done.returncode == NOTHING_RAN:
        sentence = f"{day} was not made again, this project cannot: {_first(done.stderr)}"
        return Line(level=3, ok=None, sentence=sentence)
    try:
        (found,) = json.loads(done.stdout)["data"]["days"]
    except (ValueError, KeyError):  # it ended before the day did
        sentence = f"{day} was not made again: {_first(done.stderr) or done.returncode}"
        return Line(level=3, ok=None, sentence=sentence)
    return _line_of(day, found, env)


@cache
def _replayed(root: Path, env: str | None, day: str) -> subprocess.CompletedProcess[str]:
    """Replay a day, once for all of its packages."""
    command = [sys.executable, "-m", "puntual.cli.main", "-C", str(root)]
    command += ["replay", "-d", day, "--json", *(("--env", env) if env else ())]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def _line_of(day: str, found: Mapping[str, Any], env: str | None) -> Line:
    """Return what a replay has found; a machine that could not is no answer."""
    if found["verdict"] == "same":
        sentence = f"{day} was made again from raw: every byte is the same"
        if env:
            sentence = (
                f"{day} was made again here by DuckDB, from raw that was copied from {env}: report "
                "and exceptions are the same to the byte, and so are the digests of the rows of "
                f"{len(found['digests'])} tables"
            )
        return Line(level=3, ok=True, sentence=sentence)
    if found["stopped"] and not found["damaged"]:
        sentence = f"{day} was not made again: {_fault(found['stopped'])}"
        return Line(level=3, ok=None, sentence=sentence)
    if found["damaged"]:
        wrong = "; ".join(_fault(one) for one in found["damaged"])
        return Line(level=3, ok=False, sentence=f"{day} cannot be made again from raw: {wrong}")
    first, more = found["differences"][0], len(found["differences"]) - 1
    also = f", and {more:,} more" if more else ""
    sentence = (
        f"{day} made again from raw differs: {first['step']}: {first['about']}, delivered "
        f"{first['was']}, replayed {first['now']}{also}"
    )
    return Line(level=3, ok=False, sentence=sentence)


def _fault(found: Mapping[str, Any]) -> str:
    return f"{found['code']} {found['message']}"


def _first(said: str) -> str:
    return next((line.strip() for line in said.splitlines() if line.strip()), "")


def _looker(objects: Objects) -> Callable[[ObjectRef], tuple[int, str] | None]:
    def look(ref: ObjectRef) -> tuple[int, str] | None:
        try:
            objects.verify(ref)
        except EvidenceError as error:
            return None if error.code == "V1001" else (ref.bytes, "")
        return ref.bytes, ref.sha256

    return look
