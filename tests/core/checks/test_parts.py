"""A file or shard is known by its source's name, and what became of it is said."""

from __future__ import annotations

from decimal import Decimal

import pytest

from puntual.checks.parts import called, contradiction, differing, state, told
from puntual.checks.reconcile import findings_of, hop, parts
from puntual.evidence.notice_said import spanish
from puntual.model.control import Hop
from puntual.model.finding import Verdict
from puntual.model.manifest import Totals


def totals(records: int, amount: str) -> Totals:
    return Totals(records=records, sums={"amount": Decimal(amount)})


@pytest.mark.parametrize(
    ("said", "landed", "expected"),
    [
        (["b_014.csv"], ["inbox/b_014.csv"], {"inbox/b_014.csv": "b_014.csv"}),
        (["014/b.csv"], ["in/014/b.csv", "in/001/b.csv"], {"in/014/b.csv": "014/b.csv"}),
        (["b.csv"], ["in/014/b.csv", "in/001/b.csv"], {}),
        (["b.csv", "in/b.csv"], ["in/b.csv"], {"in/b.csv": "in/b.csv"}),
        (["b", "in/b"], ["in/b", "up/b"], {"in/b": "in/b", "up/b": "b"}),
        (["14.csv"], ["inbox/b_014.csv"], {}),
        (["b.csv", "in/b.csv"], ["up/in/b.csv"], {}),
        (["shard-0"], ["shard-0", "shard-1"], {"shard-0": "shard-0"}),
    ],
)  # fmt: skip
def test_a_file_is_known_by_its_sources_name_wherever_it_was_dropped_and_never_by_a_guess(
    said: list[str], landed: list[str], expected: dict[str, str]
) -> None:
    assert called(said, landed) == expected


def source_hop(said: dict[str, Totals], landed: dict[str, Totals], day: Totals) -> Hop:
    whole = Totals(
        records=sum(t.records for t in landed.values()),
        sums={"amount": sum((t.sums["amount"] for t in landed.values()), Decimal(0))},
    )
    found = hop("b", "source", "raw", day, whole)
    return Hop(
        dataset=found.dataset,
        left=found.left,
        right=found.right,
        before=found.before,
        after=found.after,
        residual_records=found.residual_records,
        residual_sums=found.residual_sums,
        parts=parts(said, landed),
    )


@pytest.mark.parametrize(
    ("said", "landed", "expected"),
    [
        ((52, "-7.00"), (50, "-4.00"), "lacks 2 rows"),
        ((1, "-7.00"), (2, "-7.00"), "has 1 row more than its source says"),
        ((2, "7.00"), (2, "7.01"), "has its rows, and other sums"),
        ((2, "7.00"), (2, "7.00"), "agrees"),
        ((2, "7.00"), None, "was not landed"),
        (None, (2, "7.00"), "is not in the control record"),
    ],
)
def test_what_became_of_a_file_is_one_sentence(
    said: tuple[int, str] | None, landed: tuple[int, str] | None, expected: str
) -> None:
    (part,) = parts(
        {"a.csv": totals(*said)} if said else {}, {"a.csv": totals(*landed)} if landed else {}
    )
    assert told(part) == f"a.csv  {expected}"


@pytest.mark.parametrize(
    ("sums", "expected", "stands"),
    [
        ({"Amount": "7.00"}, "not compared: Amount, amount", "not compared"),
        ({}, "not compared: amount", "not compared"),
        ({"amount": "7.00", "fee": "1.00"}, "not compared: fee", "not compared"),
        ({"amount": "7.01", "fee": "1.00"}, "has its rows, and other sums", "broken"),
        ({"amount": "7.00"}, "agrees", "agrees"),
    ],
)
def test_a_file_of_which_one_side_only_gives_a_sum_never_agrees(
    sums: dict[str, str], expected: str, stands: str
) -> None:
    said = Totals(records=2, sums={name: Decimal(amount) for name, amount in sums.items()})
    (part,) = parts({"a.csv": said}, {"a.csv": totals(2, "7.00")})
    assert (told(part), state(part)) == (f"a.csv  {expected}", stands)


def test_a_day_whose_files_have_a_sum_on_one_side_only_is_unknown_and_not_passed() -> None:
    landed = {"a": totals(2, "1.00"), "b": totals(2, "2.00")}
    said = {"a": totals(2, "1.00"), "b": Totals(records=2)}
    found = source_hop(said, landed, totals(4, "3.00"))
    (finding,) = findings_of((found,))
    assert (finding.code, finding.verdict) == ("R1002", Verdict.UNKNOWN)
    assert finding.observed == "amount not compared in 1 of 2 parts: b"
    assert spanish(finding.observed) == "amount no se comparó en 1 de 2 partes: b"
    (finding,) = findings_of((source_hop(landed, landed, totals(4, "3.00")),))
    assert (finding.code, finding.verdict) == ("R1001", Verdict.PASS)


def test_only_the_files_that_differ_are_named_and_a_missing_one_is_among_them() -> None:
    whole, short = totals(3, "3.00"), totals(2, "2.00")
    said = {"a": whole, "b": whole, "c": whole}
    found = source_hop(said, {"a": whole, "b": short}, totals(9, "9.00"))
    assert [p.name for p in differing(found)] == ["b", "c"]


def test_a_record_whose_files_do_not_add_up_to_its_day_is_said_to_contradict_itself() -> None:
    files = {"a": totals(3, "3.00"), "b": totals(2, "-1.00")}
    assert contradiction(source_hop(files, files, totals(5, "2.00"))) == ""
    assert contradiction(source_hop(files, files, totals(7, "2.00"))) == (
        "the control record contradicts itself: its parts add up to 5 rows, its day to 7"
    )
    assert contradiction(source_hop(files, files, totals(5, "2.50"))) == (
        "the control record contradicts itself: its parts add up to amount 2.00, its day to 2.50"
    )


def test_a_sum_that_a_part_does_not_give_contradicts_nothing() -> None:
    files = {"a": totals(3, "3.00"), "b": Totals(records=2)}
    landed = {"a": totals(3, "3.00"), "b": totals(2, "-1.00")}
    assert contradiction(source_hop(files, landed, totals(5, "2.50"))) == ""
    assert contradiction(source_hop({}, landed, totals(7, "2.50"))) == ""
