"""`puntual verify`: recompute the evidence of a delivery, offline, and say what is not proven."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISREG

import click

from puntual.cli import books, memory, text, verified
from puntual.cli.from_raw import Kept, counted_again, counted_from, made_again
from puntual.cli.options import (
    date_option,
    env_option,
    json_option,
    parse_day,
    project_option,
    root_of,
)
from puntual.cli.packs import LIMIT, Pack, is_package, open_pack, size_of
from puntual.cli.places import evidence_path, state_folder
from puntual.cli.stamped import examined
from puntual.cli.vantage import There, vantage
from puntual.errors import EvidenceError, ProjectError
from puntual.evidence import ledger_files, statement, tlog
from puntual.evidence.ledger_files import Consistency, Earlier, Held
from puntual.evidence.ledger_proof import Known, prove, remembered
from puntual.evidence.package import STATEMENT
from puntual.evidence.signed_log import SignedLog
from puntual.evidence.trust_keys import verifies
from puntual.evidence.verify import Line, holds, unproven, verify
from puntual.local.disk import translated

DEFAULT = 2
"""Up to which level is looked where nobody names one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    What is asked, and what is known beforehand.

    Attributes:
        root: The project's folder.
        alone: One package was named.
        level: Up to which level: 1, 2, 3.
        known: Of the ledger: root key, trust file, memory, proofs.
        ledger: The project's own, where it is at hand and nothing else was named.
        authority: Certificates of the time stamp authority; None: tokens are not examined.
        kept: What a deployed project has kept; None where this folder's is meant.
        env: Where that is deployed; None where this folder's is meant.
    """

    root: Path
    alone: bool
    level: int
    known: Known
    ledger: SignedLog | None
    authority: Path | None
    kept: Kept | None = None
    env: str | None = None


def _file(name: str, about: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option(f"--{name}", type=kind, default=None, help=about)


@click.command(name="verify", help="Recompute the evidence of a delivery, offline.")
@project_option
@click.argument("pack", required=False, type=click.Path(path_type=Path, file_okay=False))
@date_option(required=False)
@click.option("--root", "root_key", default="", help="Fingerprint of the root key, from paper.")
@_file("trust", "A trust file that the institution handed over.")
@_file("state", "What is remembered of ledgers (default: of the project, or of this user).")
@click.option(
    "--consistency",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="A further consistency proof: puntual ledger prove.",
)
@_file("tsa-ca", "Certificates (PEM) of the time stamp authority: examine the time stamp.")
@click.option(
    "--new-ledger",
    is_flag=True,
    default=False,
    help="Take a ledger that was never seen, beside one of the same root key.",
)
@click.option(
    "--level",
    type=click.IntRange(1, 3),
    default=None,
    help="1 signatures and ledger · 2 and everything counted again · 3 and the report made again "
    "(default: 2 as far as the store is at hand).",
)
@env_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    pack: Path | None,
    when: str | None,
    root_key: str,
    trust: Path | None,
    state: Path | None,
    consistency: tuple[Path, ...],
    tsa_ca: Path | None,
    new_ledger: bool,
    level: int | None,
    env: str | None,
    as_json: bool,
) -> None:
    """
    Verify a package, or every package of a reference date.

    Level 1 needs the package and the root key's fingerprint. Level 2 recomputes, where the
    project's store is at hand, every digest, count and sum from the bytes; level 3 makes the
    report again from raw, which is copied here where the project is deployed. Exits 1 on a
    mismatch, and where `--level` names a level of which anything could not be looked at. A level
    is called verified only if all of it holds.
    """
    root = root_of(ctx, project)
    place = state or _memory_of(root, alone=bool(root_key or trust))
    held, unread = _remembered(place)
    known = Known(
        root=root_key.lower(),
        trust=_read(trust) if trust else b"",
        memory=held,
        proofs=tuple(_read(p) for p in consistency),
        new_ledger=new_ledger,
    )
    asked = Asked(
        root=root,
        alone=pack is not None,
        level=level or DEFAULT,
        known=known,
        ledger=None,
        authority=tsa_ca,
    )
    found: dict[Path, tuple[Line, ...]] = {}
    with _lying(asked, pack, when, env) as (folders, asked):
        if not root_key and trust is None and asked.kept is None:
            asked = _of_project(asked)
        for one in sorted((open_pack(p) for p in folders), key=size_of):
            if unread:
                found[one.path] = (*unread, *unproven())
            else:
                found[one.path], held = _verify(one, asked, held)
    if held != known.memory:
        memory.write_memory(place, held)
    good = all(verified.reached(lines) >= (level or 1) for lines in found.values())
    if as_json:
        text.envelope("verify", verified.as_data(found), ok=good)
    else:
        verified.say(found, level)
    ctx.exit(0 if good else 1)


@contextmanager
def _lying(
    asked: Asked, pack: Path | None, when: str | None, env: str | None
) -> Iterator[tuple[tuple[Path, ...], Asked]]:
    """Lend the folders of the packages, and what is asked with what is known where they lie."""
    with vantage(asked.root, env) as place:
        if not isinstance(place, There):
            yield _packs(asked.root, pack, when), asked
            return
        from puntual.cli.packages import fetched, known_there

        with fetched(place, None if when is None else parse_day(when)) as (folders, kept):
            named = folders if pack is None else _packs(asked.root, pack, when)
            trust, ledger = known_there(place)
            at_hand = asked.known.root or asked.known.trust
            known = asked.known if at_hand else replace(asked.known, trust=trust)
            yield named, replace(asked, known=known, ledger=ledger, kept=kept, env=env)


def _packs(root: Path, pack: Path | None, when: str | None) -> tuple[Path, ...]:
    found: tuple[Path, ...]
    if pack is not None:
        found = tuple(p for p in (pack, root / pack) if p.is_dir())[:1]
    else:
        base = evidence_path(root)
        suffix = "" if when is None else f"_{parse_day(when):%Y%m%d}_"
        lying = (p for p in sorted(base.glob("*")) if p.is_dir() and is_package(p.name))
        found = tuple(p for p in lying if suffix in p.name)
    if not found:
        raise ProjectError(
            "C1008",
            "there is no evidence package to verify",
            where=str(pack or evidence_path(root)),
            expected=f"a folder with {ledger_files.ENVELOPE}",
            observed="none",
            next_step="puntual verify FOLDER, or puntual run -d DATE first",
        )
    return found


def _memory_of(root: Path, *, alone: bool) -> Path:
    """Return the memory of the project whose keys are at hand, or of this user."""
    if alone or not books.has_keys(root):
        return memory.default_memory()
    return state_folder(root) / "verifier.json"


def _remembered(place: Path) -> tuple[dict[str, Held], tuple[Line, ...]]:
    """Return what is remembered, or why nothing can be verified: it was altered, or is cut."""
    try:
        return memory.read_memory(place), ()
    except EvidenceError as error:
        sentence = f"what is remembered cannot be read, {place.name}: {error.message}"
        return {}, (Line(level=1, ok=False, sentence=sentence),)


def _read(path: Path) -> bytes:
    """Read a file that the caller has named; a link is followed, since he has named it."""
    with translated(str(path)):
        found = path.stat()
        if found.st_size > LIMIT or not S_ISREG(found.st_mode):
            raise ProjectError(
                "C1008",
                f"{path.name} is no file of at most 64 MiB",
                where=str(path),
                expected="a plain file of at most 64 MiB, or a link to one",
                observed="something else, or a larger one",
                next_step="name the file as it was handed over",
            )
        return path.read_bytes()


def _of_project(asked: Asked) -> Asked:
    """Know the root key and the ledger of the project at hand, where it has them."""
    if not books.has_keys(asked.root):
        return asked
    keys = books.open_keys(asked.root)
    known = replace(asked.known, trust=keys.trust())
    return replace(asked, known=known, ledger=books.read_ledger(asked.root))


def _verify(
    pack: Pack, asked: Asked, held: dict[str, Held]
) -> tuple[tuple[Line, ...], dict[str, Held]]:
    """Verify a package; one that was named by its folder holds at level 1 without the project."""
    lines = [
        *(_foreign(name) for name in pack.foreign),
        *(li for li in verify(pack.names, pack.read, lying=pack.lying) if li.level == 1),
    ]
    if holds(lines):
        proven, more = _proven(pack, asked, held)
        lines += proven
        lines += examined(pack.proofs, asked.authority)
        held = more if holds(lines) else held
    if asked.level > 1 and holds(lines):
        lines += (
            counted_again(pack, asked.root, alone=asked.alone)
            if asked.kept is None
            else counted_from(pack, asked.kept)
        )
    if asked.level > 2 and holds(lines):
        lines.append(made_again(pack, asked.root, asked.env))
    return (*lines, *unproven()), held


def _foreign(name: str) -> Line:
    return Line(level=1, ok=False, sentence=f"{name} is foreign beside what it is packed in")


def _proven(
    pack: Pack, asked: Asked, held: dict[str, Held]
) -> tuple[Sequence[Line], dict[str, Held]]:
    data = pack.read(STATEMENT)
    known = replace(asked.known, memory=held)
    own: tuple[Line, ...] = ()
    if asked.ledger is not None:
        own, proofs = _in_ledger(pack, asked.ledger, held)
        known = replace(known, proofs=(*known.proofs, *proofs))
    proven = prove(statement.decode(data), data, pack.proofs, known, verifies)
    return (*proven.lines, *own), remembered(held, proven)


def _in_ledger(
    pack: Pack, ledger: SignedLog, held: dict[str, Held]
) -> tuple[tuple[Line, ...], tuple[bytes, ...]]:
    """Compare a package's checkpoint with the ledger at hand, which proves any two consistent."""
    try:
        made = tlog.decode(pack.proofs[ledger_files.PROOF]).checkpoint
    except (EvidenceError, KeyError):
        return (), ()
    if made.origin != ledger.origin:
        return (), ()
    same = made.size <= ledger.size and ledger.root(made.size) == made.root
    word = "is" if same else "is not"
    line = Line(level=1, ok=same, sentence=f"ledger: the checkpoint {word} one of this project's")
    seen = held[made.origin].checkpoints if made.origin in held else {}
    if not seen or max(seen) > ledger.size or not same:
        return (line,), ()
    first, second = sorted((max(seen), made.size))
    if first in (0, second):
        return (line,), ()
    return (line,), (ledger_files.encode(consistency_of(ledger, first, second)),)


def consistency_of(ledger: SignedLog, first: int, second: int) -> Consistency:
    """Return the proof that a ledger's tree of one size begins with that of a smaller one."""
    earlier = Earlier(size=first, root=ledger.root(first), path=ledger.consistency(first, second))
    return Consistency(
        origin=ledger.origin, size=second, root=ledger.root(second), earlier=(earlier,)
    )
