"""A policy is refused where it names what is not there, or says two things at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.partial import POLICY, partial_project

from puntual.project.complaints import show
from puntual.project.read import lint


def _shown(root: Path, old: str = "", new: str = "") -> list[str]:
    assert old in POLICY
    partial_project(root, POLICY.replace(old, new, 1) if old else POLICY)
    return [show(c).splitlines()[0] for c in lint(root)[1]]


def test_a_right_policy_has_no_complaint_and_is_read_whole(tmp_path: Path) -> None:
    partial_project(tmp_path)
    project, complaints, _ = lint(tmp_path)
    assert complaints == ()
    assert project is not None
    assert [c.id for c in project.policies["cards"].clauses] == ["cards_absent", "warehouse_down"]


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("source: cards", "source: card", "C1012", "no source is called 'card'"),
        ("roles: [compliance,", "roles: [complience,", "C1702", "'complience'"),
        ("people: 2", "people: 4", "C1701", "4 different people are asked for"),
        ("sources: [payments]", "sources: [cards]", "C1701", "must be there under 'minimum'"),
        ('valid_until: "2026-12-30"', 'valid_until: "2025-12-30"', "C1701", "before it begins"),
        ("    substitute: omit", "    substitute: last_known", "C1701", "limits: {age: DAYS}"),
        ("substitute: plan_b", "substitute: omit", "C1701", "a fault leaves no report"),
        ("when: [absent]", "when: [absnt]", "C1011", "'absnt' is not a possible gap"),
        ("author: Sara", "author: Luis", "C1701", "wrote it and would have to approve it"),
        ("author: Sara", "author: eva", "C1701", "'eva' reads as 'Eva' does in 'roles'"),
        ("    owner: Cards", "    onwer: Cards", "C1008", "unknown key 'onwer'"),
        ("id: warehouse_down", "id: cards_absent", "C1303", "stands twice"),
        ("people: 2", "people: 1", "C1707", "two different people at least"),
        (
            'accepted_on: "2026-01-01", valid_until: "2026-12-30"',
            'accepted_on: "2026-12-31", valid_until: "2027-12-30"',
            "C1701",
            "the acceptance begins after the policy ends",
        ),
        (
            "    fault: true\n",
            "    fault: true\n    limits: {rows: 5}\n",
            "C1701",
            "nothing to count",
        ),
        (
            "    when: [absent]\n    substitute: omit",
            "    when: [absent]\n    limits: {age: 3, share: '5'}\n    substitute: last_known",
            "C1701",
            "of last_known only 'age' is a limit",
        ),
        (
            "    source: cards\n    when: [absent]\n",
            "    check: client_given\n    limits: {share: '0.01'}\n",
            "C1701",
            "no share of money",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, old: str, new: str, code: str, says: str
) -> None:
    found = _shown(tmp_path, old, new)
    assert any(code in line and says in line and "policies/cards.yaml:" in line for line in found)


@pytest.mark.parametrize("name", ["ana", '"Ana "', "ＡＮＡ"])
def test_a_person_in_two_spellings_is_not_two_people(tmp_path: Path, name: str) -> None:
    """Whoever holds both roles under one name is one person, and is counted once."""
    partial_project(tmp_path)
    settings = tmp_path / "puntual.yaml"
    settings.write_text(settings.read_text().replace("[Luis]", f"[Luis, {name}]"))
    _, complaints, _ = lint(tmp_path)
    (said,) = complaints
    assert said.code == "C1701"
    assert said.message.endswith("reads as 'Ana' does, and would count as another person")


def test_automatic_without_the_regulators_acceptance_is_refused(tmp_path: Path) -> None:
    line = next(part for part in POLICY.splitlines(True) if part.startswith("acceptance"))
    assert any("C1703" in said for said in _shown(tmp_path, line, ""))


@pytest.mark.parametrize("gap", ["short", "quarantined"])
@pytest.mark.parametrize(
    ("limits", "enough"),
    [
        ("", False),
        ("    limits: {rows: 5}\n", True),
        ("    limits: {share: '0.50'}\n", True),
    ],
    ids=["no limit", "rows", "share"],
)
def test_a_clause_says_how_much_may_be_missing_where_that_is_measured(
    tmp_path: Path, gap: str, limits: str, enough: bool
) -> None:
    partial_project(
        tmp_path, POLICY.replace("when: [absent]\n", f"when: [absent, {gap}]\n{limits}")
    )
    said = [(c.code, c.message) for c in lint(tmp_path)[1]]
    any_amount = (
        f"clause 'cards_absent' lets any amount of 'cards' be missing ({gap}); by how much at most?"
    )
    assert said == ([] if enough else [("C1708", any_amount)])


def test_of_an_absent_or_unverified_source_there_is_no_amount_to_limit(tmp_path: Path) -> None:
    partial_project(tmp_path, POLICY.replace("[absent]", "[absent, unverified]"))
    assert lint(tmp_path)[1] == ()


SIGNED = "{mode: signed, roles: [compliance], people: 2}"


@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "not accepted"])
@pytest.mark.parametrize(
    ("key", "alone"),
    [
        ("approval", "approval: {roles: [compliance, operations], people: 1}"),
        ("delivery", "delivery: {mode: signed, roles: [compliance], people: 1}"),
    ],
)
def test_nothing_that_is_not_full_leaves_on_one_persons_word(
    tmp_path: Path, key: str, alone: str, accepted: bool
) -> None:
    """Two agree to the rule and two to the file, whatever the regulator has accepted."""
    lines = POLICY.replace("{mode: automatic}", SIGNED).splitlines(keepends=True)
    kept = [part for part in lines if accepted or not part.startswith("acceptance")]
    right = "".join(kept)
    partial_project(tmp_path, right)
    assert lint(tmp_path)[1] == ()
    partial_project(
        tmp_path, "".join(f"{alone}\n" if part.startswith(f"{key}:") else part for part in kept)
    )
    (said,) = lint(tmp_path)[1]
    assert (said.code, said.severity) == ("C1707", "error")
    assert f"'{key}' asks for 1" in said.message


def test_plan_b_without_its_sql_is_refused(tmp_path: Path) -> None:
    partial_project(tmp_path)
    (tmp_path / "reports/payments_daily/emergency.sql").unlink()
    assert "C1704" in {c.code for c in lint(tmp_path)[1]}


def test_plan_b_with_other_columns_is_refused(tmp_path: Path) -> None:
    partial_project(tmp_path)
    sql = tmp_path / "reports/payments_daily/emergency.sql"
    sql.write_text(sql.read_text().replace("AS cards", "AS carts"))
    assert "C1705" in {c.code for c in lint(tmp_path)[1]}
