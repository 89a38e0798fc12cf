"""The attacks A1 to A6 of `evidence.md` 6, the two that nobody can notice included."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tamper.bank import Bank, Judge, bank

from puntual.errors import PermanentError
from puntual.evidence import dsse
from puntual.evidence.ledger import Event, Told
from puntual.evidence.trust import Role, opened
from puntual.evidence.trust_keys import verifies

pytestmark = pytest.mark.row("f77", "f78")


def judge(tmp_path: Path, made: Bank) -> Judge:
    (tmp_path / "judge").mkdir(exist_ok=True)
    return Judge(tmp_path / "judge", made.fingerprint)


def signed(made: Bank, version: int, report: bytes = b"1|2.00\n") -> dict[str, bytes]:
    files = made.attest(version, report)
    made.approve(files, "person-0")
    return made.packed(files)


def test_what_was_approved_and_put_on_record_is_verified_again_and_again(tmp_path: Path) -> None:
    made = bank(tmp_path / "bank", approvers=1)
    reader = judge(tmp_path, made)
    first, second = signed(made, 1), signed(made, 2)
    assert reader.accepts(first)
    assert reader.accepts(second)
    assert reader.accepts(first)
    assert reader.fresh().accepts(second)


def test_a1_rewritten_without_any_key_is_rejected(tmp_path: Path) -> None:
    made = bank(tmp_path / "bank", approvers=1)
    forger = bank(tmp_path / "forger", approvers=1)
    reader = judge(tmp_path, made)
    true, false = signed(made, 1), signed(forger, 1, b"1|9.00\n")
    assert not reader.accepts(false)
    assert not reader.accepts({**true, "credit_daily.txt": b"1|9.00\n"})
    assert not reader.accepts({**false, "trust.json": true["trust.json"]})
    assert reader.accepts(true)
    assert not reader.accepts(false)


def test_a2_without_an_approver_the_stolen_keys_of_pipeline_and_log_are_not_enough(
    tmp_path: Path,
) -> None:
    made = bank(tmp_path / "bank", approvers=1)
    reader = judge(tmp_path, made)
    thief = made.copy(tmp_path / "thief")
    lax = bank(tmp_path / "lax")
    stolen = thief.attest(1, b"1|9.00\n")
    with pytest.raises(PermanentError, match="V5004"):
        thief.packed(stolen)
    files = signed(made, 1)
    unsigned = without_people(files)
    assert not reader.accepts(unsigned)
    assert not reader.accepts({**unsigned, "trust.json": lax.deliver(1)["trust.json"]})
    assert reader.accepts(files)


def without_people(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return a package with the pipeline's signature alone."""
    known = {k.keyid: k.role for k in opened(files["trust.json"], verifies).keys}
    whole = dsse.decode(files["statement.dsse.json"], dsse.STATEMENT)
    kept = tuple(s for s in whole.signatures if known[s.keyid] is Role.PIPELINE)
    bare = dsse.Envelope(payload=whole.payload, kind=whole.kind, signatures=kept)
    return {**files, "statement.dsse.json": dsse.encode(bare)}


def test_a3_a4_all_keys_rewrite_a_past_day_and_only_an_earlier_checkpoint_tells(
    tmp_path: Path,
) -> None:
    made = bank(tmp_path / "bank", approvers=1)
    rewriter = made.copy(tmp_path / "rewriter")
    reader = judge(tmp_path, made)
    assert reader.accepts(signed(made, 1))
    signed(rewriter, 1, b"1|9.00\n")
    rewritten = signed(rewriter, 2)
    assert reader.fresh().accepts(rewritten), "documents the limit: nobody outside had seen it"
    assert not reader.accepts(rewritten)
    assert reader.accepts(signed(made, 2))


def test_a3_a_history_that_was_begun_anew_under_another_name_is_no_first_contact(
    tmp_path: Path,
) -> None:
    """All keys, the same root key, another origin: the reader's checkpoint is of the old one."""
    made = bank(tmp_path / "bank", approvers=1)
    reader = judge(tmp_path, made)
    assert reader.accepts(signed(made, 1))
    rewritten = signed(begun_anew(made, tmp_path / "rewriter"), 1, b"1|9.00\n")
    assert not reader.accepts(rewritten)
    assert not reader.accepts(rewritten, root=""), "nor by the root key that is remembered"
    assert reader.fresh().accepts(rewritten), "documents the limit: he holds nothing earlier"
    assert reader.accepts(rewritten, new_ledger=True), "the institution says: a second ledger"
    assert reader.accepts(rewritten), "from now on it is known"


def begun_anew(made: Bank, root: Path) -> Bank:
    """Return a bank with the same keys and root, whose ledger has another origin and no entry."""
    shutil.copytree(made.root / "keys", root / "keys")
    current = made.trust
    for path in (root / "keys").glob("trust.*.json"):
        path.unlink()
    anew = Bank(root)
    first = replace(
        current,
        origin=f"{current.origin}0",
        version=1,
        keys=tuple(replace(key, since=0) for key in current.keys),
        thresholds=(replace(current.thresholds[-1], since=0),),
    )
    anew.keys._publish(first, root=None, also=())
    anew.told(Told(event=Event.KEY))
    return anew


def test_a5_a_delivery_that_is_erased_from_the_ledger_is_noticed_by_who_saw_it(
    tmp_path: Path,
) -> None:
    made = bank(tmp_path / "bank", approvers=1)
    eraser = made.copy(tmp_path / "eraser")
    reader = judge(tmp_path, made)
    assert reader.accepts(signed(made, 1))
    signed(eraser, 2)
    assert not reader.accepts(signed(eraser, 3))


def test_a6_the_same_is_noticed_by_nobody_if_nobody_outside_saw_it(tmp_path: Path) -> None:
    made = bank(tmp_path / "bank", approvers=1)
    eraser = made.copy(tmp_path / "eraser")
    signed(made, 1)
    reader = judge(tmp_path, made)
    assert reader.accepts(signed(eraser, 2)), "documents the limit"


def test_a_verifier_never_goes_backwards_to_what_it_has_not_seen(tmp_path: Path) -> None:
    made = bank(tmp_path / "bank")
    reader = judge(tmp_path, made)
    first, second = made.deliver(1), made.deliver(2)
    assert reader.accepts(second)
    assert not reader.accepts(first)


def test_two_reports_of_one_run_are_verified_in_either_order(tmp_path: Path) -> None:
    """Each has the checkpoint of its own entry; the later one proves the earlier one's."""
    made = bank(tmp_path / "bank")
    arrears, credit = made.deliver(1, name="arrears"), made.deliver(1, name="credit")
    for first, second in ((arrears, credit), (credit, arrears)):
        reader = judge(tmp_path, made).fresh()
        for files in (first, second, first, second):
            assert reader.accepts(files)
        assert reader.accepts(made.deliver(2, name="arrears")), "and goes on from the newest"


def test_a_delivery_that_was_replaced_is_not_taken_for_the_one_that_replaced_it(
    tmp_path: Path,
) -> None:
    """Its tree is proven to begin the newer one, and still it would be a step backwards."""
    made = bank(tmp_path / "bank")
    old = {name: made.deliver(1, name=name) for name in ("arrears", "credit")}
    new = {name: made.deliver(2, name=name) for name in ("arrears", "credit")}
    reader = judge(tmp_path, made)
    assert reader.accepts(new["credit"])
    assert not reader.accepts(old["credit"])
    assert reader.accepts(new["arrears"])
    assert not reader.accepts(old["arrears"])
    assert reader.accepts(new["credit"])


def test_what_was_proven_is_held_against_another_history_of_the_same_size(tmp_path: Path) -> None:
    """All keys: the arrears of the day are rewritten after the credit report was verified."""
    made = bank(tmp_path / "bank")
    rewriter = made.copy(tmp_path / "rewriter")
    arrears, credit = made.deliver(1, name="arrears"), made.deliver(1, name="credit")
    forged = rewriter.deliver(1, b"1|9.00\n", name="arrears")
    reader = judge(tmp_path, made)
    assert reader.fresh().accepts(forged), "documents the limit: nothing earlier is held"
    assert reader.accepts(credit)
    assert not reader.accepts(forged)
    assert not reader.accepts({**arrears, "consistency.json": forged["consistency.json"]})
    assert reader.accepts(arrears)
    assert not reader.accepts(rewriter.deliver(1, name="credit"))


def test_an_older_tree_that_nothing_has_proven_is_refused(tmp_path: Path) -> None:
    """A fork that was made from a backup has fewer entries, and other ones."""
    made = bank(tmp_path / "bank")
    fork = made.copy(tmp_path / "fork")
    for number in range(3):
        newest = made.deliver(1, name=f"report_{number}")
    reader = judge(tmp_path, made)
    assert reader.accepts(newest)
    fork.told(Told(event=Event.KEY))
    assert not reader.accepts(fork.deliver(1, name="another"))


def test_who_is_sent_one_report_among_many_holds_a_checkpoint_that_the_next_one_extends(
    tmp_path: Path,
) -> None:
    """
    A weekly report, and 4 daily ones a day; one reader of each kind.

        weekly v1 · 12 dailies · weekly v2 · 12 dailies · weekly v3
    """
    made = bank(tmp_path / "bank")
    weekly, daily = judge(tmp_path, made), judge(tmp_path, made).fresh()
    numbers = itertools.count(1)
    for version in (1, 2, 3):
        assert weekly.accepts(made.deliver(version, name="weekly"))
        for number in range(12):
            files = made.deliver(next(numbers), name=f"daily_{number % 4}")
            if number % 4 == 0:
                assert daily.accepts(files)


def test_a_reader_who_missed_some_is_still_proven_to_hold_the_beginning(tmp_path: Path) -> None:
    made = bank(tmp_path / "bank")
    packs = [made.deliver(version) for version in range(1, 20)]
    for held in (1, 2, 4, 8, 16):
        reader = judge(tmp_path, made).fresh()
        assert reader.accepts(packs[18 - held])
        assert reader.accepts(packs[18]), f"{held} before"


def test_nothing_is_taken_on_the_packages_own_word(tmp_path: Path) -> None:
    made = bank(tmp_path / "bank")
    reader = judge(tmp_path, made)
    files = made.deliver(1)
    assert not reader.accepts(files, root="")
    assert not reader.accepts(files, root="0" * 64)
    assert reader.accepts(files)
    assert reader.accepts(files, root=""), "the root key is remembered"


def test_the_same_person_twice_is_one(tmp_path: Path) -> None:
    made = bank(tmp_path / "bank", approvers=2)
    files = made.attest(1)
    made.approve(files, "person-0")
    made.approve(files, "person-0")
    with pytest.raises(PermanentError, match="1 of 2"):
        made.packed(files)
    made.approve(files, "person-1")
    assert judge(tmp_path, made).accepts(made.packed(files))


def test_what_a_key_signed_counts_after_its_rotation_and_after_a_revocation(tmp_path: Path) -> None:
    made = bank(tmp_path / "bank")
    reader = judge(tmp_path, made)
    first = made.deliver(1)
    for name in ("pipeline", "log"):
        made.keys.rotate(name, size=made.ledger().size)
    second = made.deliver(2)
    assert reader.accepts(first)
    assert reader.accepts(second)
    assert reader.accepts(first)
    made.keys.revoke("pipeline", since=made.ledger().size, why="stolen")
    made.keys.create("pipeline-b", Role.PIPELINE, size=made.ledger().size)
    third = made.deliver(3)
    assert reader.accepts(third)
    assert reader.accepts(second)


def test_what_a_revoked_key_signs_does_not_count_even_with_the_old_trust_file(
    tmp_path: Path,
) -> None:
    made = bank(tmp_path / "bank")
    reader = judge(tmp_path, made)
    thief = made.copy(tmp_path / "thief")
    stolen = thief.deliver(1, b"1|9.00\n")
    made.keys.revoke("pipeline", since=1, why="stolen")
    made.keys.create("pipeline-b", Role.PIPELINE, size=made.ledger().size)
    assert reader.accepts(made.deliver(1))
    assert not reader.accepts(stolen)
