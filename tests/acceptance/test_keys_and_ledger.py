"""Keys and ledger of a project: what is lost, set back or ended is said, and there is a way on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.small import DAY, ROWS, Ran, drop, good_day, puntual, run_day, vouch
from support.tamper import copy_of

NEXT = "2026-03-03"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = good_day(tmp_path_factory.mktemp("ran"))
    assert run_day(root).code == 0
    return root


@pytest.fixture
def bank(ran: Path, tmp_path: Path) -> Path:
    """A project of its own whose first day is delivered."""
    return copy_of(ran, tmp_path / "bank")


def next_day(root: Path, *more: str) -> Ran:
    """Run the day after, whose file is written first."""
    drop(root, tuple(r.replace(DAY, NEXT) for r in ROWS), day=NEXT)
    vouch(root, 4, "330.35", day=NEXT)
    return run_day(root, *more, day=NEXT, as_of="2026-03-04T05:00:00-06:00")


def trust_files(root: Path) -> list[Path]:
    found = (root / ".puntual" / "keys").glob("trust.*.json")
    return sorted(found, key=lambda p: int(p.name.split(".")[1]))


@pytest.mark.row("f77", "f9")
def test_an_anchor_that_fails_takes_nothing_away(bank: Path) -> None:
    """The ledger lost its last batch of entries, but not the checkpoint over it."""
    shown = (bank / "ledger.checkpoint").read_bytes()
    ledger = bank / ".puntual" / "ledger"
    sorted((ledger / "entries").iterdir())[-1].unlink()
    (ledger / "leaves").unlink()
    refused = puntual(bank, "ledger", "anchor", "--reason", "a try")
    assert (refused.code, "V4004" in refused.err) == (3, True), refused.out + refused.err
    assert (bank / "ledger.checkpoint").read_bytes() == shown
    assert next_day(bank).code == 3


@pytest.mark.row("f77")
def test_a_trust_file_that_was_set_back_signs_nothing(bank: Path) -> None:
    """The pipeline's key was stolen and revoked; the file that says so is removed."""
    for more in (("create", "p2", "--role", "pipeline"), ("revoke", "pipeline", "--reason", "x")):
        assert puntual(bank, "key", *more).code == 0
    trust_files(bank)[-1].unlink()
    refused = next_day(bank)
    assert (refused.code, "V5007" in refused.err) == (3, True), refused.out + refused.err
    assert not list((bank / "out").glob("*20260303*"))


def test_the_last_key_of_the_log_is_replaced_and_never_just_ended(bank: Path) -> None:
    refused = puntual(bank, "key", "revoke", "log", "--reason", "stolen")
    assert (refused.code, "puntual key rotate log" in refused.err) == (2, True), refused.err
    assert len(trust_files(bank)) == 1, "nothing was published"
    assert puntual(bank, "key", "rotate", "log").code == 0
    assert next_day(bank).code == 0


def test_a_project_whose_log_has_no_key_here_any_more_gets_one(bank: Path) -> None:
    """The private half is gone, so that nothing can be signed; the root key is there."""
    keys = puntual(bank, "key", "list", "--json").data["keys"]
    assert isinstance(keys, list)
    (log,) = (k["keyid"] for k in keys if k["role"] == "log")
    (bank / ".puntual" / "keys" / f"{log[:16]}.pem").unlink()
    stopped = next_day(bank)
    assert (stopped.code, "V5001" in stopped.err) == (3, True), stopped.out + stopped.err
    made = puntual(bank, "key", "create", "log2", "--role", "log")
    assert made.code == 0, made.out + made.err
    assert next_day(bank).code == 0
    assert puntual(bank, "verify").code == 0


@pytest.mark.parametrize("copied", ["the whole folder but .puntual", "lake and commits alone"])
def test_no_second_root_key_is_made_where_something_was_signed(
    bank: Path, tmp_path: Path, copied: str
) -> None:
    shutil.copytree(bank / ".puntual", tmp_path / "copy")
    shown = (bank / "ledger.checkpoint").read_bytes()
    for name in ("keys", "ledger"):
        shutil.rmtree(bank / ".puntual" / name)
    if copied == "lake and commits alone":
        (bank / "ledger.checkpoint").unlink()
        shutil.rmtree(bank / "evidence")
    refused = next_day(bank)
    assert (refused.code, "V5008" in refused.err) == (3, True), refused.out + refused.err
    assert not list((bank / ".puntual").glob("keys/root.pem"))
    for name in ("keys", "ledger"):
        shutil.rmtree(bank / ".puntual" / name, ignore_errors=True)
        shutil.copytree(tmp_path / "copy" / name, bank / ".puntual" / name)
    if copied == "lake and commits alone":
        unknown = next_day(bank)
        assert (unknown.code, "V4003" in unknown.err) == (3, True), "is it the newest copy?"
        (bank / "ledger.checkpoint").write_bytes(shown)
    assert next_day(bank).code == 0, "keys and ledger came back from a copy"


def test_a_project_whose_keys_are_lost_for_good_begins_anew_when_somebody_says_so(
    bank: Path,
) -> None:
    for name in ("keys", "ledger"):
        shutil.rmtree(bank / ".puntual" / name)
    assert puntual(bank, "ledger", "anchor", "--reason", "the disk burned").code == 0
    assert next_day(bank).code == 0


@pytest.mark.row("f78")
def test_who_may_approve_only_since_the_attestation_signs_when_it_was_attested_anew(
    bank: Path,
) -> None:
    assert puntual(bank, "key", "create", "ana", "--role", "approver").code == 0
    assert puntual(bank, "key", "require", "--full", "1").code == 0
    assert next_day(bank).code == 6
    assert puntual(bank, "key", "create", "luis", "--role", "approver").code == 0
    sign = ("key", "sign", "-d", NEXT, "--name", "luis")
    refused = puntual(bank, *sign)
    assert (refused.code, "C1907" in refused.err) == (2, True), refused.out + refused.err
    assert next_day(bank, "--from", "attest:payments_daily").code == 6
    assert puntual(bank, *sign).code == 0
    sent = next_day(bank)
    assert sent.code == 0, sent.out + sent.err
    checked = puntual(bank, "verify", "-d", NEXT)
    assert (checked.code, "signed by approver: luis" in checked.out) == (0, True), checked.out


def test_a_passphrase_that_is_typed_where_its_place_belongs_is_not_repeated(
    bank: Path,
) -> None:
    for given in ("hunter2secret", "env:hunter2 secret", "file:hunter2secret"):
        told = puntual(bank, "key", "create", "eva", "--role", "approver", "--passphrase", given)
        assert (told.code, "V5002" in told.err) == (3, True), told.err
        assert "hunter2" not in told.out + told.err
    missing = puntual(
        bank, "key", "create", "eva", "--role", "approver", "--passphrase", "env:NOT_SET",
        env={k: v for k, v in os.environ.items() if k != "NOT_SET"},
    )  # fmt: skip
    assert "env:NOT_SET" in missing.err


def test_a_time_stamp_is_asked_for_over_http_alone(bank: Path) -> None:
    for url in ("file:///etc/passwd", "gopher://x", "https://", "tsa.example"):
        told = puntual(bank, "ledger", "stamp", "--url", url)
        assert (told.code, "C1908" in told.err) == (2, True), told.err
    assert puntual(bank, "ledger", "stamp", "--url", "https://tsa.example/").code == 0
    assert puntual(bank, "ledger", "stamp", "--url", "").code == 0


def set_back(bank: Path, tmp_path: Path) -> bytes:
    """Deliver a second day, and put the first one's state back with its ledger.checkpoint."""
    apart = bank / "ledger.checkpoint"
    kept = apart.read_bytes()
    shutil.copytree(bank / ".puntual", tmp_path / "backup")
    assert next_day(bank).code == 0
    shown = apart.read_bytes()
    shutil.rmtree(bank / ".puntual")
    shutil.copytree(tmp_path / "backup", bank / ".puntual")
    apart.write_bytes(kept)
    return shown


SIGNING = (
    ("key", "create", "ana", "--role", "approver"),
    ("key", "rotate", "pipeline"),
    ("reconcile", "-d", DAY, "--row", "p2", "--unmask"),
)


@pytest.mark.row("f9")
def test_an_older_backup_is_refused_also_when_its_checkpoint_was_put_back_with_it(
    bank: Path, tmp_path: Path
) -> None:
    """The newest package lies in `evidence`, which nobody has set back."""
    set_back(bank, tmp_path)
    before = {p: p.read_bytes() for p in (bank / ".puntual/ledger").rglob("*") if p.is_file()}
    refused = next_day(bank)
    assert (refused.code, "V4003" in refused.err) == (3, True), refused.out + refused.err
    for command in SIGNING:
        ran = puntual(bank, *command)
        assert (ran.code, "V4003" in ran.err) == (3, True), (command, ran.out + ran.err)
    lying = {p: p.read_bytes() for p in (bank / ".puntual/ledger").rglob("*") if p.is_file()}
    assert lying == before, "nothing was signed"
    assert len(trust_files(bank)) == 1


@pytest.mark.row("f9")
def test_what_an_operator_has_given_up_is_on_record_and_not_asked_for_again(
    bank: Path, tmp_path: Path
) -> None:
    set_back(bank, tmp_path)
    given = puntual(bank, "ledger", "anchor", "--seen", str(pack_of(bank, NEXT)), "--reason", "x")
    assert (given.code, "V4003" in given.err) == (3, True), given.out + given.err
    assert puntual(bank, "ledger", "anchor", "--reason", "the disk burned").code == 0
    shown = puntual(bank, "ledger", "show", "--json").data["entries"]
    assert isinstance(shown, list)
    (anchored,) = (e["facts"] for e in shown if e["event"] == "anchor")
    assert (anchored["reason"], len(anchored["lost"])) == ("the disk burned", 1)
    assert puntual(bank, "key", "create", "ana", "--role", "approver").code == 0


def pack_of(bank: Path, day: str) -> Path:
    return bank / "evidence" / f"payments_daily_{day.replace('-', '')}_v1"


@pytest.mark.row("f9")
def test_without_the_checkpoint_that_is_kept_apart_nothing_is_signed_until_it_is_laid_down_again(
    bank: Path, tmp_path: Path
) -> None:
    apart = bank / "ledger.checkpoint"
    newest, kept = shutil.copytree(pack_of(bank, DAY), tmp_path / "newest"), apart.read_bytes()
    apart.unlink()
    for command in SIGNING:
        ran = puntual(bank, *command)
        assert (ran.code, "ledger anchor --seen" in ran.err) == (3, True), (command, ran.err)
    refused = next_day(bank)
    assert (refused.code, "V4003" in refused.err) == (3, True), refused.out + refused.err
    assert not apart.exists()
    assert puntual(bank, "ledger", "show").code == 0, "what signs nothing goes on"
    anchor = ("ledger", "anchor", "--reason", "lost", "--seen")
    for wrong in (tmp_path / "none", apart, bank / "puntual.yaml"):
        ran = puntual(bank, *anchor, str(wrong))
        assert ran.code in (2, 3), ran.out + ran.err
    assert not apart.exists()
    for right in (newest, tmp_path / "copy"):
        (tmp_path / "copy").write_bytes(kept)
        apart.unlink(missing_ok=True)
        ran = puntual(bank, *anchor, str(right))
        assert ran.code == 0, ran.out + ran.err
    shown = puntual(bank, "ledger", "show", "--json").data["entries"]
    assert isinstance(shown, list)
    assert [e["facts"]["lost"] for e in shown if e["event"] == "anchor"] == [[], []]
    assert next_day(bank).code == 0
    assert puntual(bank, "verify").code == 0, "no receiver sees a cut"


def test_a_package_that_another_log_has_signed_stops_nobody(bank: Path, tmp_path: Path) -> None:
    """Also one that nobody can read: what is damaged there is `verify`'s to say."""
    (tmp_path / "other").mkdir()
    assert run_day(good_day(tmp_path / "other")).code == 0
    shutil.copytree(pack_of(tmp_path / "other", DAY), pack_of(bank, "2027-01-01"))
    shutil.copytree(pack_of(bank, DAY), pack_of(bank, "2027-01-02"))
    (pack_of(bank, "2027-01-02") / "statement.tlog-proof").write_bytes(b"no proof")
    (bank / "evidence/payments_daily_20270103_v1").mkdir()
    assert next_day(bank).code == 0
