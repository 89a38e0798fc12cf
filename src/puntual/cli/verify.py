"""`puntual verify`: recompute the evidence of a delivery, offline, and say what is not proven."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import click

from puntual.cli import text
from puntual.cli.archive import open_archive
from puntual.cli.delivered import as_line, missing_or_altered
from puntual.cli.options import date_option, json_option, parse_day, project_option, root_of
from puntual.cli.places import evidence_path, lake_path, state_folder
from puntual.cli.recount import recount
from puntual.errors import EvidenceError, ProjectError, PuntualError
from puntual.evidence import statement
from puntual.evidence.digest import sha256
from puntual.evidence.package import STATEMENT
from puntual.evidence.verify import Line, holds, verify
from puntual.local.disk import translated
from puntual.local.objects import LocalObjects
from puntual.model.manifest import ObjectRef

SIGNS = {True: "✓", False: "✗", None: "·"}
LIMIT = 64 * 1024 * 1024


@click.command(name="verify", help="Recompute the evidence of a delivery, offline.")
@project_option
@click.argument("pack", required=False, type=click.Path(path_type=Path, file_okay=False))
@date_option(required=False)
@json_option
@click.pass_context
def command(
    ctx: click.Context, project: Path | None, pack: Path | None, when: str | None, as_json: bool
) -> None:
    """
    Verify a package, or every package of a reference date.

    Level 1 needs the package alone. Level 2 recomputes, where the project's store is at hand,
    the digest of every object and every count and sum from the bytes. Exits 1 on a mismatch.
    """
    root = root_of(ctx, project)
    found = {p: _verify(p, root, alone=pack is not None) for p in _packs(root, pack, when)}
    good = all(holds(lines) for lines in found.values())
    if as_json:
        text.envelope("verify", _json(found), ok=good)
    else:
        for path, lines in found.items():
            _print(path, lines)
    ctx.exit(0 if good else 1)


def _packs(root: Path, pack: Path | None, when: str | None) -> tuple[Path, ...]:
    found: tuple[Path, ...]
    if pack is not None:
        found = tuple(p for p in (pack, root / pack) if p.is_dir())[:1]
    else:
        base = evidence_path(root)
        suffix = "" if when is None else f"_{parse_day(when):%Y%m%d}_"
        found = tuple(p for p in sorted(base.glob("*")) if p.is_dir() and suffix in p.name)
    if not found:
        raise ProjectError(
            "C1008",
            "there is no evidence package to verify",
            where=str(pack or evidence_path(root)),
            expected="a folder with statement.json",
            observed="none",
            next_step="puntual verify FOLDER, or puntual run -d DATE first",
        )
    return found


_NO_STATE = frozenset({"C1005", "T1002"})
"""Nothing was run here, or its state may not be read."""


def _verify(pack: Path, root: Path, *, alone: bool) -> tuple[Line, ...]:
    """Verify a package; one that was named by its folder holds at level 1 without the project."""
    names = [p.name for p in sorted(pack.iterdir())]
    try:
        with translated(str(state_folder(root))):
            return _with_project(names, pack, root)
    except PuntualError as error:
        if not alone or error.code not in _NO_STATE:
            raise
        why = f"level 2 was not asked, the project's state is not at hand: {error.message}"
    return (*verify(names, _reader(pack)), Line(level=2, ok=None, sentence=why))


def _with_project(names: list[str], pack: Path, root: Path) -> tuple[Line, ...]:
    store = lake_path(root)
    objects = LocalObjects(store) if store.is_dir() else None
    lines = verify(names, _reader(pack), None if objects is None else _looker(objects))
    if objects is None or not holds(lines):
        return lines
    return (
        *lines,
        *_committed(pack, root),
        *_delivered(pack, root),
        *recount(_reader(pack), objects, root),
    )


def _committed(pack: Path, root: Path) -> Iterator[Line]:
    """Compare the package with what this project committed when it attested the delivery."""
    report, day, version = statement.decode((pack / STATEMENT).read_bytes()).delivery.split("/")
    made = open_archive(root).day(date.fromisoformat(day)).get(f"attest:{report}")
    if made is None:
        sentence = f"this project has not attested {report}/{day}/{version}"
        yield Line(level=2, ok=None, sentence=sentence)
        return
    stated = {o.detail["name"]: o.sha256 for o in made.of_role("package")}
    found = {p.name: sha256(p.read_bytes()) for p in pack.iterdir()}
    wrong = sorted(n for n in stated.keys() | found.keys() if stated.get(n) != found.get(n))
    if wrong:
        sentence = f"not the bytes that were attested here: {', '.join(wrong)}"
        yield Line(level=2, ok=False, sentence=sentence)
    else:
        sentence = f"all {len(found)} files are the bytes that were attested here"
        yield Line(level=2, ok=True, sentence=sentence)


def _delivered(pack: Path, root: Path) -> Iterator[Line]:
    """Compare the destinations with what was delivered there."""
    report, day, _ = statement.decode((pack / STATEMENT).read_bytes()).delivery.split("/")
    for fault in missing_or_altered(open_archive(root), root, report, date.fromisoformat(day)):
        yield Line(level=2, ok=False, sentence=as_line(fault))


def _reader(pack: Path) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        path = pack / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LIMIT:
            raise EvidenceError(
                "V3002",
                f"{name} is no plain file of at most 64 MiB",
                where=str(pack),
                expected="a plain file",
                observed="a link, a folder, or a larger file",
                next_step="compare the package with the copy that was delivered",
            )
        return path.read_bytes()

    return read


def _looker(objects: LocalObjects) -> Callable[[ObjectRef], tuple[int, str] | None]:
    def look(ref: ObjectRef) -> tuple[int, str] | None:
        try:
            objects.verify(ref)
        except EvidenceError as error:
            return None if error.code == "V1001" else (ref.bytes, "")
        return ref.bytes, ref.sha256

    return look


def _print(path: Path, lines: tuple[Line, ...]) -> None:
    text.say(f" {path.name}")
    for line in lines:
        if not line.sentence.startswith("not proven: "):
            text.say(f"  L{line.level} {SIGNS[line.ok]} {line.sentence}")
    text.say("  Not proven:")
    for sentence in _unproven(lines):
        text.say(f"     {sentence}")
    level = max((line.level for line in lines if line.ok), default=0)
    text.say(f" VERIFIED at L{level}" if holds(lines) else " NOT VERIFIED")


def _unproven(lines: tuple[Line, ...]) -> Iterator[str]:
    for line in lines:
        if line.sentence.startswith("not proven: "):
            yield line.sentence.removeprefix("not proven: ")


def _json(found: dict[Path, tuple[Line, ...]]) -> dict[str, object]:
    return {
        "packages": [
            {
                "package": path.name,
                "verified": holds(lines),
                "lines": [
                    {"level": str(line.level), "ok": line.ok, "sentence": line.sentence}
                    for line in lines
                ],
            }
            for path, lines in found.items()
        ]
    }
