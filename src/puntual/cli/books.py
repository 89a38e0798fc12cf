"""Ledger and keys of a project on this machine; cryptography is imported when they are opened."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import puntual
from puntual.cli import places, text
from puntual.errors import EvidenceError, PermanentError, ProjectError
from puntual.local import pseudonyms
from puntual.ports.ledger import Books

if TYPE_CHECKING:
    from puntual.local.keys import LocalKeys
    from puntual.local.ledger import LocalLedger


VERIFIER = "verify_delivery.py"
VERIFIERS = (VERIFIER, "verify_raw.py")
"""What an auditor without puntual is given: level 1, and level 2 from raw objects."""


def verifier(name: str = VERIFIER) -> Path:
    """Return a verifier that needs no puntual, in a wheel or in a checkout."""
    package = Path(puntual.__file__).parent
    shipped = package / "cli" / "verifier"
    return (shipped if shipped.is_dir() else package.parents[1] / "verifier") / name


def ledger_path(root: Path) -> Path:
    """Return the folder of the ledger."""
    return places.state_folder(root) / "ledger"


def keys_path(root: Path) -> Path:
    """Return the folder of keys and trust files."""
    return places.state_folder(root) / "keys"


def apart_path(root: Path) -> Path:
    """Return the file that holds the last checkpoint, outside of the state folder."""
    return root / "ledger.checkpoint"


def stamp_path(root: Path) -> Path:
    """Return the file that names the time stamp authority."""
    return keys_path(root) / "timestamp-url"


def has_keys(root: Path) -> bool:
    """Say whether there is a trust file; nothing is imported for it."""
    return any(keys_path(root).glob("trust.*.json"))


def say_made(root: Path, *, keyless: bool, quiet: bool) -> None:
    """Say once that keys were made, and what to do with them."""
    if not keyless or not has_keys(root):
        return
    say = text.complain if quiet else text.say
    say(f" ! keys were made in {keys_path(root).relative_to(root)}: this is the first run")
    say("   hand the root's fingerprint over on paper: puntual key list; then move root.pem away")


def lazily(root: Path, name: str) -> Callable[[], Books]:
    """Return what opens the books of a project when it is first called."""
    opened: list[Books] = []

    def books() -> Books:
        if not opened:
            opened.append(open_books(root, name))
        return opened[0]

    return books


def open_books(root: Path, name: str, *, past: bool = False) -> Books:
    """
    Open ledger and keys for writing; the first run makes keys.

    Only the holder of the run's lease may.

    Args:
        root: The project's folder.
        name: The project's name, which becomes a part of the ledger's origin.
        past: An operator has said that what was shown of the ledger, or its keys, is lost.

    Raises:
        EvidenceError: V4003, V4004 the ledger was set back or altered; V5008 something was
            delivered or signed here before, and the keys are gone.
        PermanentError: V5001, V5002, T1001, T1002, T1003.
    """
    from puntual.local.commits import CommitLog

    keys = open_keys(root)
    if not keys.exist:
        if not past:
            _never_signed(root)
        keys.begin(name)
    return Books(
        ledger=open_ledger(root, keys, past=past),
        changes=CommitLog(places.commits_path(root)).after,
        signer=keys,
        stamp=_stamp(root),
    )


def _never_signed(root: Path) -> None:
    """
    Refuse to begin a second root key and ledger beside what was signed under a first.

    Raises:
        EvidenceError: V5008; V1003 the commit log is not what was recorded.
    """
    found = [apart_path(root)] if apart_path(root).exists() else []
    found += sorted(places.evidence_path(root).glob("*/statement.dsse.json"))[:1]
    found += sorted((ledger_path(root) / "entries").glob("*.jsonl"))[:1]
    if not found and (path := _delivered(root)) is not None:
        found = [path]
    if found:
        raise EvidenceError(
            "V5008",
            "the keys are gone: something was signed here before",
            where=str(keys_path(root)),
            expected="the keys of before, with root.pem and trust files",
            observed=f"no trust file, beside {found[0].relative_to(root)}",
            next_step="Restore .puntual/keys and .puntual/ledger from a copy. If they are lost "
            "for good: move .puntual/ledger away, then `puntual ledger anchor --reason TEXT` "
            "begins anew, with another root key that receivers must be told of.",
        )


def _delivered(root: Path) -> Path | None:
    """Return the commit log where it tells of a delivery; None where it does not."""
    from puntual.local.commits import CommitLog

    path = places.commits_path(root)
    for commit, _ in CommitLog(path).after(0, ""):
        if any(name.startswith("deliver:") for name in commit.pointers):
            return path
    return None


def open_ledger(root: Path, keys: LocalKeys, *, past: bool = False) -> LocalLedger:
    """
    Open the ledger for writing; `past` what was shown of it, where an operator has said so.

    Raises:
        EvidenceError: V4003, V4004.
        PermanentError: V5001, V5002, T1001, T1002, T1003.
    """
    from puntual.cli.witnessed import witnessed
    from puntual.local.ledger import LocalLedger

    origin, sign = keys.current.origin, keys.note_lines
    shown = () if past else witnessed(root, keys.current)
    return LocalLedger(ledger_path(root), origin, apart_path(root), sign, past=past, shown=shown)


def read_ledger(root: Path, *, to_sign: bool = False) -> LocalLedger:
    """
    Open the ledger for reading.

    Args:
        root: The project's folder.
        to_sign: Something is signed next, so that it must hold what left with packages as well.

    Raises:
        ProjectError: C1903 there is none.
        EvidenceError: V4003, V4004.
        PermanentError: V5001, T1002, T1003.
    """
    from puntual.local.ledger import LocalLedger

    if not has_keys(root):
        raise ProjectError(
            "C1903",
            "there is no ledger here",
            where=str(ledger_path(root)),
            expected="a ledger, which the first run begins",
            observed="none",
            next_step="puntual run -d DATE, or name another project by -C",
        )
    current = open_keys(root).current
    shown = None
    if to_sign:
        from puntual.cli.witnessed import witnessed

        shown = witnessed(root, current)
    return LocalLedger(ledger_path(root), current.origin, apart_path(root), None, shown=shown)


def secret_of(root: Path) -> Callable[[], bytes]:
    """Return what gives the secret of the project's pseudonyms; it is made when first asked."""
    return partial(pseudonyms.secret_of, keys_path(root))


def open_keys(root: Path) -> LocalKeys:
    """Return the keys of a project."""
    from puntual.local.keys import LocalKeys

    return LocalKeys(keys_path(root), secret)


def secret(where: str) -> str:
    """
    Return the passphrase that is found at `env:NAME`.

    Raises:
        PermanentError: V5002 the variable is not set, or another place is named.
    """
    scheme, _, name = where.strip().partition(":")
    named = scheme == "env" and _VARIABLE.fullmatch(name) is not None
    value = os.environ.get(name) if named else None
    if not value:
        raise PermanentError(
            "V5002",
            "a passphrase is not there",
            where=f"env:{name}" if named else "the place of a passphrase",
            expected="a passphrase in the environment variable that env:NAME names",
            observed="nothing" if named else "another text, which is not repeated here",
            next_step=f"export {name}=… for this command"
            if named
            else "name the variable, as env:NAME; a passphrase itself stands in no command",
        )
    return value


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


_HTTP = re.compile(r"https?://[^\s/]+")


def see_authority(url: str, option: str) -> None:
    """
    Refuse the address of a time stamp authority that is none; "" names none.

    Raises:
        ProjectError: C1908.
    """
    if url and _HTTP.match(url) is None:
        raise ProjectError(
            "C1908",
            "a time stamp is asked for over HTTP alone",
            where=option,
            expected="http://… or https://…, the address of an authority",
            observed=url,
            next_step="name the address that the authority publishes for RFC 3161",
        )


def _stamp(root: Path) -> Callable[[bytes], bytes | None] | None:
    """Return what asks the configured time stamp authority; None where none is."""
    path = stamp_path(root)
    url = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    if not url:
        return None
    from puntual.runner.authority import Authority

    return Authority(url).token
