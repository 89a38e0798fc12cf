"""Time stamps of an authority (RFC 3161): fetched, carried, and examined; or said to be missing."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.tsa import Authority, made, serving
from tamper.bank import Bank, Files, Judge, bank, by_one_file, written

from puntual.cli.packs import open_pack
from puntual.cli.stamped import by_openssl, examined
from puntual.evidence.ledger_files import PROOF, STAMP
from puntual.evidence.verify import Line
from puntual.ports.ledger import Books
from puntual.runner.authority import Authority as Asked
from puntual.runner.packing import pack

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl here")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with serving(made(tmp_path_factory.mktemp("tsa") / "one")) as found:
        yield found


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return bank(tmp_path_factory.mktemp("stamped") / "bank")


def delivered(issuer: Bank, authority: Authority, version: int, *, seconds: float = 5.0) -> Files:
    """Deliver with a time stamp from an authority that is asked."""
    files = issuer.attest(version)
    asked = Asked(authority.url, seconds=seconds).token
    books = Books(ledger=issuer.ledger(), changes=lambda _, __: (), signer=issuer.keys, stamp=asked)
    return pack(books, files)


def said(tmp_path: Path, files: Files, ca: Path) -> list[Line]:
    pack = open_pack(written(tmp_path / "package", files))
    return list(examined(pack.proofs, ca))


@pytest.fixture(scope="module")
def stamped(issuer: Bank, authority: Authority) -> Files:
    authority.mood = "good"
    return delivered(issuer, authority, 1)


def test_a_token_is_fetched_carried_and_holds_by_three_programs(
    stamped: Files, authority: Authority, tmp_path: Path
) -> None:
    (line,) = said(tmp_path, stamped, authority.ca)
    assert line.ok is True
    at = datetime.fromisoformat(line.sentence.removeprefix("the checkpoint existed before "))
    assert timedelta(0) <= datetime.now(UTC) - at < timedelta(minutes=5)
    note = stamped[PROOF].partition(b"\n\n")[2]
    assert by_openssl(stamped[STAMP], note, authority.ca) is not None
    (tmp_path / "checkpoint").write_bytes(note)
    (tmp_path / "timestamp.tsr").write_bytes(stamped[STAMP])
    by_hand = ["-in", "timestamp.tsr", "-data", "checkpoint", "-CAfile", str(authority.ca)]
    done = subprocess.run(["openssl", "ts", "-verify", *by_hand], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_a_token_whose_certificates_are_not_in_order_is_examined_all_the_same(
    issuer: Bank, tmp_path: Path
) -> None:
    with serving(made(tmp_path / "chain", chain=True)) as other:
        files = delivered(issuer, other, 4)
    (line,) = said(tmp_path, files, other.ca)
    assert line.ok is True, line.sentence


def test_both_verifiers_accept_the_package_and_say_that_the_stamp_was_not_examined(
    stamped: Files, issuer: Bank, tmp_path: Path
) -> None:
    assert Judge(tmp_path, issuer.fingerprint).accepts(stamped)
    told = by_one_file(written(tmp_path / "p", stamped), tmp_path / "state", issuer.fingerprint)
    assert "a time stamp, if there is one" in told
    (line,) = examined(open_pack(tmp_path / "p").proofs, None)
    assert (line.ok, "was not examined" in line.sentence) == (None, True)


@pytest.mark.parametrize("harm", ["cut", "of other bytes", "of another checkpoint", "other root"])
def test_a_wrong_token_is_said_by_both_ways_of_examining(
    stamped: Files, issuer: Bank, authority: Authority, tmp_path: Path, harm: str
) -> None:
    token, ca = stamped[STAMP], authority.ca
    if harm == "cut":
        token = token[:-20]
    elif harm == "of other bytes":
        authority.mood = "other"
        token = delivered(issuer, authority, 2)[STAMP]
        authority.mood = "good"
    elif harm == "of another checkpoint":
        token = delivered(issuer, authority, 3)[STAMP]
    else:
        ca = made(tmp_path / "another", "another").ca
    (line,) = said(tmp_path, {**stamped, STAMP: token}, ca)
    assert (line.ok, line.sentence) == (False, "the time stamp does not hold")
    assert by_openssl(token, stamped[PROOF].partition(b"\n\n")[2], ca) is None


def test_a_stamp_that_is_asked_for_and_absent_is_no_pass(
    stamped: Files, authority: Authority, tmp_path: Path
) -> None:
    without = {n: d for n, d in stamped.items() if n != STAMP}
    (line,) = said(tmp_path, without, authority.ca)
    assert (line.ok, line.sentence) == (False, "there is no time stamp to examine")


@pytest.mark.parametrize("mood", ["silent", "drips", "garbage", "short", "refuses"])
def test_an_authority_that_does_not_answer_well_delays_no_delivery_beyond_its_bound(
    issuer: Bank, authority: Authority, tmp_path: Path, mood: str
) -> None:
    authority.mood = mood
    began = time.monotonic()
    files = delivered(issuer, authority, 10, seconds=0.5)
    took = time.monotonic() - began
    authority.mood = "good"
    assert STAMP not in files
    assert took < 3
    assert Judge(tmp_path, issuer.fingerprint).accepts(files)
    assert delivered(issuer, replace(authority, url="http://127.0.0.1:9/"), 11).keys() == (
        files.keys()
    )
