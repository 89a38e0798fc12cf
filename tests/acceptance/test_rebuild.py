"""The state can be deleted or damaged: it is made again from what is published, and says so."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.small import Ran, drop, good_day, only_delivery, puntual, run_day, vouch

HELD_DAY, HELD_AS_OF = "2026-03-03", "2026-03-04T05:00:00-06:00"
FILES = ("state.db", "journal.db", "catalog.db")
TABLES = {
    "state.db": ("SELECT * FROM pointers", "SELECT name, epoch FROM leases"),
    "journal.db": ("SELECT * FROM deliveries",),
    "catalog.db": (
        "SELECT dataset FROM datasets",
        "SELECT * FROM partitions",
        "SELECT * FROM files",
        "SELECT * FROM columns",
    ),
}


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One day that was sent, and one that is held: its control record has another count."""
    root = good_day(tmp_path_factory.mktemp("delivered"))
    assert run_day(root).code == 0
    drop(root, ("p9;c1;5.00;2026-03-03",), day=HELD_DAY)
    vouch(root, 2, "5.00", day=HELD_DAY)
    assert run_day(root, day=HELD_DAY, as_of=HELD_AS_OF).code == 1
    return root


@pytest.fixture
def root(delivered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(delivered, tmp_path / "project", symlinks=True))


def _tables(root: Path, name: str) -> list[list[tuple[object, ...]]]:
    with closing(sqlite3.connect(root / ".puntual" / name)) as db:
        return [sorted(db.execute(q).fetchall()) for q in TABLES[name]]


def _delete(root: Path, name: str) -> None:
    for file in (root / ".puntual").glob(f"{name}*"):
        file.unlink()


def _overwrite(root: Path, name: str, *, page: int) -> None:
    """Put random bytes over a page, as a disk or a person might."""
    path = root / ".puntual" / name
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek(page * size)
        file.write(os.urandom(size))


def _says(ran: Ran, *words: str) -> None:
    assert ran.code == 0, ran.out + ran.err
    for word in words:
        assert word in ran.out, ran.out


@pytest.mark.row("f8")
@pytest.mark.parametrize("name", FILES)
def test_a_state_file_that_was_deleted_is_made_again(
    root: Path, delivered: Path, name: str
) -> None:
    before = _tables(delivered, name)
    _delete(root, name)
    _says(run_day(root), f"{name} made again", "already delivered; nothing to do")
    after = _tables(root, name)
    if name == "state.db":
        before, after = before[:1], after[:1]  # the run above had a lease of its own
    assert after == before
    asked = puntual(
        root, "query", "SELECT count(*), sum(amount) FROM movements", "--json", "--unmask"
    )
    assert asked.data["rows"] == [["5", "335.35"]]


@pytest.mark.row("f8")
@pytest.mark.parametrize("page", [0, 1])
@pytest.mark.parametrize("name", FILES)
def test_a_state_file_that_was_overwritten_is_kept_aside_and_made_again(
    root: Path, delivered: Path, name: str, page: int
) -> None:
    before = _tables(delivered, name)
    _overwrite(root, name, page=page)
    ran = run_day(root)
    _says(ran, f"{name} was damaged; it is kept as {name}.damaged-1", f"{name} made again")
    assert (root / ".puntual" / f"{name}.damaged-1").is_file()
    assert _tables(root, name)[:1] == before[:1]
    assert only_delivery(run_day(root, "--json"))["state"] == "sent"


@pytest.mark.row("f8")
def test_status_makes_all_of_it_again_and_shows_what_it_showed_before(root: Path) -> None:
    now = ("--as-of", HELD_AS_OF)
    before = puntual(root, "status", "--json", *now)
    for name in FILES:
        _delete(root, name)
    said = puntual(root, "status", *now)
    assert [f"{name} made again" in said.out for name in FILES] == [True] * 3
    after = puntual(root, "status", "--json", *now)
    assert after.data["deliveries"] == before.data["deliveries"]
    assert after.err == ""


@pytest.mark.row("f8")
def test_what_stands_between_the_state_and_its_log_is_no_other_history(root: Path) -> None:
    records = sorted((root / ".puntual/state.commits").glob("*.json"))
    records[-1].unlink()
    ran = run_day(root)
    assert ran.code == 3
    assert "V1003" in ran.err
    assert records[-1].name in ran.err


@pytest.mark.row("f7", "f8")
def test_a_manifest_that_is_damaged_is_named_and_the_others_are_rebuilt(root: Path) -> None:
    with closing(sqlite3.connect(root / ".puntual/state.db")) as db:
        (digest,) = db.execute(
            "SELECT manifest FROM pointers WHERE name LIKE 'deliver:%/2026-03-02'"
        ).fetchone()
    manifest = root / f".puntual/lake/manifests/{digest}.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"sent_at", b"sent_by"))
    _delete(root, "journal.db")
    said = puntual(root, "status")
    assert "V1002" in said.out
    assert digest in said.out
    assert HELD_DAY in said.out


OPENERS = (
    ("explain", "payments_daily", "-d", HELD_DAY),
    ("query", "SELECT count(*) FROM movements"),
    ("export", "openlineage", "-d", "2026-03-02"),
    ("ack", "payments_daily", "-d", "2026-03-02"),
    ("land", "-d", HELD_DAY, "--as-of", HELD_AS_OF),
)


@pytest.mark.row("f8")
@pytest.mark.parametrize("asked", OPENERS, ids=lambda a: a[0])
def test_no_command_begins_an_empty_journal_or_catalog_in_place_of_the_one_that_is_gone(
    root: Path, delivered: Path, asked: tuple[str, ...]
) -> None:
    before = [(r[0], r[1], r[2]) for r in _tables(delivered, "journal.db")[0]]
    _delete(root, "journal.db")
    _delete(root, "catalog.db")
    ran = puntual(root, *asked)
    assert "journal.db made again from manifests: 2 deliveries" in ran.err, ran.out + ran.err
    assert [(r[0], r[1], r[2]) for r in _tables(root, "journal.db")[0]] == before
    assert _tables(root, "catalog.db") == _tables(delivered, "catalog.db")


@pytest.mark.row("f8")
@pytest.mark.parametrize("point", ["journal.saved", "catalog.published"])
def test_what_was_being_made_again_when_its_process_died_is_made_by_the_next_command(
    root: Path, delivered: Path, point: str
) -> None:
    _delete(root, "journal.db")
    _delete(root, "catalog.db")
    status = ("status", "--as-of", HELD_AS_OF)
    killed = puntual(root, *status, env={"PUNTUAL_FAILPOINTS": f"{point}=kill@1"})
    assert killed.code == -9
    assert "made again" in puntual(root, *status).out
    assert _tables(root, "journal.db") == _tables(delivered, "journal.db")
    assert _tables(root, "catalog.db") == _tables(delivered, "catalog.db")
    assert not list((root / ".puntual").glob("*.new*"))


@pytest.mark.row("f8", "f9")
def test_no_second_history_begins_where_the_first_one_is_gone(root: Path) -> None:
    _delete(root, "state.db")
    shutil.rmtree(root / ".puntual/state.commits")
    doctor = puntual(root, "doctor", "--as-of", HELD_AS_OF)
    assert (doctor.code, "V1003 the commit log is gone" in doctor.out) == (3, True), doctor.out
    drop(root, ("p7;c1;7.00;2026-03-04",), day="2026-03-04")
    ran = run_day(root, day="2026-03-04", as_of="2026-03-05T05:00:00-06:00")
    assert (ran.code, "V1003" in ran.err) == (3, True), ran.out + ran.err
    assert not list((root / ".puntual/lake").glob("raw/**/*2026-03-04*"))
    _delete(root, "journal.db")  # then the ledger alone knows
    again = run_day(root)
    assert (again.code, "V1003" in again.err) == (3, True), again.out + again.err
