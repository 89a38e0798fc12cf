"""A delivery that is made and waits for signatures is told as that, and nothing else is."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from support.partial import POLICY, REPORT, approve, partial_project, send_payments
from support.small import DAY, Ran, puntual, run_day

from puntual.local.notices import SqliteNotices

EARLY, DECIDED = "2026-03-03T05:00:00-06:00", "2026-03-03T06:50:00-06:00"
LATER = "2026-03-03T11:00:00-06:00"
RESOLVED = ("unsigned", "Resolved")
ROUTES = (
    "notices:\n"
    "  officer: {severity: [error], audience: [compliance], file: officer.jsonl}\n"
    "  record: {file: told.jsonl}\n"
)
SIGN = ("sign", "delivery", REPORT, "-d", DAY, "--as-of", DECIDED)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A day without its cards, which an approved policy sends when somebody has signed it."""
    signed = "{mode: signed, roles: [compliance, operations], people: 2}"
    partial_project(tmp_path, POLICY.replace("{mode: automatic}", signed))
    with (tmp_path / "puntual.yaml").open("a") as settings:
        settings.write(ROUTES)
    send_payments(tmp_path)
    approve(tmp_path)
    return tmp_path


def _watch(root: Path, begin: str, end: str) -> Ran:
    clock = (f"2026-03-03T{at}:00-06:00" for at in (begin, end))
    begins, ends = clock
    return puntual(root, "watch", "--as-of", begins, "--until", ends, "--land-every", "0")


def _told(root: Path, name: str = "told") -> list[tuple[str, str, str]]:
    """Return (cause, type, text) of what was told, in order."""
    bodies = map(json.loads, (root / f"{name}.jsonl").read_text().splitlines())
    return [(b["data"]["cause"], b["type"][7:], b["data"]["text"]) for b in bodies]


def _open(root: Path) -> list[str]:
    with closing(SqliteNotices(root / ".puntual/journal.db")) as notices:
        return sorted(notice.cause for notice in notices.open_ones())


@pytest.mark.row("f33", "f73")
def test_who_is_to_sign_is_told_once_with_the_command_and_what_is_held_no_more_is_resolved(
    root: Path,
) -> None:
    assert run_day(root, as_of=EARLY).code == 6
    assert run_day(root, as_of=DECIDED).code == 6
    assert run_day(root, as_of=DECIDED).code == 6
    ((cause, kind, text),) = _told(root, "officer")
    assert (cause, kind) == ("unsigned", "Opened")
    title, made, who, why = text.splitlines()
    assert title == f"NOT SIGNED · {REPORT} {DAY} · due 2026-03-03 07:00 CST (10 min)"
    assert (
        made
        == "it is made (partial) and not sent until it is signed; unsigned when due, it is missed"
    )
    assert who.startswith("P3011 waits for somebody in the role compliance and somebody in")
    assert "(Ana, Eva as compliance; Luis as operations)" in who
    assert f"puntual sign delivery {REPORT} -d {DAY} --as PERSON --role ROLE" in who
    assert why.endswith(f"puntual explain {REPORT} -d {DAY}")
    assert [(c, k) for c, k, _ in _told(root)] == [
        ("held", "Opened"),
        ("held", "Resolved"),
        ("unsigned", "Opened"),
    ]
    assert "no longer held: it is made, and waits for signatures" in _told(root)[1][2]

    assert puntual(root, *SIGN, "--as", "Ana", "--role", "compliance").code == 6
    assert puntual(root, *SIGN, "--as", "Luis", "--role", "operations").code == 0
    assert run_day(root, as_of=DECIDED).code == 4
    (text,) = (t for c, k, t in _told(root) if (c, k) == ("unsigned", "Resolved"))
    assert text.splitlines()[1] == "delivered: v1, partial, on time"


@pytest.mark.parametrize("then", ["run", "ack"])
@pytest.mark.row("f33", "f73")
def test_what_v1_was_does_not_end_that_v2_is_to_be_signed(root: Path, then: str) -> None:
    """v1 was sent in part, and a person has v2 made, which is not full either."""
    assert run_day(root, as_of=DECIDED).code == 6
    assert puntual(root, *SIGN, "--as", "Ana", "--role", "compliance").code == 6
    assert puntual(root, *SIGN, "--as", "Luis", "--role", "operations").code == 0
    assert run_day(root, as_of=DECIDED).code == 4
    layout = root / f"reports/{REPORT}/layout.yaml"
    layout.write_text(layout.read_text().replace("value: H}", "value: HEAD}"))
    amend = ("amend", "-d", DAY, "-r", REPORT, "--as-of", LATER, "--reason", "head", "--yes")
    made = puntual(root, *amend, "--by", "Sara")
    assert made.code == 6, made.out + made.err
    assert _open(root) == ["not_full", "unsigned"]
    if then == "run":
        run_day(root, as_of=LATER)
    else:
        ack = ("ack", REPORT, "-d", DAY, "--status", "accepted", "--id", "F-1", "--as-of", LATER)
        accepted = puntual(root, *ack, "--version", "1")
        assert accepted.code == 0, accepted.out + accepted.err
    assert _open(root) == ["not_full", "unsigned"]

    sign = (*SIGN[:-1], LATER)
    assert puntual(root, *sign, "--as", "Ana", "--role", "compliance").code == 6
    assert puntual(root, *sign, "--as", "Luis", "--role", "operations").code == 0
    sent = puntual(root, "deliver", "-d", DAY, "--as-of", LATER)
    assert sent.code == 4, sent.out + sent.err
    assert run_day(root, as_of=LATER).code == 4
    assert _open(root) == ["not_full"]
    ended = [text.splitlines()[1] for c, k, text in _told(root) if (c, k) == RESOLVED]
    assert ended == ["delivered: v1, partial, on time", "delivered: v2, partial, on time"]


def test_the_watch_says_of_what_waits_for_a_signature_that_it_is_made_and_waits_for_it(
    root: Path,
) -> None:
    assert _watch(root, "06:20", "07:05").code == 0
    texts = {cause: text for cause, kind, text in _told(root) if kind == "Opened"}
    for cause in ("at_risk", "missed"):
        said = texts[cause].splitlines()
        assert said[1].startswith("it is made (partial) and not sent until it is signed")
        assert ("unsigned when due" in said[1]) == (cause == "at_risk")
        assert said[2].startswith("P3011 waits for somebody in the role compliance")
        assert "still made" not in texts[cause]
    ended = {cause: text for cause, kind, text in _told(root) if kind == "Resolved"}
    assert "held" in ended
    first, why, _ = ended["at_risk"].splitlines()
    assert first.startswith("resolved 2026-03-03 07:00 CST: AT RISK")
    assert why == "not delivered: it is due, and missed"


def test_explain_says_that_it_waits_for_a_signature_and_no_run_helps(root: Path) -> None:
    assert run_day(root, as_of=DECIDED).code == 6
    told = puntual(root, "explain", REPORT, "-d", DAY, "--as-of", DECIDED).out
    first = told.splitlines()[0]
    assert f"{REPORT}/{DAY}/v1  ready, partial, on time  due 2026-03-03 07:00 CST" in first
    assert "Made, and not sent:" in told
    assert "Not full because:" in told
    assert "  policy    cards   sha256 " in told
    assert "  clause    cards_absent: P2002 cards" in told
    assert f"next      puntual sign delivery {REPORT} -d {DAY} --as PERSON --role ROLE" in told
    assert "run stopped" not in told
    assert "puntual run" not in told
