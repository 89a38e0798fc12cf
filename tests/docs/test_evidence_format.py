"""The page of the evidence format names every key of a real package, and no others."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from core.evidence.test_package import CLAIMS, ENTRIES, make_seal
from tamper.bank import VERIFIER, Files, bank, by_puntual, written

from puntual.evidence import dsse, trust
from puntual.evidence.package import EXCEPTIONS
from puntual.evidence.statement import Superseded, encode
from puntual.model.control import Explanation
from puntual.model.delivery import Applied, Reason
from puntual.model.manifest import Totals
from puntual.model.seal import SealStatus

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "evidence-format.md"
_ROW = re.compile(r"^\| ([a-z]+) \| (`.*) \|$", re.MULTILINE)
_KEY = re.compile(r"`([A-Za-z_0-9]+)` ([\[{]?[a-z]+)?")
IN_THE_VERIFIER = {
    "envelope": "dsse", "signature": "sign", "threshold": "asked", "needed": "least",
    "consistency": "since", "earlier": "proof", "statement": "stated", "predicate": "claims",
    "delivery": "about", "manifests": "texts", "ledger": "held", "checkpoint": "tree",
}  # fmt: skip
"""Objects of the page that `verify_delivery.py` calls otherwise."""


def page() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return each object of §13: the keys that it always has, and those that it sometimes has."""
    told = PAGE.read_text(encoding="utf-8").partition("## 13.")[2]
    return {
        name: (_keys(t[0]), _keys(t[2]))
        for name, keys in _ROW.findall(told)
        for t in [keys.partition("; sometimes ")]
    }


def _keys(text: str) -> frozenset[str]:
    return frozenset(key for key, _ in _KEY.findall(text))


def held(files: Files, memory: bytes) -> Iterator[tuple[str, Any]]:
    """Yield every object of a package and of a memory, under the name that the page gives it."""
    envelope, vouched = (json.loads(files[n]) for n in ("statement.dsse.json", "trust.json"))
    yield from (("envelope", one) for one in (envelope, vouched))
    yield from (("signature", s) for one in (envelope, vouched) for s in one["signatures"])
    given = json.loads(dsse.decode(files["trust.json"], trust.KIND).payload)
    yield "trust", given
    yield from (("key", k) for k in given["keys"])
    for asked in given["thresholds"]:
        yield "threshold", asked
        yield from (("needed", asked[w]) for w in ("full", "partial", "emergency"))
    since = json.loads(files["consistency.json"])
    yield "consistency", since
    yield from (("earlier", p) for p in since["proofs"])
    leaf = json.loads(files["leaf.json"])
    yield from (("event", leaf), ("commit", leaf["commit"]))
    packed = json.loads(zlib.decompress(files["manifests.json.gz"], wbits=31))
    yield "manifests", packed
    for text in packed["manifests"].values():
        one = json.loads(text)
        yield from (("manifest", one), ("totals", one["totals"]))
        yield from (("object", o) for o in one["objects"])
        yield from (("named", i) for i in one["inputs"])
    remembered = json.loads(memory)
    yield "memory", remembered
    for one in remembered["ledgers"].values():
        yield "ledger", one
        yield from (("checkpoint", c) for c in (*one["checkpoints"], *one["proven"]))
    yield from stated(json.loads(dsse.decode(files["statement.dsse.json"], dsse.STATEMENT).payload))


def stated(statement: Any) -> Iterator[tuple[str, Any]]:
    yield "statement", statement
    for one in statement["subject"]:
        yield from (("file", one), ("digest", one["digest"]))
    claims = statement["predicate"]
    yield from (("predicate", claims), ("delivery", claims["delivery"]))
    for name in ("manifests", "documents", "files"):
        yield from (("named", one) for one in claims[name])
    yield from (("reason", one) for one in claims["reasons"])
    yield from (("check", one) for one in claims["checks"])
    for seal in claims["seals"]:
        yield from (("seal", seal), ("landed", seal["landed"]))
        if seal["control"] is not None:
            yield "control", seal["control"]
    for hop in claims["hops"]:
        yield "hop", hop
        yield from (("totals", hop[side]) for side in ("before", "after") if hop[side] is not None)
        for one in hop["explained"]:
            yield from (("explained", one), ("totals", one["totals"]))
    if "policy" in claims:
        yield "policy", claims["policy"]
        yield from (("applied", one) for one in claims["policy"]["applied"])
    if "supersedes" in claims:
        yield "supersedes", claims["supersedes"]


def rich() -> bytes:
    """Return a statement that has everything that a statement may have."""
    decision = replace(
        CLAIMS.decision,
        reasons=(Reason(code="P2004", about="events", sentence="not vouched for"),),
        policy="late_cards",
        policy_digest="f" * 64,
        applied=(Applied(clause="late", code="P2004", about="events"),),
    )
    before = Superseded(
        delivery="credit_daily/2026-11-20/v1", manifest="a" * 64, reason="late", person="ana",
        same={"inputs": False, "code": True},
    )  # fmt: skip
    explained = Explanation(cause="late", totals=Totals(records=1))
    hop = replace(CLAIMS.hops[0], explained=(explained,))
    claims = replace(
        CLAIMS, decision=decision, supersedes=before, hops=(hop,),
        seals=(*CLAIMS.seals, make_seal(SealStatus.UNVERIFIED, count=None)),
    )  # fmt: skip
    return encode(
        claims, subjects={"x": "a" * 64}, documents={EXCEPTIONS: "b" * 64}, exceptions=len(ENTRIES)
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Any]]:
    folder = tmp_path_factory.mktemp("format")
    made = bank(folder / "bank", approvers=1)
    packs = []
    for version in (1, 2):
        files = made.attest(version)
        made.approve(files, "person-0")
        packs.append(made.packed(files))
    by_puntual(written(folder / "package", packs[-1]), folder / "memory", made.fingerprint)
    memory = (folder / "memory").read_bytes()
    return [*held(packs[-1], memory), *stated(json.loads(rich()))]


def test_every_key_of_a_real_package_stands_on_the_page_and_every_key_of_the_page_in_one(
    real: list[tuple[str, Any]],
) -> None:
    told = page()
    for name, found in real:
        always, sometimes = told[name]
        assert always <= found.keys() <= always | sometimes, name
    seen = {name: set[str]().union(*(o.keys() for n, o in real if n == name)) for name in told}
    assert seen == {name: set(always | sometimes) for name, (always, sometimes) in told.items()}


def test_the_forms_of_the_one_file_have_the_keys_of_the_page() -> None:
    forms = {
        name: frozenset(pair.partition("=")[0] for pair in form.split())
        for name, form in VERIFIER.FORM.items()
        if re.match(r"\w+=", form)
    }
    told = page()
    found = {IN_THE_VERIFIER.get(name, name): always for name, (always, _) in told.items()}
    assert {name: found.get(name) for name in forms} == forms
