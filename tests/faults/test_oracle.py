"""What the oracle is worth: each harm that is done to an undisturbed bank is found by it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from faults import books, oracle
from faults.bank import FIRST
from faults.disturb import Lab

from puntual.local.notices import SqliteNotices

LEDGER = ".puntual/ledger"
REPORT = "payments_daily"


@pytest.fixture
def root(lab: Lab, tmp_path: Path) -> Path:
    lab.scenario("first")
    return shutil.copytree(lab.folder / "clean-first", tmp_path / "bank")


def _found(lab: Lab, root: Path, before: books.Seen | None = None) -> list[str]:
    return list(oracle.losses(root, lab.scenario("first").truth, before=before))


def _newest(root: Path, folder: str) -> Path:
    return max((root / LEDGER / folder).iterdir())


def _empty_the_last_entries(root: Path) -> None:
    _newest(root, "entries").write_bytes(b"")


def _cut_the_last_entry(root: Path) -> None:
    file = _newest(root, "entries")
    file.write_bytes(file.read_bytes()[:-9])


def _alter_an_entry(root: Path) -> None:
    file = _newest(root, "entries")
    file.write_bytes(file.read_bytes().replace(b'"epoch":"1"', b'"epoch":"7"'))


def _drop_the_last_entries(root: Path) -> None:
    _newest(root, "entries").unlink()
    _newest(root, "checkpoints").unlink()


def _fork_a_checkpoint(root: Path) -> None:
    notes = sorted((root / LEDGER / "checkpoints").iterdir())
    lines = notes[0].read_bytes().split(b"\n")
    lines[2] = notes[-1].read_bytes().split(b"\n")[2]
    notes[0].write_bytes(b"\n".join(lines))


def _overwrite_a_signature(root: Path) -> None:
    note = _newest(root, "checkpoints")
    text = note.read_bytes()
    note.write_bytes(text.replace(text[-12:-4], b"AAAAAAAA"))


def _forget_the_checkpoint_apart(root: Path) -> None:
    notes = sorted((root / LEDGER / "checkpoints").iterdir())
    (root / "ledger.checkpoint").write_bytes(notes[0].read_bytes())


def _overwrite(name: str, data: bytes) -> Callable[[Path], None]:
    def harm(root: Path) -> None:
        (package,) = (root / "evidence").iterdir()
        (package / name).write_bytes(data)

    return harm


HARMS: dict[str, tuple[Callable[[Path], None], str]] = {
    "the last entries are emptied": (_empty_the_last_entries, "ends in the middle of an entry"),
    "the last entry is cut": (_cut_the_last_entry, "ends in the middle of an entry"),
    "an entry is altered": (_alter_an_entry, "is not a signed note of the entries below it"),
    "the last entries are dropped": (_drop_the_last_entries, "the checkpoint that is kept apart"),
    "a checkpoint is forked": (_fork_a_checkpoint, "is not a signed note of the entries below it"),
    "a signature is overwritten": (_overwrite_a_signature, "is not a signed note"),
    "the checkpoint apart is old": (_forget_the_checkpoint_apart, "the checkpoint that is kept"),
    "a tlog-proof is overwritten": (
        _overwrite("statement.tlog-proof", b"no proof"),
        "its tlog-proof proves nothing of a signed tree",
    ),
    "a leaf is another": (_overwrite("leaf.json", b"{}"), "its leaf is no entry of the ledger"),
}


def test_of_an_undisturbed_bank_nothing_is_said(lab: Lab, root: Path) -> None:
    assert _found(lab, root) == []


@pytest.mark.row("f77")
@pytest.mark.parametrize("harm", sorted(HARMS))
def test_a_ledger_that_was_harmed_is_found(lab: Lab, root: Path, harm: str) -> None:
    do, sentence = HARMS[harm]
    do(root)
    found = _found(lab, root)
    assert any(what.startswith("I7") and sentence in what for what in found), found


@pytest.mark.row("f77")
def test_a_checkpoint_that_somebody_saw_and_that_is_another_now_is_found(
    lab: Lab, root: Path
) -> None:
    seen = books.checkpoints(root)
    size = min(seen)
    assert _found(lab, root, {size: seen[size] + b"x"}) == [f"I7 checkpoint {size} is another one"]
    assert _found(lab, root, {3: b"a note"}) == ["I7 checkpoint 3 is gone"]


@pytest.mark.row("f77")
def test_a_reader_who_looks_meanwhile_finds_a_checkpoint_that_changes(lab: Lab, root: Path) -> None:
    look = oracle.Look(root, lab.scenario("first").truth)
    look.once()
    _fork_a_checkpoint(root)
    look.once()
    assert [what for what in look.torn if what.startswith("I7 checkpoint")] != []


GIVEN_UP = (
    f"  land:cards ✕  failed after 2 attempts: S1201 no answer\n  notice open: {REPORT}/{FIRST}"
)


@pytest.mark.row("f59", "f73")
@pytest.mark.parametrize(
    ("text", "opened", "found"),
    [
        (f"{GIVEN_UP}  S1201", 1, []),
        (f"{GIVEN_UP}  S1201", 0, ["I5 the run says that S1201 is told of, and 0 are open"]),
        (GIVEN_UP.splitlines()[0], 0, ["I5 a step was given up, and nobody was told"]),
        ("nothing was begun", 0, []),
    ],
)
def test_a_run_that_gave_up_and_told_nobody_is_found(
    tmp_path: Path, text: str, opened: int, found: list[str]
) -> None:
    _tell(tmp_path, opened, resolved=False)
    assert list(oracle.unheard(tmp_path, FIRST, text, may_be_silent=False)) == found


@pytest.mark.row("f73")
def test_one_fault_that_was_told_twice_is_found(tmp_path: Path) -> None:
    _tell(tmp_path, 2, resolved=True)
    assert list(oracle.repeated_notices(tmp_path)) == [
        f"I5 S1201 of {REPORT} {FIRST} was told 2 times"
    ]


def _tell(root: Path, times: int, *, resolved: bool) -> None:
    """Write notices into a journal, as somebody who forgot that there was one would."""
    (root / ".puntual").mkdir()
    path = root / ".puntual/journal.db"
    SqliteNotices(path).close()
    end = "2026-03-03T12:00:00+00:00" if resolved else None
    with closing(sqlite3.connect(path)) as db, db:
        for _ in range(times):
            db.execute(
                "INSERT INTO notices (report, reference_date, cause, severity, text, opened_at,"
                " resolved_at) VALUES (?, ?, 'S1201', 'error', 'x', '2026-03-03T11:00:00', ?)",
                (REPORT, FIRST, end),
            )
