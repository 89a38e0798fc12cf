"""A ledger never forks, never goes backwards, and says so where others made it do either."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from puntual.errors import EvidenceError, PermanentError, ProjectError
from puntual.evidence import checkpoint
from puntual.evidence.dsse import STATEMENT, Envelope
from puntual.evidence.ledger import Entry, Event, Told, Upto, decode, encode
from puntual.evidence.trust import Role, opened
from puntual.evidence.trust_keys import verifies
from puntual.local.keys import KeyFile, LocalKeys
from puntual.local.ledger import LocalLedger

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def no_secret(where: str) -> str:
    raise AssertionError(where)


def keys(root: Path) -> LocalKeys:
    found = LocalKeys(root / "keys", no_secret)
    if not found.exist:
        found.begin("bank")
    return found


def ledger(root: Path, *, past: bool = False) -> LocalLedger:
    signer = keys(root)
    apart = root / "ledger.checkpoint"
    origin = signer.current.origin
    return LocalLedger(root / "ledger", origin, apart, signer.note_lines, past=past)


def entry(number: int, epoch: int = 1) -> bytes:
    told = Told(event=Event.STEP, step=f"step:{number}", reference_date="2026-11-20")
    return encode(Entry(told=told, at=AT, epoch=epoch, trust=1, upto=Upto()))


def test_what_was_put_on_record_is_signed_and_read_back(tmp_path: Path) -> None:
    made = ledger(tmp_path)
    made.append([entry(0), entry(1)], epoch=1)
    made.append([entry(2)], epoch=1)
    again = ledger(tmp_path)
    assert [(i, decode(e).told.step) for i, e in again.backwards()] == [
        (2, "step:2"), (1, "step:1"), (0, "step:0"),
    ]  # fmt: skip
    note = checkpoint.decode(again.checkpoint(1))
    assert (note.size, note.root) == (2, again.root(2))
    assert checkpoint.decode(again.checkpoint(2)).size == 3
    assert again.check() == 2


PROGRAM = """
import sys; sys.path[:0] = {path!r}
from pathlib import Path
from core.local.test_ledger import entry, ledger
made = ledger(Path({root!r}))
made.append([entry(i) for i in range(made.size, made.size + 3)], epoch=1)
"""
POINTS = ["file.bytes", "file.written", "file.synced", "ledger.named", "ledger.placed",
          "ledger.signed", "ledger.stored", "ledger.kept"]  # fmt: skip


@pytest.mark.row("f77", "f2")
@pytest.mark.parametrize(
    ("point", "nth"), [(p, n) for p in POINTS for n in ((1, 2, 3) if p[0] == "f" else (1,))]
)
def test_killed_between_any_two_writes_it_signs_no_two_trees_of_one_size(
    tmp_path: Path, point: str, nth: int
) -> None:
    made = ledger(tmp_path)
    made.append([entry(i) for i in range(3)], epoch=1)
    program = PROGRAM.format(path=[str(Path(__file__).resolve().parents[2])], root=str(tmp_path))
    env = os.environ | {"PUNTUAL_FAILPOINTS": f"{point}=kill@{nth}"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, check=False
    )
    assert done.returncode == -9, done.stderr
    shown = checkpoint.decode((tmp_path / "ledger.checkpoint").read_bytes())
    again = ledger(tmp_path)
    assert again.size >= shown.size
    assert again.root(shown.size) == shown.root
    again.append([entry(again.size)], epoch=1)
    assert again.check() == len(list((tmp_path / "ledger/checkpoints").iterdir()))
    steps = [decode(e).told.step for _, e in again.backwards()][::-1]
    assert steps == [f"step:{i}" for i in range(len(steps))], "nothing is told twice"


@pytest.mark.row("f9")
def test_a_restored_older_backup_is_refused_as_a_rollback_until_it_is_anchored(
    tmp_path: Path,
) -> None:
    ledger(tmp_path).append([entry(0)], epoch=1)
    shutil.copytree(tmp_path / "ledger", tmp_path / "backup")
    ledger(tmp_path).append([entry(1)], epoch=1)
    shutil.rmtree(tmp_path / "ledger")
    with pytest.raises(EvidenceError, match="V4003"):
        ledger(tmp_path)
    (tmp_path / "backup").rename(tmp_path / "ledger")
    with pytest.raises(EvidenceError, match="V4003"):
        ledger(tmp_path)
    ledger(tmp_path, past=True).append([entry(5)], epoch=1)  # what `puntual ledger anchor` does
    assert ledger(tmp_path).size == 2


ANCHOR = """
import sys; sys.path[:0] = {path!r}
from pathlib import Path
from core.local.test_ledger import entry, ledger
ledger(Path({root!r}), past=True).append([entry(99)], epoch=1)
"""


@pytest.mark.row("f9", "f2")
@pytest.mark.parametrize("tail", [False, True], ids=["whole", "unsigned tail"])
@pytest.mark.parametrize("point", ["ledger.named", "ledger.signed", "ledger.stored", "ledger.kept"])
def test_an_anchor_that_is_killed_leaves_the_refusal_until_it_is_on_record(
    tmp_path: Path, point: str, tail: bool
) -> None:
    """4 entries were shown; a backup of 2 was put back, with or without a batch unsigned."""
    for number in range(4):
        ledger(tmp_path).append([entry(number)], epoch=1)
    for name in ("entries/000000000003.jsonl", "checkpoints/000000000003",
                 "checkpoints/000000000004"):  # fmt: skip
        (tmp_path / "ledger" / name).unlink()
    if not tail:
        (tmp_path / "ledger/entries/000000000002.jsonl").unlink()
    shown = (tmp_path / "ledger.checkpoint").read_bytes()
    program = ANCHOR.format(path=[str(Path(__file__).resolve().parents[2])], root=str(tmp_path))
    env = os.environ | {"PUNTUAL_FAILPOINTS": f"{point}=kill@1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, check=False
    )
    assert done.returncode == -9, done.stderr
    if point != "ledger.kept":
        assert (tmp_path / "ledger.checkpoint").read_bytes() == shown
        with pytest.raises(EvidenceError, match="V4003"):
            ledger(tmp_path)
        ledger(tmp_path, past=True).append([entry(99)], epoch=1)
    again = ledger(tmp_path)
    assert decode(next(again.backwards())[1]).told.step == "step:99"
    assert again.check() == len(list((tmp_path / "ledger/checkpoints").iterdir()))


def test_an_anchor_of_a_ledger_that_is_damaged_leaves_what_was_kept_apart(tmp_path: Path) -> None:
    for number in range(4):
        ledger(tmp_path).append([entry(number)], epoch=1)
    (tmp_path / "ledger/entries/000000000003.jsonl").unlink()
    (tmp_path / "ledger/leaves").unlink()
    shown = (tmp_path / "ledger.checkpoint").read_bytes()
    with pytest.raises(EvidenceError, match="V4004"):
        ledger(tmp_path, past=True)
    assert (tmp_path / "ledger.checkpoint").read_bytes() == shown
    with pytest.raises(EvidenceError, match="V4004"):
        ledger(tmp_path)


@pytest.mark.row("f77")
def test_another_history_of_the_same_length_is_refused(tmp_path: Path) -> None:
    ledger(tmp_path).append([entry(0)], epoch=1)
    shutil.copytree(tmp_path / "keys", tmp_path / "fork" / "keys")
    ledger(tmp_path / "fork").append([entry(7)], epoch=1)
    shutil.rmtree(tmp_path / "ledger")
    shutil.copytree(tmp_path / "fork" / "ledger", tmp_path / "ledger")
    with pytest.raises(EvidenceError, match="V4003"):
        ledger(tmp_path)


@pytest.mark.row("f77")
@pytest.mark.parametrize("harm", ["altered", "gone"])
def test_an_altered_or_missing_entry_is_found(tmp_path: Path, harm: str) -> None:
    ledger(tmp_path).append([entry(0), entry(1)], epoch=1)
    path = tmp_path / "ledger/entries/000000000000.jsonl"
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b"step:1", b"step:9"))
    with pytest.raises(EvidenceError, match="V4004"):
        ledger(tmp_path).check()
    (tmp_path / "ledger/leaves").unlink()
    with pytest.raises(EvidenceError, match="V4004"):
        ledger(tmp_path)


def test_kept_hashes_that_are_torn_or_wrong_are_made_again(tmp_path: Path) -> None:
    ledger(tmp_path).append([entry(i) for i in range(300)], epoch=1)
    root = ledger(tmp_path).root(300)
    for name, harm in (("leaves", b"x" * 5000), ("blocks", b"y" * 32), ("leaves", b"")):
        (tmp_path / "ledger" / name).write_bytes(harm)
        assert ledger(tmp_path).root(300) == root
        ledger(tmp_path).append([entry(1)], epoch=1)
        root = ledger(tmp_path).root(300)


@pytest.mark.row("f27")
def test_of_two_writers_one_wins_and_an_older_epoch_is_fenced(tmp_path: Path) -> None:
    one, other = ledger(tmp_path), ledger(tmp_path)
    one.append([entry(0, epoch=2)], epoch=2)
    with pytest.raises(PermanentError, match="T2001"):
        other.append([entry(1, epoch=2)], epoch=2)
    with pytest.raises(PermanentError, match="T2001"):
        ledger(tmp_path).append([entry(1)], epoch=1)
    assert ledger(tmp_path).size == 1


def test_what_is_kept_once_stays_as_it_is(tmp_path: Path) -> None:
    made = ledger(tmp_path)
    assert made.keep("envelopes/x", b"first") == b"first"
    assert made.keep("envelopes/x", b"second") == b"first"


def test_a_private_key_is_0600_and_encrypted_where_a_passphrase_was_given(tmp_path: Path) -> None:
    holder = LocalKeys(tmp_path / "keys", lambda where: {"env:PASS": "correct horse"}[where])
    holder.begin("bank")
    made = holder.create("ana", Role.APPROVER, size=0, passphrase="env:PASS")
    (ana,) = (k for k in made.keys if k.name == "ana")
    files = {p.name: p for p in (tmp_path / "keys").iterdir()}
    assert {oct(p.stat().st_mode & 0o777) for n, p in files.items() if n.endswith(".pem")} == {
        "0o600"
    }
    pem = files[f"{ana.keyid[:16]}.pem"]
    assert b"ENCRYPTED" in pem.read_bytes()
    assert not any(b"correct horse" in p.read_bytes() for p in files.values())
    made_by = holder.sign("approver", b"x", position=0)
    assert verifies(ana.public, b"x", made_by[0].signature)
    wrong = LocalKeys(tmp_path / "keys", lambda where: "wrong")
    with pytest.raises(PermanentError, match="V5002"):
        wrong.sign("approver", b"x", position=0)
    pem.chmod(0o640)
    with pytest.raises(PermanentError, match="V5003"):
        LocalKeys(tmp_path / "keys", lambda _: "correct horse").sign("approver", b"x", position=0)


def test_the_root_key_may_be_kept_away_and_nothing_is_changed_without_it(tmp_path: Path) -> None:
    holder = keys(tmp_path)
    away = tmp_path / "stick.pem"
    (tmp_path / "keys" / "root.pem").rename(away)
    with pytest.raises(PermanentError, match="V5001"):
        holder.rotate("pipeline", size=3)
    made = holder.rotate("pipeline", size=3, root=KeyFile(path=away, passphrase=""))
    found = opened(holder.trust(), verifies)
    assert (made.version, found) == (2, made)
    assert len(made.of(Role.PIPELINE, 2)) == len(made.of(Role.PIPELINE, 3)) == 1
    assert made.of(Role.PIPELINE, 2) != made.of(Role.PIPELINE, 3)


def test_a_name_is_given_once_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    holder = keys(tmp_path)
    for name in ("log", "a/b", "", "x" * 65):
        with pytest.raises(ProjectError, match="C1901"):
            holder.create(name, Role.APPROVER, size=0)
    with pytest.raises(ProjectError, match="C1902"):
        holder.revoke("nobody", since=0, why="x")
    with pytest.raises(ProjectError, match="C1902"):
        holder.rotate("nobody", size=0)
    assert holder.current.version == 1


def test_the_last_key_of_the_log_is_not_ended_and_one_of_two_is(tmp_path: Path) -> None:
    holder = keys(tmp_path)
    with pytest.raises(ProjectError, match="C1906"):
        holder.revoke("log", since=3, why="stolen")
    assert holder.current.version == 1, "nothing was published"
    holder.create("log-b", Role.LOG, size=3)
    holder.revoke("log", since=3, why="stolen")
    assert [k.name for k in holder.current.of(Role.LOG, 4)] == ["log-b"]
    with pytest.raises(ProjectError, match="C1906"):
        holder.revoke("log-b", since=9, why="stolen")


def test_an_approver_who_came_after_the_attestation_is_told_so(tmp_path: Path) -> None:
    holder = keys(tmp_path)
    holder.create("luis", Role.APPROVER, size=5)
    envelope = Envelope(payload=b"{}", kind=STATEMENT)
    with pytest.raises(ProjectError, match="C1907") as refused:
        holder.approve("luis", envelope, "a" * 64, position=4)
    assert "--from attest:REPORT" in refused.value.next_step
    assert holder.approvals("a" * 64) == {}
    assert holder.approve("luis", envelope, "a" * 64, position=5) in holder.approvals("a" * 64)
    with pytest.raises(ProjectError, match="C1902"):
        holder.approve("pipeline", envelope, "a" * 64, position=5)
