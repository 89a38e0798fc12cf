"""What was written by something else is refused with its code, and never half read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from core.evidence.test_package import bad, package_of

from puntual.errors import EvidenceError
from puntual.evidence import canonical, statement
from puntual.evidence.digest import sha256
from puntual.evidence.facts import from_json, list_from_json
from puntual.model.finding import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    day: date
    amount: Decimal


@pytest.mark.row("f8", "h11")
@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {"day": "2026-02-30", "amount": "1"},
        {"day": "2026-02-03", "amount": "1e"},
        {"day": "2026-02-03"},
        {"day": 1, "amount": "1"},
        {"day": "2026-02-03", "amount": []},
    ],
)
def test_a_fact_of_another_shape_is_refused(data: object) -> None:
    with pytest.raises(EvidenceError, match="V2003"):
        from_json(Noted, data)


def test_a_list_of_facts_that_is_no_list_is_refused() -> None:
    with pytest.raises(EvidenceError, match="V2003"):
        list_from_json(Place, {"object": "0", "position": "1"})


@pytest.mark.row("h18")
@pytest.mark.parametrize("name", ["exceptions.json", "manifests.json"])
@pytest.mark.parametrize("data", [b"{", b"[]", b'{"exceptions":1}', b'{"schema":"x"}'])
def test_a_document_of_the_package_that_is_of_another_form_does_not_hold(
    name: str, data: bytes
) -> None:
    files = {**package_of(), name: data}
    found = canonical.decode(files["statement.json"])
    text = canonical.encode(found).replace(
        sha256(package_of()[name]).encode(), sha256(data).encode()
    )
    statement.decode(text)
    assert any(line.startswith(name) for line in bad({**files, "statement.json": text}))
