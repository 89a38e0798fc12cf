"""Every promise of `Ledger`, kept by each store: it never forks and never goes backwards."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.s3 import Faults, lake_of

from puntual.aws import ledger as on_s3
from puntual.aws.bucket import Bucket
from puntual.aws.ledger import S3Ledger
from puntual.errors import EvidenceError, PermanentError, TransientError
from puntual.evidence import checkpoint
from puntual.evidence.ledger import Entry, Event, Told, Upto, decode, encode
from puntual.evidence.signed_log import SignedLog
from puntual.local.keys import LocalKeys
from puntual.local.ledger import LocalLedger

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)

Open = Callable[[], SignedLog]


def entry(number: int, epoch: int = 1) -> bytes:
    told = Told(event=Event.STEP, step=f"step:{number}", reference_date="2026-11-20")
    return encode(Entry(told=told, at=AT, epoch=epoch, trust=1, upto=Upto()))


def steps(ledger: SignedLog) -> list[str]:
    return [decode(data).told.step for _, data in ledger.backwards()][::-1]


LOCKED = "puntual-locked"


def locking(s3: Any) -> Bucket:
    """Return an empty prefix of a bucket that locks what is written for a day."""
    with contextlib.suppress(ClientError):  # it is there, of an earlier test
        s3.create_bucket(Bucket=LOCKED, ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(
        Bucket=LOCKED,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    return Bucket(s3, LOCKED, uuid.uuid4().hex)


def locked_names(bucket: Bucket) -> list[str]:
    return [found.name for found in bucket.listed("")]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> LocalKeys:
    def no_secret(where: str) -> str:
        raise AssertionError(where)

    made = LocalKeys(tmp_path_factory.mktemp("keys"), no_secret)
    made.begin("bank")
    return made


class LedgerSuite:
    """Every promise of Ledger; subclass it with an `open_it` fixture."""

    def test_what_was_put_on_record_is_signed_and_read_back(self, open_it: Open) -> None:
        made = open_it()
        made.append([entry(0), entry(1)], epoch=1)
        made.append([entry(2)], epoch=1)
        again = open_it()
        assert (again.size, steps(again)) == (3, ["step:0", "step:1", "step:2"])
        note = checkpoint.decode(again.checkpoint(1))
        assert (note.size, note.root) == (2, again.root(2))
        assert checkpoint.decode(again.checkpoint(2)).size == 3
        assert again.check() == 2
        with pytest.raises(ValueError, match="entry 3"):
            again.checkpoint(3)

    def test_a_ledger_without_entries_is_one(self, open_it: Open) -> None:
        made = open_it()
        made.append([], epoch=1)
        assert (made.size, steps(made), made.check()) == (0, [], 0)

    def test_proofs_of_an_earlier_tree_hold_in_the_later_one(self, open_it: Open) -> None:
        made = open_it()
        for number in range(5):
            made.append([entry(number)], epoch=1)
        first = made.root(3)
        again = open_it()
        assert again.root(3) == first
        assert again.consistency(3, 5)
        assert again.inclusion(1, 5)

    @pytest.mark.row("f27")
    def test_of_two_writers_one_wins_and_an_older_epoch_is_fenced(self, open_it: Open) -> None:
        one, other = open_it(), open_it()
        one.append([entry(0, epoch=2)], epoch=2)
        with pytest.raises(PermanentError, match="T2001"):
            other.append([entry(1, epoch=2)], epoch=2)
        with pytest.raises(PermanentError, match="T2001"):
            open_it().append([entry(1)], epoch=1)
        assert open_it().size == 1

    def test_what_is_kept_once_stays_as_it_is(self, open_it: Open) -> None:
        made = open_it()
        assert made.keep("envelopes/x", b"first") == b"first"
        assert made.keep("envelopes/x", b"second") == b"first"


class TestLocal(LedgerSuite):
    @pytest.fixture
    def open_it(self, tmp_path: Path, keys: LocalKeys) -> Open:
        apart = tmp_path / "checkpoint"
        origin = keys.current.origin
        return lambda: LocalLedger(tmp_path / "ledger", origin, apart, keys.note_lines)

    @pytest.mark.row("f9")
    def test_a_checkpoint_whose_writer_died_before_it_was_kept_apart_is_kept_by_the_next(
        self, open_it: Open, tmp_path: Path
    ) -> None:
        """Else a backup of the time between would not be seen as one."""
        apart = tmp_path / "checkpoint"
        open_it().append([entry(0)], epoch=1)
        older = apart.read_bytes()
        open_it().append([entry(1)], epoch=1)
        newest = apart.read_bytes()
        apart.write_bytes(older)
        open_it()
        assert apart.read_bytes() == newest


class TestS3(LedgerSuite):
    @pytest.fixture
    def folder(self, lake: Bucket) -> Bucket:
        return lake.below("ledger")

    @pytest.fixture
    def evidence(self, s3: Any) -> Bucket:
        return lake_of(s3)

    @pytest.fixture
    def open_it(self, folder: Bucket, evidence: Bucket, keys: LocalKeys) -> Open:
        return lambda: S3Ledger(folder, keys.current.origin, evidence, keys.note_lines)

    @pytest.mark.row("f77", "f2")
    @pytest.mark.parametrize(
        ("writes", "expected"),
        [
            (0, ["step:0", "step:2"]),
            (1, ["step:0", "step:1", "step:2"]),  # the batch
            (2, ["step:0", "step:1", "step:2"]),  # and its note, but not the checkpoint apart
        ],
    )
    def test_one_that_died_after_any_write_is_gone_on_with_and_signs_no_two_trees(
        self, open_it: Open, injected: Faults, writes: int, expected: list[str]
    ) -> None:
        open_it().append([entry(0)], epoch=1)
        made = open_it()
        for _ in range(writes):
            injected.meanwhile("PutObject", lambda: None)
        injected.answer("PutObject", 403, "AccessDenied")
        with pytest.raises(PermanentError, match="T5004"):
            made.append([entry(1)], epoch=1)
        again = open_it()
        again.append([entry(2)], epoch=1)
        assert steps(again) == expected
        assert again.check() == len(expected)

    @pytest.mark.row("f65")
    def test_o7_an_entry_whose_answer_was_lost_is_told_once(
        self, open_it: Open, injected: Faults
    ) -> None:
        made = open_it()
        for _ in range(4):
            injected.lose("PutObject")
            made.append([entry(made.size)], epoch=1)
        assert steps(open_it()) == [f"step:{n}" for n in range(4)]

    @pytest.mark.row("f65")
    def test_a_store_that_does_not_answer_is_transient(
        self, open_it: Open, injected: Faults
    ) -> None:
        made = open_it()
        injected.answer("PutObject", 503, "SlowDown", times=2)
        with pytest.raises(TransientError, match="T5002"):
            made.append([entry(0)], epoch=1)
        assert open_it().size == 0

    @pytest.mark.row("f9")
    def test_a_lake_that_was_set_back_is_refused_as_a_rollback(
        self, open_it: Open, folder: Bucket
    ) -> None:
        for number in range(3):
            open_it().append([entry(number)], epoch=1)
        for name in ("entries/000000000002.jsonl", "checkpoints/000000000003"):
            folder.hide(name)
        with pytest.raises(EvidenceError, match="V4003"):
            open_it()

    @pytest.mark.row("f9")
    @pytest.mark.parametrize("harm", ["hidden", "another version on top"])
    def test_what_was_shown_cannot_be_taken_away_from_a_bucket_that_locks(
        self, folder: Bucket, keys: LocalKeys, s3: Any, harm: str
    ) -> None:
        """Compliance mode (`aws.md` 11): the version stays, whoever asks; a marker may hide it."""
        locked = locking(s3)
        origin = keys.current.origin
        for number in range(2):
            S3Ledger(folder, origin, locked, keys.note_lines).append([entry(number)], epoch=1)
        newest = locked.first("checkpoints/")
        older = locked.read(locked_names(locked)[1])
        assert newest is not None
        assert older is not None
        place = locked.place(newest)
        version = s3.head_object(**place)["VersionId"]
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(**place, VersionId=version)
        if harm == "hidden":
            locked.hide(newest)
        else:
            locked.overwrite(newest, older.data)
        for name in ("entries/000000000001.jsonl", "checkpoints/000000000002"):
            folder.hide(name)
        with pytest.raises(EvidenceError, match="V4003"):
            S3Ledger(folder, origin, locked, keys.note_lines)

    @pytest.mark.row("f77")
    def test_another_history_of_the_same_length_is_refused(
        self, open_it: Open, folder: Bucket, s3: Any, keys: LocalKeys
    ) -> None:
        open_it().append([entry(0)], epoch=1)
        fork = lake_of(s3)
        S3Ledger(fork, keys.current.origin, lake_of(s3), keys.note_lines).append(
            [entry(7)], epoch=1
        )
        for found in fork.listed(""):
            read = fork.read(found.name)
            assert read is not None
            folder.overwrite(found.name, read.data)
        with pytest.raises(EvidenceError, match="V4003"):
            open_it()

    @pytest.mark.row("f77")
    @pytest.mark.parametrize("harm", ["altered", "gone"])
    def test_an_altered_or_missing_entry_is_found(
        self, open_it: Open, folder: Bucket, harm: str
    ) -> None:
        name = "entries/000000000000.jsonl"
        open_it().append([entry(0), entry(1)], epoch=1)
        read = folder.read(name)
        assert read is not None
        if harm == "gone":
            folder.hide(name)
        else:
            folder.overwrite(name, read.data.replace(b"step:1", b"step:9"))
        with pytest.raises(EvidenceError, match="V4004"):
            open_it().check()

    def test_remembered_hashes_that_are_wrong_or_few_are_made_again(
        self, open_it: Open, folder: Bucket, monkeypatch: pytest.MonkeyPatch, injected: Faults
    ) -> None:
        monkeypatch.setattr(on_s3, "REMEMBER_EVERY", 3)
        made = open_it()
        for number in range(8):
            made.append([entry(number)], epoch=1)
        expected = made.root(8)
        injected.calls.clear()
        assert open_it().root(8) == expected
        # the note, the hashes, the entries since, the checkpoint apart
        assert injected.calls.count("GetObject") <= 6
        for harm in (b"x" * 5000, b"y" * 32, b""):
            folder.overwrite("leaves", harm)
            assert open_it().root(8) == expected
