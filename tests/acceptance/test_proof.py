"""Proof: a delivery leaves signed and on record, and an auditor without the project checks it."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.layers import holds
from support.small import (
    DAY,
    LAYOUT,
    REPORT,
    REPORT_SQL,
    ROWS,
    digests,
    drop,
    good_day,
    puntual,
    run_day,
    vouch,
)

VERIFIER = Path(__file__).resolve().parents[2] / "verifier" / "verify_delivery.py"
PACK = "evidence/payments_daily_20260302_v1"


def root_key(root: Path) -> str:
    return str(puntual(root, "key", "list", "--json").data["root"])


@pytest.mark.row("f77", "f78")
def test_an_auditor_with_a_folder_and_a_fingerprint_verifies_without_the_project(
    tmp_path: Path,
) -> None:
    bank, desk = tmp_path / "bank", tmp_path / "desk"
    bank.mkdir()
    done = run_day(good_day(bank))
    assert done.code == 0, done.err
    assert "keys were made" in done.out
    given = puntual(bank, "key", "export", str(desk))
    assert given.code == 0, given.err
    shutil.copytree(bank / PACK, desk / "package")
    key, state = root_key(bank), str(desk / "seen.json")
    isolated = [sys.executable, "-I", "verify_delivery.py", "package", "--state", state]
    for more, code in (([], 1), (["--root", key], 0), ([], 0), (["--root", "0" * 64], 1)):
        told = subprocess.run(
            [*isolated, *more], cwd=desk, capture_output=True, text=True, check=False
        )
        assert told.returncode == code, told.stdout + told.stderr
    here = puntual(desk, "verify", str(desk / "package"), "--root", key, "--state", state)
    assert (here.code, "seen before" in here.out) == (0, True), here.out + here.err
    sizes = {p.name: p.stat().st_size for p in (desk / "package").iterdir()}
    assert sum(sizes.values()) <= 50_000, sizes


def test_the_two_packages_of_one_run_are_verified_in_either_order(tmp_path: Path) -> None:
    bank = good_day(tmp_path / "bank")
    for name, text in (
        ("report.yaml", REPORT),
        ("report.sql", REPORT_SQL),
        ("layout.yaml", LAYOUT),
    ):
        path = bank / "reports" / "arrears_daily" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert run_day(bank).code == 0
    key = root_key(bank)
    packs = sorted(str(p) for p in (bank / "evidence").iterdir())
    assert len(packs) == 2
    for number, order in enumerate((packs, packs[::-1])):
        for pack in order:
            state = str(tmp_path / f"one-{number}.json")
            here = puntual(tmp_path, "verify", pack, "--root", key, "--state", state)
            assert here.code == 0, here.out + here.err
            asked = [pack, "--root", key, "--state", str(tmp_path / f"two-{number}.json")]
            told = subprocess.run(
                [sys.executable, "-I", str(VERIFIER), *asked],
                capture_output=True,
                text=True,
                check=False,
            )
            assert told.returncode == 0, told.stdout


def test_the_raw_objects_and_their_record_root_are_verified_with_and_without_puntual(
    tmp_path: Path,
) -> None:
    run_day(good_day(tmp_path))
    store = tmp_path / ".puntual" / "lake"
    (raw,) = (store / "raw").rglob("*.csv")
    by_file = [sys.executable, "-I", str(VERIFIER.with_name("verify_raw.py")), str(tmp_path / PACK)]

    def told() -> tuple[tuple[int, str], tuple[int, str]]:
        done = subprocess.run(
            [*by_file, "--store", str(store)], capture_output=True, text=True, check=False
        )
        here = puntual(tmp_path, "verify", "-d", DAY)
        return (here.code, here.out), (done.returncode, done.stdout)

    (code, said), (other, also) = told()
    assert (code, other) == (0, 0), said + also
    assert also.endswith("raw objects match the statement\n"), (
        "it does not say that all is verified"
    )
    assert "land:payments: the record root is the one that was recorded" in said
    assert "1 raw objects are the ones that were landed, with their record root" in also
    raw.chmod(0o640)
    raw.write_bytes(raw.read_bytes().replace(b"p4;c3;0.10", b"p4;c3;0.11"))
    (code, said), (other, also) = told()
    assert (code, other) == (1, 1), said + also
    assert "altered" in said
    assert "altered" in also


@pytest.mark.parametrize("harm", ["no land manifest is stated", "nothing else is there"])
def test_a_package_that_names_no_raw_objects_is_not_verified_for_nothing(
    tmp_path: Path, harm: str
) -> None:
    run_day(good_day(tmp_path))
    pack = tmp_path / PACK
    path = pack / "statement.dsse.json"
    envelope = json.loads(path.read_bytes())
    stated = json.loads(base64.b64decode(envelope["payload"]))
    listed = stated["predicate"]["manifests"]
    stated["predicate"]["manifests"] = [m for m in listed if not m["name"].startswith("land:")]
    envelope["payload"] = base64.b64encode(json.dumps(stated).encode()).decode()
    path.chmod(0o640)
    path.write_text(json.dumps(envelope), encoding="utf-8")
    if harm == "nothing else is there":
        for other in pack.iterdir():
            if other.name not in (path.name, "manifests.json.gz"):
                other.unlink()
    program = [sys.executable, "-I", str(VERIFIER.with_name("verify_raw.py")), str(pack)]
    done = subprocess.run(
        [*program, "--store", str(tmp_path / ".puntual" / "lake")], capture_output=True, text=True
    )
    assert (done.returncode, "names no raw objects" in done.stdout) == (1, True), done.stdout


def test_a_level_that_was_asked_for_and_could_not_be_looked_at_is_not_verified(
    tmp_path: Path,
) -> None:
    """Without a store, under a contract that was changed since, without a project."""
    bank, desk = tmp_path / "bank", tmp_path / "desk"
    bank.mkdir()
    desk.mkdir()
    run_day(good_day(bank))
    shutil.copytree(bank / PACK, desk / "package")
    named = ("verify", str(desk / "package"), "--root", root_key(bank), "--state", str(desk / "s"))
    for level, code in (("1", 0), ("2", 1), ("3", 1)):
        told = puntual(desk, *named, "--level", level)
        assert (told.code, "VERIFIED at L1" in told.out) == (code, True), told.out + told.err
        assert ("which was asked, was not proven" in told.out) == (code == 1)
    assert "level 3 was not asked: no project is at hand" in told.out
    assert puntual(desk, *named).code == 0, "nobody asked for more than there is"
    contract = bank / "contracts" / "payments.odcs.yaml"
    true = contract.read_text(encoding="utf-8")
    contract.write_text(true.replace("version: 1.0.0", "version: 1.0.1"), encoding="utf-8")
    for more, code in (((), 0), (("--level", "2"), 1)):
        told = puntual(bank, "verify", "-d", DAY, *more)
        assert (told.code, "VERIFIED at L1" in told.out) == (code, True), told.out + told.err
        assert "not counted" in told.out
    contract.write_text(true, encoding="utf-8")
    whole = puntual(bank, "verify", "-d", DAY, "--level", "3")
    assert (whole.code, "VERIFIED at L3" in whole.out) == (0, True), whole.out


@pytest.mark.row("f78")
def test_a_delivery_waits_for_its_approvers_and_their_signatures_travel_with_it(
    tmp_path: Path,
) -> None:
    good_day(tmp_path)
    run_day(tmp_path)
    for name in ("ana", "luis"):
        made = puntual(tmp_path, "key", "create", name, "--role", "approver")
        assert made.code == 0, made.err
    assert puntual(tmp_path, "key", "require", "--full", "2").code == 0
    day = "2026-03-03"
    drop(tmp_path, tuple(r.replace(DAY, day) for r in ROWS), day=day)
    vouch(tmp_path, 4, "330.35", day=day)
    held = run_day(tmp_path, day=day, as_of="2026-03-04T05:00:00-06:00")
    assert held.code == 6, held.out + held.err
    assert not list((tmp_path / "out").glob("*20260303*"))
    for name in ("ana", "luis"):
        signed = puntual(tmp_path, "key", "sign", "-d", day, "--name", name)
        assert signed.code == 0, signed.err
    sent = run_day(tmp_path, day=day, as_of="2026-03-04T05:10:00-06:00")
    assert sent.code == 0, sent.out + sent.err
    checked = puntual(tmp_path, "verify")
    assert (checked.code, "ana, luis (2 needed)" in checked.out) == (0, True), checked.out
    events = puntual(tmp_path, "ledger", "show", "-n", "99", "--json").data["entries"]
    assert isinstance(events, list)
    assert sum(e["event"] == "approval" for e in events) == 2
    assert {"plan", "land", "seal", "finding", "decision", "attest", "deliver", "key"} <= {
        e["event"] for e in events
    }


@pytest.mark.row("f9")
def test_a_run_on_a_restored_older_backup_stops_until_an_operator_anchors(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    shutil.copytree(tmp_path / ".puntual", tmp_path / "backup")
    day = "2026-03-03"
    drop(tmp_path, tuple(r.replace(DAY, day) for r in ROWS), day=day)
    vouch(tmp_path, 4, "330.35", day=day)
    second = ("2026-03-04T05:00:00-06:00",)
    assert run_day(tmp_path, day=day, as_of=second[0]).code == 0
    before = digests(tmp_path / "evidence")
    shutil.rmtree(tmp_path / ".puntual")
    (tmp_path / "backup").rename(tmp_path / ".puntual")
    refused = run_day(tmp_path, day=day, as_of=second[0])
    assert (refused.code, "V4003" in refused.err) == (3, True), refused.out + refused.err
    assert digests(tmp_path / "evidence") == before
    assert puntual(tmp_path, "ledger", "anchor", "--reason", "the newest copy is lost").code == 0
    shown = puntual(tmp_path, "ledger", "show", "--json").data["entries"]
    assert "the newest copy is lost" in json.dumps(shown)
    again = run_day(tmp_path, day=day, as_of=second[0])
    assert "V4003" not in again.err, "a package of what was given up stops nobody any more"


def test_nothing_of_a_row_stands_in_the_ledger_or_in_what_proves_it(tmp_path: Path) -> None:
    """Also where it is packed: the payload of an envelope is Base64, the manifests are gzip."""
    good_day(tmp_path)
    drop(tmp_path, (*ROWS, "p5;CANARY-5;7.00;not a day"))
    vouch(tmp_path, 5, "337.35")
    run_day(tmp_path)
    day = "2026-03-03"
    drop(tmp_path, tuple(r.replace(DAY, day).replace("c1", "CANARY-6") for r in ROWS), day=day)
    vouch(tmp_path, 4, "330.35", day=day)
    assert run_day(tmp_path, day=day, as_of="2026-03-04T05:00:00-06:00").code == 0
    kept = [p for p in (tmp_path / ".puntual/ledger").rglob("*") if p.is_file()]
    kept += [p for p in (tmp_path / "evidence").rglob("*") if p.is_file()]
    by_name = {p.name: p.read_bytes() for p in kept}
    assert holds(by_name["statement.dsse.json"], "https://in-toto.io/Statement/v1")
    assert holds(by_name["manifests.json.gz"], "puntual/manifests/1")
    assert not [p for p in kept if holds(p.read_bytes(), "CANARY")]
    assert holds((tmp_path / f"inbox/payments_{day.replace('-', '')}.csv").read_bytes(), "CANARY")


def test_a_text_is_found_however_it_is_packed() -> None:
    inner = gzip.compress(b'{"payload":"' + base64.b64encode(b"a row of CANARY-5") + b'"}')
    assert holds(b'{"x":"' + base64.b64encode(inner) + b'"}', "CANARY")
    assert not holds(b'{"x":"' + base64.b64encode(inner) + b'"}', "CANARIES")
