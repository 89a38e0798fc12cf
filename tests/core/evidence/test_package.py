"""A package names every byte it holds, and says what it does not prove."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from puntual.errors import EvidenceError
from puntual.evidence import canonical, statement
from puntual.evidence import manifest as manifests
from puntual.evidence.digest import sha256
from puntual.evidence.exceptions import Entry, Exceptional, collect
from puntual.evidence.notice_said import spanish
from puntual.evidence.package import build_package
from puntual.evidence.statement import Claims
from puntual.evidence.verify import (
    Line,
    compare_totals,
    holds,
    manifests_of,
    unproven,
    verify,
)
from puntual.model.check import OnFail
from puntual.model.control import Hop
from puntual.model.delivery import Completeness, Decision, DeliveryId
from puntual.model.finding import Finding, Place, Verdict
from puntual.model.manifest import Digest, Manifest, ObjectRef, Totals
from puntual.model.seal import ControlRecord, Landed, Seal, SealStatus

DAY = date(2026, 11, 20)
RAW = b'{"amount":"1.00"}\n'
CODE, CONTRACT = "c" * 64, "d" * 64
TOTALS = Totals(records=1, sums={"amount": Decimal("1.00")})


def make_manifest(step: str, inputs: dict[str, Digest]) -> Manifest:
    ref = ObjectRef(name=f"raw/{sha256(RAW)}.jsonl", sha256=sha256(RAW), bytes=len(RAW), records=1)
    return Manifest(
        step=step,
        dataset="events",
        reference_date=DAY,
        key="a" * 64,
        inputs=inputs,
        code=CODE,
        objects=(ref,),
        totals=TOTALS,
    )


LAND = make_manifest("land:events", {"contracts/events.odcs.yaml": CONTRACT, "data:a": sha256(RAW)})
CURATE = make_manifest("curate:events", {"land:events": manifests.digest_of(LAND)})


def make_seal(status: SealStatus, records: int = 1, count: int | None = 1) -> Seal:
    control = None
    if count is not None:
        control = ControlRecord(
            source="events", reference_date=DAY, count=count, sums={"amount": Decimal("2000.00")}
        )
    return Seal(
        source="events",
        reference_date=DAY,
        status=status,
        landed=Landed(records=records, sums={"amount": Decimal("2000.00")}),
        control=control,
    )


CLAIMS = Claims(
    delivery=DeliveryId(report="credit_daily", reference_date=DAY, version=1),
    decision=Decision(completeness=Completeness.FULL, reasons=()),
    due_at=datetime(2026, 11, 23, 13, 0, tzinfo=UTC),
    seals=(make_seal(SealStatus.MATCHED),),
    findings=(
        Finding(code="Q2001", rule="has_id", dataset="events", verdict=Verdict.PASS, rows=0),
    ),
    hops=(
        Hop(
            dataset="events",
            left="source",
            right="raw",
            before=TOTALS,
            after=TOTALS,
            residual_records=0,
        ),
    ),
    manifests={
        "land:events": manifests.digest_of(LAND),
        "curate:events": manifests.digest_of(CURATE),
    },
    files={"contracts/events.odcs.yaml": CONTRACT},
    code=CODE,
    project="e" * 64,
)
ENTRIES = collect(
    Exceptional(
        seals={"events": make_seal(SealStatus.MATCHED)},
        set_aside={
            "events": {
                ("quarantined", "required"): Totals(records=2, sums={"amount": Decimal("5.00")}),
                ("duplicate", "key"): Totals(records=3),
            }
        },
        places={"events": {("quarantined", "required"): (Place(object="0" * 12, position=7),)}},
    )
)


def package_of(
    claims: Claims = CLAIMS, made: tuple[Manifest, ...] = (LAND, CURATE)
) -> dict[str, bytes]:
    return build_package(
        claims,
        file_name="credit_daily_20261120_v1.txt",
        report=b"CARD|1.00\n",
        entries=ENTRIES,
        manifests={manifests.digest_of(m): manifests.encode(m) for m in made},
    )


def lines_of(files: dict[str, bytes]) -> tuple[Line, ...]:
    return verify(files, files.__getitem__, lambda ref: (len(RAW), sha256(RAW)))


def bad(files: dict[str, bytes]) -> list[str]:
    return [line.sentence for line in lines_of(files) if line.ok is False]


def test_a_package_that_nobody_touched_holds_and_says_what_it_does_not_prove() -> None:
    assert holds(lines_of(package_of()))
    told = [line.sentence for line in unproven() if line.ok is None]
    assert "not proven: That the source told the truth." in told


def test_the_same_delivery_gives_the_same_bytes() -> None:
    turned = replace(CLAIMS, manifests=dict(reversed(list(CLAIMS.manifests.items()))))
    assert package_of(turned) == package_of()


@pytest.mark.row("f77", "h18")
def test_any_changed_file_is_noticed() -> None:
    whole = package_of()
    dice = random.Random(7)
    for name in whole:
        for _ in range(40):
            data = bytearray(whole[name])
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            if bytes(data) != whole[name]:
                changed = whole | {name: bytes(data)}
                if name != "statement.json":
                    assert bad(changed), name
                else:
                    lines_of(changed)


@pytest.mark.row("f77", "h18")
def test_a_missing_and_a_foreign_file_are_noticed() -> None:
    whole = package_of()
    for name in whole:
        assert bad({k: v for k, v in whole.items() if k != name})
    assert bad(whole | {"more.txt": b""}) == ["more.txt is foreign: the statement does not name it"]


@pytest.mark.row("h18")
def test_a_file_that_may_not_be_read_is_a_line_that_does_not_hold() -> None:
    files = package_of()

    def read(name: str) -> bytes:
        if name == "VERIFY.txt":
            raise EvidenceError("V3002", "it is a link")
        return files[name]

    found = [line.sentence for line in verify(files, read) if line.ok is False]
    assert found == ["VERIFY.txt was not read: it is a link", "VERIFY.txt is missing"]


@pytest.mark.row("h18")
def test_a_statement_that_was_reformatted_is_refused() -> None:
    whole = package_of()
    spaced = whole["statement.json"].replace(b",", b", ", 1)
    assert "not a statement" in bad(whole | {"statement.json": spaced})[0]


@pytest.mark.row("f77")
def test_a_step_made_from_another_manifest_breaks_the_chain() -> None:
    other = make_manifest("curate:events", {"land:events": "b" * 64})
    claims = replace(
        CLAIMS, manifests=dict(CLAIMS.manifests) | {"curate:events": manifests.digest_of(other)}
    )
    (found,) = bad(package_of(claims, (LAND, other)))
    assert found.startswith("the chain is broken: curate:events ← land:events was made from other")


def test_a_step_made_by_another_contract_breaks_the_chain() -> None:
    claims = replace(CLAIMS, files={"contracts/events.odcs.yaml": "f" * 64})
    assert "land:events ← contracts/events.odcs.yaml" in bad(package_of(claims))[0]


def test_a_manifest_of_another_day_is_noticed() -> None:
    other = replace(LAND, reference_date=date(2026, 11, 19))
    claims = replace(CLAIMS, manifests={"land:events": manifests.digest_of(other)})
    assert bad(package_of(claims, (other,))) == ["the manifest of land:events is of another day"]


def test_objects_are_looked_at_only_when_asked() -> None:
    files = package_of()
    lines = verify(files, files.__getitem__)
    assert [line.ok for line in lines if line.level == 2] == [None]
    assert holds(lines)


@pytest.mark.parametrize(
    ("seen", "word"),
    [(None, "missing"), ((len(RAW), "0" * 64), "altered"), ((1, sha256(RAW)), "altered")],
)
def test_a_missing_or_altered_object_is_noticed(seen: tuple[int, Digest] | None, word: str) -> None:
    files = package_of()
    lines = verify(files, files.__getitem__, lambda _: seen)
    assert [line.sentence.split()[-1] for line in lines if line.ok is False] == [word]


def test_a_claimed_manifest_must_be_there_with_its_bytes() -> None:
    with pytest.raises(EvidenceError, match="V3001"):
        package_of(CLAIMS, (LAND,))


def test_the_regulators_file_may_not_take_a_name_of_the_package() -> None:
    for name in ("statement.json", "exceptions.json", "VERIFY.txt", "trust.json"):
        with pytest.raises(EvidenceError, match="V3001"):
            build_package(
                replace(CLAIMS, manifests={}),
                file_name=name,
                report=b"",
                entries=(),
                manifests={},
            )


def test_the_statement_is_an_in_toto_statement_whose_signatures_stand_in_its_envelope() -> None:
    data = package_of()["statement.json"]
    value = canonical.decode(data)
    assert isinstance(value, dict)
    assert value["_type"] == "https://in-toto.io/Statement/v1"
    assert value["predicate"]["signatures"] == "in the envelope"
    read = statement.decode(data)
    assert (read.delivery, read.completeness) == ("credit_daily/2026-11-20/v1", "full")
    assert sorted(read.subjects) == [
        "credit_daily_20261120_v1.txt",
        "exceptions.json",
        "exceptions.txt",
    ]


def test_the_manifests_of_a_package_come_back_for_counting() -> None:
    files = package_of()
    assert sorted(m.step for m in manifests_of(files.__getitem__).values()) == [
        "curate:events",
        "land:events",
    ]


def test_totals_differ_by_a_row_a_cent_a_key_or_a_sum_that_is_missing() -> None:
    assert compare_totals(TOTALS, TOTALS) == ()
    assert compare_totals(TOTALS, replace(TOTALS, records=2)) == (
        "records: expected 1, observed 2",
    )
    assert compare_totals(TOTALS, replace(TOTALS, sums={"amount": Decimal("1.01")})) == (
        "sum of amount: expected 1.00, observed 1.01",
    )
    assert compare_totals(TOTALS, replace(TOTALS, sums={})) == (
        "sum of amount: expected 1.00, observed none",
    )


def test_what_was_set_aside_is_an_exception_with_its_share_of_the_money() -> None:
    quarantined, duplicate = ENTRIES
    assert (quarantined.kind.value, quarantined.rows) == ("quarantined", 2)
    assert quarantined.share == {"amount": "0.2500"}
    assert quarantined.effect == "left out of the report"
    assert (duplicate.kind.value, duplicate.share) == ("duplicate", {})


def entries_of(*findings: Finding, seal: Seal | None = None) -> tuple[Entry, ...]:
    seals = {"events": seal or make_seal(SealStatus.MATCHED)}
    return collect(Exceptional(seals=seals, findings=findings))


def make_finding(code: str, verdict: Verdict, on_fail: OnFail = OnFail.HOLD) -> Finding:
    return Finding(code=code, rule="r", dataset="events", verdict=verdict, on_fail=on_fail)


def test_every_seal_that_is_not_matched_is_an_exception() -> None:
    (absent,) = entries_of(seal=make_seal(SealStatus.ABSENT, 0, None))
    assert (absent.kind.value, absent.rows, absent.known_by) == ("absent", None, "unknown")
    (short,) = entries_of(seal=make_seal(SealStatus.MISMATCHED, 1, 4))
    assert (short.rows, short.known_by) == (3, "control record of the source")


def test_what_is_missing_of_a_short_source_is_named_by_file_where_the_source_says_so() -> None:
    short = make_seal(SealStatus.MISMATCHED, 1, 4)
    (entry,) = entries_of(seal=short)
    assert entry.missing == ("3 of 4 records; which ones is not known",)
    assert short.control is not None
    said = {"a b.csv": Totals(records=2), "c.csv": Totals(records=2), "d.csv": Totals(records=0)}
    by_file = replace(
        short,
        control=replace(short.control, parts=said),
        parts={"a b.csv": Totals(records=1)},
    )
    (entry,) = entries_of(seal=by_file)
    assert entry.missing == ("1 of 2 records of a b.csv", "2 of 2 records of c.csv")
    assert [spanish(m) for m in entry.missing] == [
        "1 de 2 registros de a b.csv",
        "2 de 2 registros de c.csv",
    ]


def test_of_more_records_than_the_source_vouched_for_none_is_missing() -> None:
    (entry,) = entries_of(seal=make_seal(SealStatus.MISMATCHED, 5, 4))
    assert entry.missing == ()


def test_a_failed_or_unmeasured_rule_is_an_exception_and_a_pass_is_not() -> None:
    found = entries_of(
        make_finding("Q2001", Verdict.PASS),
        make_finding("Q2001", Verdict.FAIL, OnFail.FLAG),
        make_finding("Q2002", Verdict.UNKNOWN, OnFail.QUARANTINE),
        make_finding("R3001", Verdict.FAIL),
        make_finding("S2001", Verdict.FAIL, OnFail.FLAG),
    )
    assert [(e.kind.value, e.effect) for e in found] == [
        ("check", "named here; nothing is left out"),
        ("check", "holds the delivery"),
        ("control", "holds the delivery"),
        ("refused", "named here; nothing is left out"),
    ]


def test_the_text_names_every_exception_with_its_id_and_place() -> None:
    text = package_of()["exceptions.txt"].decode()
    assert "Exceptions of credit_daily/2026-11-20/v1\nCompleteness: full\nExceptions: 2\n" in text
    assert "E-001  quarantined  events" in text
    assert "amount    5.00  (0.2500 % of the day)" in text
    assert "places    000000000000:7" in text


def test_the_instructions_list_digests_that_sha256sum_reads() -> None:
    files = package_of()
    name = "credit_daily_20261120_v1.txt"
    assert f"{sha256(files[name])}  {name}\n" in files["VERIFY.txt"].decode()
    assert "Not proven:" in files["VERIFY.txt"].decode()
