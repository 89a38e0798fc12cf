"""What cannot be read of a package's proofs is named, and proves nothing."""

from __future__ import annotations

import pytest
from tamper.bank import Bank, Files, bank

from puntual.errors import EvidenceError
from puntual.evidence import canonical, dsse, ledger, shape, statement, tlog
from puntual.evidence.ledger_files import ENVELOPE
from puntual.evidence.ledger_proof import Known, prove
from puntual.evidence.trust_keys import verifies

pytestmark = pytest.mark.row("h18")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return bank(tmp_path_factory.mktemp("bank") / "bank")


@pytest.fixture(scope="module")
def package(made: Bank) -> Files:
    return made.deliver(1)


def said(made: Bank, files: Files, known: Known | None = None) -> list[str]:
    """Return what does not hold; nothing for a package that is proven."""
    data = dsse.decode(files[ENVELOPE], dsse.STATEMENT).payload
    found = prove(
        statement.decode(data), data, files, known or Known(root=made.fingerprint), verifies
    )
    assert (found.held is not None) == all(line.ok is not False for line in found.lines)
    return [line.sentence for line in found.lines if line.ok is False]


def test_a_package_as_it_was_made_is_proven(made: Bank, package: Files) -> None:
    assert said(made, package) == []


def test_a_proof_that_cannot_be_read_is_said(made: Bank, package: Files) -> None:
    (line,) = said(made, {**package, "statement.tlog-proof": b"none"})
    assert line.startswith("the proof cannot be read: ")


def test_a_leaf_that_is_no_entry_is_said(made: Bank, package: Files) -> None:
    assert any(
        line.startswith("leaf.json is no entry of a ledger: ")
        for line in said(made, {**package, "leaf.json": b"{}"})
    )


def test_a_trust_file_that_was_handed_over_and_cannot_be_read_is_said(
    made: Bank, package: Files
) -> None:
    known = Known(root=made.fingerprint, trust=b"no trust file")
    (line,) = said(made, package, known)
    assert line.startswith("a trust file cannot be read: ")


@pytest.mark.parametrize("at", ["yesterday", "2026-11-23T12:00:00", "2026-11-23T12:00:00+00:00"])
def test_an_entry_is_at_an_instant_in_utc_with_microseconds(package: Files, at: str) -> None:
    leaf = canonical.decode(package["leaf.json"])
    assert isinstance(leaf, dict)
    assert ledger.decode(canonical.encode(leaf)).at.isoformat(timespec="microseconds") == leaf["at"]
    with pytest.raises(EvidenceError, match="V2002"):
        ledger.decode(canonical.encode({**leaf, "at": at}))


def test_a_proof_file_is_ascii(package: Files) -> None:
    with pytest.raises(EvidenceError, match="V4002"):
        tlog.decode(package["statement.tlog-proof"].replace(b"index", "índex".encode()))


@pytest.mark.parametrize("text", ["YQ", "YR==", "YQ==\n", "Y Q==", "é", "===="])
def test_base64_has_one_spelling(text: str) -> None:
    assert shape.base64_of("YQ==", "$") == b"a"
    with pytest.raises(EvidenceError, match="V2002"):
        shape.base64_of(text, "$")
