"""What a verifier remembers of each ledger, in one file, which only ever grows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from puntual.evidence.ledger_files import Held, decode_memory, encode_memory
from puntual.local.disk import make_folder, open_regular, translated
from puntual.local.whole import replace


def default_memory() -> Path:
    """Return where a verifier's memory lies if nobody says; both verifiers share it."""
    return Path.home() / ".local" / "state" / "puntual" / "verifier.json"


def read_memory(path: Path) -> dict[str, Held]:
    """
    Return what is remembered; nothing where the file is not there yet.

    Raises:
        EvidenceError: V2001, V2002 it is no memory of a verifier.
        PermanentError: T1002, T1003.
    """
    with translated(str(path)):
        try:
            with open_regular(path) as file:
                return decode_memory(file.read())
        except FileNotFoundError:
            return {}


def write_memory(path: Path, held: Mapping[str, Held]) -> None:
    """
    Remember, durably.

    Raises:
        PermanentError: T1001, T1002, T1003.
    """
    with translated(str(path)):
        make_folder(path.parent)
        replace(path, encode_memory(held), 0o600)
