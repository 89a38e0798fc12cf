"""What the receiver answered is a record for good; what could not be sent leaves its proof."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from support.small import (
    AS_OF,
    DAY,
    SETTINGS,
    Ran,
    digests,
    good_day,
    only_delivery,
    puntual,
    run_day,
)

from puntual.cli.main import main

NAME = "payments_daily"
ANSWERED = "2026-03-03T06:10:00-06:00"
PACK = f"evidence/{NAME}_20260302_v1.acknowledgements"


def _inside(root: Path, *arguments: str) -> Ran:
    """Run a command in this process: it forks nothing, and importing is most of its time."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(root), *arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def _ack(root: Path, status: str, folio: str, *more: str) -> Ran:
    return _inside(
        root, "ack", NAME, "-d", DAY, "--status", status, "--id", folio, "--as-of", AS_OF, *more
    )


def _records(root: Path) -> list[dict[str, Any]]:
    found: Any = _inside(root, "ack", NAME, "-d", DAY, "--json").data["acknowledgements"]
    return list(found)


def _state(root: Path) -> str:
    return str(only_delivery(_inside(root, "status", "--json", "--as-of", AS_OF))["state"])


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = good_day(tmp_path_factory.mktemp("sent"))
    assert run_day(root).code == 0
    return root


@pytest.fixture
def root(sent: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sent, tmp_path / "bank")


@pytest.mark.row("f74")
def test_an_acceptance_moves_the_delivery_and_stays_for_good(root: Path) -> None:
    before = digests(root / "out")
    proof = root.parent / "Acuse de recibo.PDF"
    proof.write_bytes(b"%PDF folio 2026-118822")
    at = "2026-03-03T05:58:00-06:00"
    ran = puntual(
        root, "ack", NAME, "-d", DAY, "--status", "accepted", "--id", "2026-118822", "--at", at,
        "--file", str(proof), "--as-of", ANSWERED,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    said = ("--at", at, "--file", str(proof), "--as-of", ANSWERED)
    again = _ack(root, "accepted", "2026-118822", *said)
    assert "was recorded already" in again.out
    (record,) = _records(root)
    assert (record["answer"], record["identifier"]) == ("accepted", "2026-118822")
    assert record["at"] == "2026-03-03T11:58:00+00:00"
    assert record["attachment"] == hashlib.sha256(proof.read_bytes()).hexdigest()
    assert sorted(digests(root / PACK)) == ["001-accepted.json", "001-attachment.pdf"]
    laid = json.loads((root / PACK / "001-accepted.json").read_text())
    assert laid == {"schema": "puntual/acknowledgement/1"} | record
    assert _state(root) == "accepted"
    assert digests(root / "out") == before

    other = _ack(root, "accepted", "2026-118822", "--as-of", ANSWERED)
    assert (other.code, "D3002" in other.err) == (2, True)

    (root / ".puntual/journal.db").unlink()
    assert _state(root) == "accepted"  # made again from the record
    ran = run_day(root, as_of="2026-03-03T06:20:00-06:00")
    assert (ran.code, _state(root)) == (0, "accepted")


def test_a_day_whose_receiver_has_answered_is_verified_as_before(root: Path) -> None:
    """What lies beside a package is none: neither the answer, nor what a dead attempt has left."""
    assert _ack(root, "accepted", "2026-118822").code == 0
    assert (root / PACK).is_dir()
    shutil.copytree(root / "evidence" / f"{NAME}_20260302_v1", root / f"{PACK[:-17]}.unfinished-1")
    (root / f"{PACK[:-17]}.unfinished-1" / "statement.dsse.json").unlink()
    done = _inside(root, "verify", "-d", DAY, "--json")
    assert done.code == 0, done.out + done.err
    found: Any = done.data["packages"]
    assert [p["verified"] for p in found] == [True]
    other = root / "evidence" / f"{NAME}_20260302_v2"
    shutil.copytree(root / PACK, other)
    assert _inside(root, "verify", "-d", DAY).code == 1


def test_a_rejection_needs_people_until_an_acceptance_follows(root: Path) -> None:
    assert _ack(root, "rejected", "R-1").code == 0
    assert _state(root) == "rejected"
    ran = run_day(root, as_of="2026-03-03T06:20:00-06:00")
    assert (ran.code, _state(root)) == (1, "rejected")
    notices: Any = _inside(root, "notices", "--json").data["notices"]
    assert [(n["cause"], n["severity"]) for n in notices] == [("rejected", "error")]
    assert _ack(root, "accepted", "A-2").code == 0
    assert _state(root) == "accepted"
    assert _inside(root, "notices", "--json").data["notices"] == []
    assert [r["answer"] for r in _records(root)] == ["rejected", "accepted"]


@pytest.mark.parametrize(
    ("status", "at", "expected"),
    [
        ("accepted", "2026-03-03T04:54:59-06:00", "from 2026-03-03T11:00:00Z (when it was sent)"),
        ("rejected", "2026-03-03T06:15:01-06:00", "to 2026-03-03T12:10:00Z (now)"),
        ("accepted", "2027-03-03T05:10:00-06:00", "5 minutes more either way"),
        ("attempted", "2026-03-02T05:00:00-06:00", "(when the report was made)"),
        ("attempted", "2026-03-04T05:00:00-06:00", "to 2026-03-03T12:10:00Z (now)"),
    ],
)
def test_an_answer_at_a_time_at_which_nobody_can_answer_is_no_evidence(
    root: Path, status: str, at: str, expected: str
) -> None:
    """The delivery was sent at 05:00, and it is 06:10."""
    told = _ack(root, status, "A-1", "--at", at, "--as-of", ANSWERED)
    assert (told.code, "D3003" in told.err, expected in told.err) == (2, True, True), told.err
    assert f"{NAME}/{DAY}/v1, --at" in told.err
    assert (_records(root), _state(root)) == ([], "sent")


def test_nobody_answers_before_the_delivery_was_sent_by_the_clock_of_the_call(root: Path) -> None:
    told = _ack(root, "accepted", "A-1", "--as-of", "2026-03-03T04:00:00-06:00")
    assert (told.code, "D3003" in told.err, "--as-of" in told.err) == (2, True, True), told.err
    assert _records(root) == []


@pytest.mark.parametrize("at", ["2026-03-03T04:55:00-06:00", "2026-03-03T06:15:00-06:00"])
def test_the_clock_of_the_receiver_may_be_five_minutes_off(root: Path, at: str) -> None:
    assert _ack(root, "accepted", "A-1", "--at", at, "--as-of", ANSWERED).code == 0
    assert [r["identifier"] for r in _records(root)] == ["A-1"]


@pytest.mark.row("f74")
def test_when_the_receiver_is_down_the_file_is_kept_and_each_attempt_is_on_record(
    tmp_path: Path,
) -> None:
    root = good_day(tmp_path)
    down = {"PUNTUAL_FAILPOINTS": "deliver.written=raise:PermanentError"}
    assert [run_day(root, env=down).code for _ in range(2)] == [3, 3]
    assert _ack(root, "accepted", "2026-1").code == 2  # nothing was sent
    ticket = tmp_path / "ticket.png"
    ticket.write_bytes(b"portal down, ticket 77")
    assert _ack(root, "attempted", "T-77", "--file", str(ticket)).code == 0
    (record,) = _records(root)
    attempts = record["attempts"]
    assert [a["sentence"] for a in attempts] == [
        "T9001 a fault was injected at deliver.written"
    ] * 2
    assert (root / PACK / "001-attachment.png").read_bytes() == ticket.read_bytes()

    assert run_day(root).code == 0
    (made,) = (root / "out").glob("*.txt")
    assert hashlib.sha256(made.read_bytes()).hexdigest() == record["sha256"]


@pytest.mark.row("f11", "f74")
def test_a_destination_that_is_no_folder_stops_the_delivery_and_nothing_before_it(
    tmp_path: Path,
) -> None:
    root = good_day(tmp_path)
    (root / "puntual.yaml").write_text(SETTINGS + "notices:\n  record: {file: told.jsonl}\n")
    (root / "out").write_text("a file where the folder should be")
    first, second = run_day(root), run_day(root, "--json")
    for ran, words in ((first, first.out), (second, second.err)):
        assert ran.code == 3, ran.out + ran.err
        assert " ! D1001 payments_daily cannot be placed in out: something that is no" in words
    assert list((root / ".puntual/lake/raw").rglob("*.csv"))  # what came is landed all the same
    assert _state(root) == "ready"  # made, attested, and on record with the reason
    assert "D1001" in _inside(root, "explain", NAME, "-d", DAY).out
    assert _ack(root, "attempted", "T-77").code == 0
    (record,) = _records(root)
    assert [a["sentence"][:5] for a in record["attempts"]] == ["D1001", "D1001"]

    (root / "out").unlink()
    again = run_day(root)
    assert (again.code, "cannot be placed" in again.out) == (0, False)
    (made,) = (root / "out").glob("*.txt")
    assert hashlib.sha256(made.read_bytes()).hexdigest() == record["sha256"]
    told = [json.loads(line) for line in (root / "told.jsonl").read_text().splitlines()]
    assert [(t["data"]["cause"], t["type"]) for t in told] == [
        ("D1001", "Notice.Opened"),
        ("D1001", "Notice.Resolved"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--status", "accepted"), "needs the receiver's identifier"),
        (("--status", "accepted", "--id", "1", "--no-retry"), "only an attempt"),
        (("--status", "accepted", "--id", "1", "--file", "gone.pdf"), "No such file"),
        (("--status", "acepted", "--id", "1"), "acepted"),
        (("--version", "7"), "D3001"),
    ],
)
def test_what_cannot_be_recorded_is_said(sent: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = _inside(sent, "ack", NAME, "-d", DAY, *arguments)
    assert (ran.code, said in ran.err) == (2, True), ran.err
