"""What may be delivered when something is missing: by an approved policy, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support import small
from support.partial import (
    POLICY,
    REPORT,
    approve,
    partial_project,
    send_cards,
    send_payments,
    sign_policy,
)
from support.small import DAY, Ran, digests, drop, only_delivery, puntual, run_day, vouch
from support.spanish import english_in

EARLY, DECIDED = "2026-03-03T05:00:00-06:00", "2026-03-03T06:50:00-06:00"
LATER = "2026-03-03T11:00:00-06:00"
STEM = "out/payments_daily_20260302"


def _document(root: Path, version: int) -> dict[str, Any]:
    found = json.loads((root / f"{STEM}_v{version}.exceptions.json").read_text())
    schema = json.loads(puntual(root, "exceptions", "--schema").out)
    jsonschema.Draft202012Validator(schema).validate(found)
    assert isinstance(found, dict)
    return found


def _codes(ran: Ran) -> set[str]:
    return {r["code"] for r in only_delivery(ran)["reasons"]}


@pytest.mark.row("f33")
def test_a_missing_source_is_waited_for_left_out_by_policy_and_then_replaced_in_full(
    tmp_path: Path,
) -> None:
    root = partial_project(tmp_path)
    send_payments(root)
    approve(root)

    waiting = run_day(root, "--json", as_of=EARLY)
    assert waiting.code == 6, waiting.out + waiting.err
    assert "P3001" in _codes(waiting)
    assert not (root / "out").exists()

    partial = run_day(root, as_of=DECIDED)
    assert partial.code == 4, partial.out + partial.err
    assert (root / f"{STEM}_v1.txt").read_text() == (
        "H|20260302|partial|SIN TARJETAS\nP|3|350.60|0.00\nR|1|-20.25|0.00\nT|2|330.35\n"
    )
    (entry,) = _document(root, 1)["exceptions"]
    assert (entry["class"], entry["about"]) == ("absent", "cards")
    assert [(e["column"], e["certain"]) for e in entry["effects"]] == [("cards", True)]
    assert entry["policy_clause"] == "cards/cards_absent"
    assert (entry["owner"], entry["expected_repair"]) == (
        "Cards platform",
        "2026-03-04T13:00:00+00:00",
    )
    assert entry["first_seen"] == "2026-03-03T11:00:00+00:00"
    changed = {e["column"] for e in entry["effects"]}
    assert "cards" in changed
    assert "total" not in changed
    for form in ("txt", "html"):
        spanish = (root / f"{STEM}_v1.notice.es.{form}").read_text()
        assert "parcial" in spanish
        assert english_in(spanish) == []
    first = digests(root / "out") | digests(root / "evidence")

    still = run_day(root, as_of=LATER)
    assert still.code == 4, still.out + still.err
    assert digests(root / "out") | digests(root / "evidence") == first

    send_cards(root)
    full = run_day(root, as_of=LATER)
    assert full.code == 0, full.out + full.err
    assert "P|3|350.60|15.00" in (root / f"{STEM}_v2.txt").read_text()
    replaced = _document(root, 2)["supersedes"]
    assert replaced["delivery"] == f"{REPORT}/{DAY}/v1"
    assert replaced["resolved"] == [{"id": "E-001", "class": "absent", "about": "cards"}]
    now = digests(root / "out") | digests(root / "evidence")
    assert {name: now[name] for name in first} == first
    states = puntual(root, "status", "--as-of", LATER, "--all", "--json").data["deliveries"]
    assert isinstance(states, list)
    both = {d["version"]: d["state"] for d in states if d["reference_date"] == DAY}
    assert both == {1: "superseded", 2: "sent"}
    differ = puntual(root, "diff", REPORT, "-d", DAY)
    assert differ.code == 1
    assert "cards            2 rows   total 0.00 → 30.00 (+30.00)" in differ.out
    assert "inputs NOT same, code same, rules same, layout same" in differ.out


def test_what_stays_wrong_says_in_every_version_since_when_and_who_answers_for_it(
    tmp_path: Path,
) -> None:
    root = partial_project(tmp_path)
    contract = root / "contracts/payments.odcs.yaml"
    contract.write_text(
        contract.read_text().replace("schema:\n", "team: {name: Payments desk}\nschema:\n", 1)
    )
    drop(root, tuple(r.replace(";c1;", ";;") for r in small.ROWS))
    vouch(root, 4, "330.35")
    approve(root)
    assert run_day(root, as_of=EARLY).code == 6
    assert run_day(root, as_of=DECIDED).code == 4
    send_cards(root)
    assert run_day(root, as_of=LATER).code == 0
    for version in (1, 2):
        found = {e["about"]: e for e in _document(root, version)["exceptions"]}
        assert found["client_given"]["first_seen"] == "2026-03-03T11:00:00+00:00"
        assert found["client_given"]["owner"] == "Payments desk"
        spanish = (root / f"{STEM}_v{version}.notice.es.txt").read_text()
        assert "Visto por primera vez                 2026-03-03T11:00:00+00:00" in spanish
        assert english_in(spanish) == []
    said = puntual(root, "exceptions", "-d", DAY).out
    assert "seen      2026-03-03T11:00:00+00:00" in said
    assert puntual(root, "replay", "-d", DAY).code == 0


def test_a_policy_whose_file_changed_after_it_was_approved_counts_no_more(tmp_path: Path) -> None:
    root = partial_project(tmp_path)
    send_payments(root)
    approve(root)
    policy = root / "policies/cards.yaml"
    policy.write_text(policy.read_text().replace("SIN TARJETAS", "SIN TARJETA"))
    held = run_day(root, "--json", as_of=DECIDED)
    assert held.code == 1, held.out + held.err
    assert "P3002" in _codes(held)
    listed = puntual(root, "policy")
    assert listed.code == 6
    assert "2 signature(s) of other bytes are void" in listed.out
    twice = sign_policy(root, "Ana", "compliance")
    assert twice.code == 6
    again = sign_policy(root, "Ana", "compliance")
    assert (again.code, "P3042" in again.err) == (2, True)


def test_a_policy_that_has_ended_by_the_due_day_holds(tmp_path: Path) -> None:
    ended = POLICY.replace(
        'valid_until: "2026-12-30"\napproval', 'valid_until: "2026-03-02"\napproval'
    )
    root = partial_project(tmp_path, ended)
    send_payments(root)
    approve(root)
    held = run_day(root, "--json", as_of=DECIDED)
    assert held.code == 1, held.out + held.err
    assert "P3003" in _codes(held)
    checked = puntual(root, "check", "--as-of", DECIDED)
    assert (checked.code, "C1706" in checked.out) == (2, True)


def test_an_acceptance_that_has_ended_is_named_with_its_line(tmp_path: Path) -> None:
    """The policy itself holds until the end of the year, and is not to blame."""
    ended = POLICY.replace('valid_until: "2026-12-30"}', 'valid_until: "2026-03-02"}')
    root = partial_project(tmp_path, ended)
    send_payments(root)
    approve(root)
    held = run_day(root, "--json", as_of=DECIDED)
    (why,) = (r["sentence"] for r in only_delivery(held)["reasons"] if r["code"] == "P3003")
    assert why == (
        "the regulator's acceptance Oficio 1/2026, on which the policy cards rests, does not hold "
        "on the due day; expected 2026-01-01 to 2026-03-02, observed 2026-03-03"
    )
    checked = puntual(root, "check", "--as-of", DECIDED, "--json")
    (told,) = (c for c in checked.data["complaints"] if c["code"] == "C1706")  # type: ignore[attr-defined]
    line = next(n for n, text in enumerate(ended.splitlines(), 1) if text.startswith("acceptance"))
    assert (told["line"], "acceptance 'Oficio 1/2026'" in told["message"]) == (line, True)
    both = ended.replace('valid_until: "2026-12-30"', 'valid_until: "2026-03-01"')
    (root / "policies/cards.yaml").write_text(both)
    said = puntual(root, "check", "--as-of", DECIDED).out
    assert ("the policy 'cards' ends on 2026-03-01" in said, said.count("C1706")) == (True, 2)


def test_a_delivery_that_needs_two_people_is_sent_when_two_different_ones_have_signed_it(
    tmp_path: Path,
) -> None:
    signed = "{mode: signed, roles: [compliance, operations], people: 2}"
    root = partial_project(tmp_path, POLICY.replace("{mode: automatic}", signed))
    send_payments(root)
    approve(root)
    made = run_day(root, "--json", as_of=DECIDED)
    assert made.code == 6, made.out + made.err
    assert only_delivery(made)["state"] == "ready"
    assert "P3011" in _codes(made)
    one = ("sign", "delivery", REPORT, "-d", DAY, "--as-of", DECIDED)
    assert puntual(root, *one, "--as", "Ana", "--role", "compliance").code == 6
    same = puntual(root, *one, "--as", "Ana", "--role", "compliance")
    assert (same.code, "P3042" in same.err) == (2, True)
    other = puntual(root, *one, "--as", "Sara", "--role", "operations")
    assert (other.code, "P3041" in other.err) == (2, True)
    assert puntual(root, "deliver", "-d", DAY, "--as-of", DECIDED).code == 6
    assert not (root / "out").exists()
    assert puntual(root, *one, "--as", "Luis", "--role", "operations").code == 0
    sent = puntual(root, "deliver", "-d", DAY, "--as-of", DECIDED)
    assert sent.code == 4, sent.out + sent.err
    assert (root / f"{STEM}_v1.txt").is_file()


@pytest.mark.parametrize("change", ["other bytes", "removed", "nobody holds the role"])
def test_nobody_signs_a_delivery_whose_policy_is_no_longer_the_approved_one(
    tmp_path: Path, change: str
) -> None:
    """It would not be sent: a signature under it would be of bytes that never leave."""
    signed = "{mode: signed, roles: [compliance, operations], people: 2}"
    root = partial_project(tmp_path, POLICY.replace("{mode: automatic}", signed))
    send_payments(root)
    approve(root)
    assert run_day(root, as_of=DECIDED).code == 6
    policy, settings = root / "policies/cards.yaml", root / "puntual.yaml"
    before = policy.read_text(), settings.read_text()
    if change == "other bytes":
        policy.write_text(f"{before[0]}# one byte more\n")
    elif change == "removed":
        policy.unlink()
    else:
        settings.write_text(before[1].replace("operations: [Luis]", "operations: [Rosa]"))
    one = ("sign", "delivery", REPORT, "-d", DAY, "--as-of", DECIDED)
    refused = puntual(root, *one, "--as", "Ana", "--role", "compliance")
    assert (refused.code, "P3046" in refused.err) == (2, True), refused.out + refused.err
    assert f"puntual run -d {DAY} decides again" in refused.err
    policy.write_text(before[0])
    settings.write_text(before[1])
    kept = puntual(root, *one, "--as", "Ana", "--role", "compliance")  # nothing was recorded
    assert kept.code == 6, kept.out + kept.err


def test_who_cannot_sign_is_sent_to_the_policy_of_the_environment_that_is_meant(
    tmp_path: Path,
) -> None:
    signed = "{mode: signed, roles: [compliance, operations], people: 2}"
    root = partial_project(tmp_path, POLICY.replace("{mode: automatic}", signed))
    settings = root / "puntual.yaml"
    settings.write_text(f"{settings.read_text()}environments: {{bank: {{kind: local}}}}\n")
    send_payments(root)
    approve(root)
    assert run_day(root, "--env", "bank", as_of=DECIDED).code == 6
    settings.write_text(settings.read_text().replace("operations: [Luis]", "operations: [Rosa]"))
    one = ("sign", "delivery", REPORT, "-d", DAY, "--as-of", DECIDED, "--env", "bank")
    refused = puntual(root, *one, "--as", "Ana", "--role", "compliance")
    assert (refused.code, "P3046" in refused.err) == (2, True), refused.out + refused.err
    assert "puntual sign policy cards --env bank; puntual run --env bank" in refused.err


def test_an_unknown_report_has_no_policy_to_list(tmp_path: Path) -> None:
    root = partial_project(tmp_path)
    told = puntual(root, "policy", "payment_daily")
    assert (told.code, "C1003" in told.err, f"did you mean '{REPORT}'?" in told.err) == (
        2, True, True,
    ), told.out + told.err  # fmt: skip
    assert "cards" in puntual(root, "policy", REPORT).out


def test_one_version_is_compared_with_nothing(tmp_path: Path) -> None:
    root = partial_project(tmp_path)
    send_payments(root)
    send_cards(root)
    assert run_day(root, as_of=EARLY).code == 0
    none = puntual(root, "diff", REPORT, "-d", "2026-03-03")
    assert (none.code, "has no version that was sent" in none.err) == (2, True), none.err
    one = puntual(root, "diff", REPORT, "-d", DAY)
    assert (one.code, "has one version that was sent" in one.err) == (2, True), one.err
    assert ("v1 alone" in one.err, "v0" in one.err) == (True, False)


def test_a_warehouse_that_is_down_at_the_decision_time_leaves_plan_b_and_its_known_error(
    tmp_path: Path,
) -> None:
    day, due = "2026-03-03", "2026-03-04"
    root = partial_project(tmp_path)
    approve(root)
    send_payments(root)
    send_cards(root)
    assert run_day(root, as_of=EARLY).code == 0
    send_payments(root, day)
    send_cards(root, day)
    warehouse = root / ".puntual/warehouse.duckdb"
    warehouse.write_bytes(b"no database" * 1000)
    assert run_day(root, day=day, as_of=f"{due}T05:00:00-06:00").code == 3
    down = run_day(root, day=day, as_of=f"{due}T06:50:00-06:00")
    assert down.code == 4, down.out + down.err
    assert "emergency" in down.out
    told = json.loads((root / "out/payments_daily_20260303_v1.exceptions.json").read_text())
    assert [(p["column"], p["days"], p["worst_difference"]) for p in told["plan_b"]] == [
        ("*", "1", "0"),
        ("cards", "1", "0.00"),
        ("payments", "1", "0"),
        ("total", "1", "0.00"),
    ]
    (entry,) = told["exceptions"]
    assert (entry["class"], entry["policy_clause"]) == ("fault", "cards/warehouse_down")
    warehouse.unlink()
    up = run_day(root, day=day, as_of=f"{due}T09:00:00-06:00")
    assert up.code == 0, up.out + up.err
    assert (root / "out/payments_daily_20260303_v2.txt").is_file()


def test_a_plan_b_that_fails_hurts_no_full_delivery(tmp_path: Path) -> None:
    root = partial_project(tmp_path)
    send_payments(root)
    send_cards(root)
    sql = root / f"reports/{REPORT}/emergency.sql"
    broken = "sum(CAST(client_id AS BIGINT)) AS payments"  # 'c1' is no number: at run time
    sql.write_text(sql.read_text().replace("count(*) AS payments", broken))
    ran = run_day(root, as_of=EARLY)
    assert (ran.code, "plan B failed: P3021" in ran.out) == (0, True), ran.out + ran.err


@pytest.mark.row("f31")
def test_late_data_is_amended_with_a_reason_once_and_nothing_of_v1_is_touched(
    tmp_path: Path,
) -> None:
    root = partial_project(tmp_path)
    send_payments(root)
    send_cards(root)
    assert run_day(root, as_of=EARLY).code == 0
    first = digests(root / "out") | digests(root / "evidence")
    amend = ("amend", "-d", DAY, "-r", REPORT, "--as-of", LATER)
    nothing = puntual(root, *amend)
    assert (nothing.code, "P3031" in nothing.err) == (2, True), nothing.out + nothing.err
    late = root / "inbox/payments_20260302_2.csv"
    late.write_text("payment_id;client_id;amount;paid_on\np9;c9;9.99;2026-03-02\n")
    late.with_name(late.name + ".ok").touch()
    record = json.loads((root / "control/payments_20260302.json").read_text())
    record |= {"count": "5", "sums": {"amount": "340.34"}}
    (root / "control/payments_20260302.json").write_text(json.dumps(record))
    assert puntual(root, *amend, "--yes").code == 2
    shown = puntual(root, *amend)
    assert shown.code == 6, shown.out + shown.err
    assert "total            1 rows   total 330.35 → 340.34 (+9.99)" in shown.out
    assert digests(root / "out") == {n: d for n, d in first.items() if n in digests(root / "out")}
    sent = puntual(root, *amend, "--yes", "--reason", "a branch sent late")
    assert sent.code == 0, sent.out + sent.err
    assert _document(root, 2)["supersedes"]["reason"] == "a branch sent late"
    now = digests(root / "out") | digests(root / "evidence")
    assert {name: now[name] for name in first} == first
    again = puntual(root, *amend, "--yes", "--reason", "again")
    assert (again.code, "P3031" in again.err) == (2, True)
    number = ("lineage", REPORT, "-d", DAY, "--row", "kind=P", "--column", "total")
    for more, name, total in (((), "v2", "360.59"), (("--version", "1"), "v1", "350.60")):
        told = puntual(root, *number, *more)
        assert (told.code, f"{DAY}/{name}" in told.out, total in told.out) == (0, True, True), (
            told.out + told.err
        )
    unknown = puntual(root, *number, "--version", "3")
    assert (unknown.code, "V7004" in unknown.err) == (2, True)
    replayed = puntual(root, "replay", "-d", DAY)
    assert replayed.code == 0, replayed.out + replayed.err


BROKEN_CONTROL = """\
controls:
  - id: cards_equal_payments
    kind: business
    left: SELECT sum(amount) FROM movements WHERE reference_date = :reference_date
    right: SELECT sum(amount) FROM card_rows WHERE reference_date = :reference_date
    unit: MXN
"""
ROUTES = """\
notices:
  pager: {severity: [error], audience: [operations], file: pager.jsonl}
  officer: {severity: [error], audience: [compliance], file: officer.jsonl}
"""


def _told(root: Path, name: str) -> list[str]:
    path = root / f"{name}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [e["data"]["cause"] for e in map(json.loads, lines)]


def test_a_control_that_fails_is_no_fault_it_holds_and_pages_at_the_moment_to_decide(
    tmp_path: Path,
) -> None:
    """Both sources match; the policy has a clause about a fault, and none about the control."""
    root = partial_project(tmp_path)
    (root / "controls/controls.yaml").write_text(BROKEN_CONTROL)
    with (root / "puntual.yaml").open("a") as settings:
        settings.write(ROUTES)
    send_payments(root)
    send_cards(root)
    approve(root)

    early = run_day(root, as_of=EARLY)
    assert (early.code, _told(root, "pager")) == (1, [])
    decided = run_day(root, "--json", as_of=DECIDED)
    assert decided.code == 1, decided.out + decided.err
    assert {"R3001", "P3004"} <= _codes(decided)
    assert not (root / "out").exists()
    assert _told(root, "pager") == _told(root, "officer") == ["not_allowed"]


def test_a_new_layout_of_the_same_rows_is_another_version_and_who_makes_it_is_named(
    tmp_path: Path,
) -> None:
    root = partial_project(
        tmp_path,
        POLICY.replace(
            "{mode: automatic}", "{mode: signed, roles: [compliance, operations], people: 2}"
        ),
    )
    send_payments(root)
    send_cards(root)
    before = puntual(root, "explain", REPORT, "-d", DAY, "--as-of", EARLY)
    assert (before.code, "scheduled" in before.out, "forecast" in before.out) == (0, True, True)
    assert run_day(root, as_of=EARLY).code == 0
    layout = root / f"reports/{REPORT}/layout.yaml"
    layout.write_text(layout.read_text().replace("value: H}", "value: HEAD}"))
    amend = ("amend", "-d", DAY, "-r", REPORT, "--as-of", LATER, "--reason", "new layout", "--yes")
    nobody = puntual(root, *amend)
    assert (nobody.code, "P3034" in nobody.err) == (2, True)
    sent = puntual(root, *amend, "--by", "Sara")
    assert sent.code == 0, sent.out + sent.err
    assert (root / f"{STEM}_v2.txt").read_text().startswith("HEAD|20260302|full|")
    assert puntual(root, "diff", REPORT, "-d", DAY).code == 1
