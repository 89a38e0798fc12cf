"""Where a project's local state lies; nothing heavy is imported for it."""

from __future__ import annotations

from pathlib import Path

from puntual.errors import PermanentError, ProjectError

STATE = ".puntual"


def state_folder(root: Path) -> Path:
    """Return the folder of local state and cache, ignored by git."""
    return root / STATE


def need_project(root: Path, verb: str) -> Path:
    """
    Return a project's folder, so that nothing is made where none is.

    Raises:
        ProjectError: C1002 it holds no `puntual.yaml`.
    """
    if not (root / "puntual.yaml").is_file():
        raise ProjectError(
            "C1002",
            "this folder holds no report project",
            where=str(root),
            expected="a file puntual.yaml",
            observed="none",
            next_step=f"puntual init NAME, or puntual -C FOLDER {verb}",
        )
    return root


def journal_path(root: Path) -> Path:
    """Return the journal's database."""
    return root / STATE / "journal.db"


def pointers_path(root: Path) -> Path:
    """Return the database of pointers and leases."""
    return root / STATE / "state.db"


def commits_path(root: Path) -> Path:
    """Return the folder of the commit log, from which `pointers_path` is made again."""
    return root / STATE / "state.commits"


def was_run(root: Path) -> bool:
    """Say whether anything was ever run here, though its state file may be gone since."""
    return pointers_path(root).is_file() or commits_path(root).is_dir()


def lake_path(root: Path) -> Path:
    """Return the root of the object store."""
    return root / STATE / "lake"


def stream_path(root: Path) -> Path:
    """Return the embedded stream's database."""
    return root / STATE / "stream.db"


def catalog_path(root: Path) -> Path:
    """Return the catalog's database."""
    return root / STATE / "catalog.db"


def lineage_path(root: Path) -> Path:
    """Return the folder of the events of runs, beside the ledger."""
    return root / STATE / "lineage"


def approvals_path(root: Path) -> Path:
    """Return the folder of approvals, each a file that is written once."""
    return root / STATE / "approvals"


def temporary(root: Path) -> tuple[Path, ...]:
    """Return the folders in which small files are written under temporary names."""
    state = root / STATE
    inner = ("state.commits/.tmp", "ledger/.tmp", "keys", "approvals", "lineage")
    return (root, state, *(state / name for name in inner))


def evidence_path(root: Path) -> Path:
    """Return where evidence packs are laid."""
    return root / "evidence"


def make_folder(folder: Path) -> None:
    """
    Make a folder and its parents.

    Raises:
        PermanentError: T1002 it may not be made there, or something else has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise PermanentError(
            "T1002",
            f"cannot make the folder {folder}",
            where=str(folder),
            expected="a folder that this user may make and write",
            observed=exc.strerror or type(exc).__name__,
            next_step="Correct owner, mode or name, then run again.",
        ) from exc
