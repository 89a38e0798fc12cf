"""The program itself as a value: the digest that steps and statements name their code by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

from puntual import __version__
from puntual.model.manifest import Digest

_NOT_CODE = ("__pycache__", "example", "verifier", "infra", "console", "stage")
"""What no function or job has with it, and nothing of a day depends on."""


def code_digest(folder: Traversable | None = None) -> Digest:
    """
    Return the digest of a program: its version and the bytes of its modules.

    Args:
        folder: The package; None for the one that runs.
    """
    root = resources.files("puntual") if folder is None else folder
    lines = [f"puntual {__version__}"]
    for name, data in sorted(_sources(root, "")):
        lines.append(f"{_sha256(data)}  {name}")
    return _sha256("\n".join(lines).encode())


def _sources(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir() and entry.name not in _NOT_CODE:
            yield from _sources(entry, f"{name}/")
        elif entry.name.endswith((".py", ".sql")):
            yield name, entry.read_bytes()


def _sha256(data: bytes) -> Digest:
    return hashlib.sha256(data).hexdigest()
