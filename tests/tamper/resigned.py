"""Packages that their own bank has signed, with a document in them that is of another form."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from core.evidence.test_package import CLAIMS, CURATE, LAND
from tamper.bank import AT, Bank, Files, Judge, bank

from puntual.evidence import checkpoint, dsse, ledger_files, tlog, trust
from puntual.evidence import manifest as manifests
from puntual.evidence.checkpoint import Checkpoint
from puntual.evidence.digest import sha256
from puntual.evidence.dsse import Envelope, Signature
from puntual.evidence.ledger import Entry, Event, Told, Upto, encode
from puntual.evidence.ledger_files import Consistency
from puntual.evidence.merkle import Tree, leaf_hash
from puntual.evidence.package import EXCEPTIONS, MANIFESTS, STATEMENT, build_package
from puntual.model.delivery import DeliveryId

Change = Callable[[Any], Any]
DAY = date(2026, 11, 20)
STAGES = ("manifest", "manifests", "exceptions", "statement", "leaf", "trust", "consistency")
"""Which document is changed; everything that names it is made after that."""


def spelled(value: object) -> bytes:
    """Return JSON as our canonical form spells it, also of what that form does not allow."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


class Issuer:
    """A bank that signs whatever it is given; its ledger lies in memory."""

    def __init__(self, made: Bank) -> None:
        self.bank = made
        self._keys = made.keys
        self._root = made.keys._open(made.root / "keys" / "root.pem", "")

    def issue(self, stage: str = "", change: Change = lambda v: v) -> Files:
        """Return a package in which one document was changed before it was signed."""

        def at(name: str, data: bytes) -> bytes:
            if name != stage:
                return data
            value = change(json.loads(data))
            return value if isinstance(value, bytes) else spelled(value)

        files = build_package(
            replace(CLAIMS, delivery=DeliveryId(report="a_report", reference_date=DAY, version=1)),
            file_name="report.txt",
            report=b"1|2.00\n",
            entries=(),
            manifests={manifests.digest_of(m): manifests.encode(m) for m in (LAND, CURATE)},
        )
        land, curate = manifests.encode(LAND), at("manifest", manifests.encode(CURATE))
        texts = {sha256(m): m.decode("utf-8", "surrogatepass") for m in (land, curate)}
        packed = at("manifests", spelled({"schema": "puntual/manifests/1", "manifests": texts}))
        files[EXCEPTIONS] = at("exceptions", files[EXCEPTIONS])
        digests = {EXCEPTIONS: sha256(files[EXCEPTIONS]), MANIFESTS: sha256(packed)}
        stated = json.loads(files.pop(STATEMENT))
        for one in stated["subject"]:
            one["digest"]["sha256"] = digests.get(one["name"], one["digest"]["sha256"])
        claims = stated["predicate"]
        for one in claims["documents"]:
            one["sha256"] = digests.get(one["name"], one["sha256"])
        claims["manifests"][0]["sha256"] = sha256(curate)
        data = at("statement", spelled(stated))
        lying = {
            n: d
            for n, d in files.items()
            if n != MANIFESTS and n in data.decode("utf-8", "replace")
        }
        return (
            lying
            | self._proofs(data, at)
            | {ledger_files.MANIFESTS: gzip.compress(packed, 9, mtime=0)}
        )

    def _proofs(self, data: bytes, at: Callable[[str, bytes], bytes]) -> Files:
        told = Told(
            event=Event.ATTEST,
            step="attest:a_report",
            reference_date=DAY.isoformat(),
            facts={"statement": sha256(data)},
        )
        leaf = at("leaf", encode(Entry(told=told, at=AT, epoch=1, trust=1, upto=Upto())))
        tree = Tree([leaf_hash(b"one"), leaf_hash(b"two"), leaf_hash(leaf)])
        bare = Checkpoint(origin=self._keys.current.origin, size=3, root=tree.root())
        made = replace(bare, signatures=self._keys.note_lines(bare.text, 3))
        assert checkpoint.decode(checkpoint.encode(made)) == made
        envelope = Envelope(payload=data, kind=dsse.STATEMENT)
        signatures = tuple(
            Signature(keyid=trust.fingerprint(m.public), sig=m.signature)
            for m in self._keys.sign("pipeline", envelope.pae, position=2)
        )
        since = Consistency(origin=made.origin, size=3, root=made.root, earlier=())
        proof = tlog.Proof(index=2, path=tree.inclusion(2, 3), checkpoint=made)
        return {
            ledger_files.ENVELOPE: dsse.encode(replace(envelope, signatures=signatures)),
            ledger_files.PROOF: tlog.encode(proof),
            ledger_files.LEAF: leaf,
            ledger_files.CONSISTENCY: at("consistency", ledger_files.encode(since)),
            ledger_files.TRUST: self._vouched(at),
        }

    def _vouched(self, at: Callable[[str, bytes], bytes]) -> bytes:
        payload = at("trust", dsse.decode(self._keys.trust(), trust.KIND).payload)
        signature = self._root.sign(dsse.pae(trust.KIND, payload))
        root = trust.fingerprint(self._keys.current.root)
        return trust.signed(payload, [Signature(keyid=root, sig=signature)])


def random_change(chance: random.Random) -> Change:
    """Return a change of one place of a JSON value, or of its spelling."""

    def change(value: Any) -> Any:
        places = list(_places(value))
        holder, key = chance.choice(places)
        kind = chance.randrange(8)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[chance.choice(("extra", "schema", "ñ", ""))] = chance.choice(_ODD)()
        elif kind == 2 and isinstance(holder, list):
            holder.insert(chance.randrange(len(holder) + 1), holder[key])
        elif kind == 3 and isinstance(holder, list):
            chance.shuffle(holder)
        elif kind == 4:
            other, place = chance.choice(places)
            holder[key], other[place] = other[place], holder[key]
        elif kind == 5 and isinstance(holder[key], str):
            holder[key] = _edited(holder[key], chance)
        elif kind == 6:
            data = spelled(value)
            at = chance.randrange(len(data))
            return data[:at] + chance.choice((b" ", b"\\u0041", b"0", b"\n")) + data[at:]
        else:
            holder[key] = chance.choice(_ODD)()
        return value

    return change


def nested(levels: int) -> list[Any]:
    """Return lists in lists, so many deep."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


_ODD: tuple[Callable[[], Any], ...] = (
    lambda: None, lambda: "", lambda: "0", lambda: "01", lambda: "-1", lambda: "full",
    lambda: "since", lambda: "ñ", lambda: 0, lambda: 1, lambda: 1.5, lambda: float("nan"),
    lambda: 2**53 - 1, lambda: 2**60, lambda: True, list, dict, lambda: [""], lambda: {"x": "1"},
    lambda: {"ñ": "1"}, lambda: nested(90), lambda: "f" * 64, lambda: "2026-11-21",
    lambda: "1" * 40,
    lambda: "a\n", lambda: "\x7f", lambda: base64.b64encode(b"x" * 32).decode(),
)  # fmt: skip


def _edited(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return chance.choice(
        (text[:at], text + "\n", text.upper(), text[:at] + "0" + text[at:], text * 2)
    )


def _places(value: Any) -> list[tuple[Any, Any]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    found: list[tuple[Any, Any]] = [(value, key) for key in keys]
    for key in keys:
        if isinstance(value[key], dict | list):
            found += _places(value[key])
    return found


def campaign(folder: Path, seeds: range) -> tuple[int, int]:
    """Return how many signed oddities were tried and accepted; both verifiers agree on each."""
    issuer = Issuer(bank(folder / "bank"))
    folder.joinpath("judge").mkdir()
    accepted = 0
    for seed in seeds:
        chance = random.Random(seed)
        files = issuer.issue(chance.choice(STAGES), random_change(chance))
        accepted += Judge(folder / "judge", issuer.bank.fingerprint).forgetful(files)
    return len(seeds), accepted
