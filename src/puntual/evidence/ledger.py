"""
Entries of the ledger: what happened, one canonical JSON object each, one leaf each.

What a run publishes is told from its manifests; keys, approvals and acknowledgements are told
by who makes them. Entries carry names, counts, sums and digests, never values of rows
(`evidence.md` 10). Numbers are text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from puntual.evidence import canonical, shape
from puntual.evidence.facts import from_json, list_from_json
from puntual.model.delivery import Decision
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Digest, Manifest
from puntual.model.seal import Seal

SCHEMA = "puntual/event/1"
STATEMENT = "statement.json"

_ENTRY = frozenset(
    {
        "schema",
        "event",
        "at",
        "epoch",
        "trust",
        "commit",
        "step",
        "reference_date",
        "manifest",
        "facts",
    }
)
_UNTOLD = ("raw:", "stream:", "stream")
"""Pointers that move with what is landed, which is told by its `land` and `late`."""


class Event(StrEnum):
    """What an entry tells of."""

    PLAN = "plan"
    LAND = "land"
    SEAL = "seal"
    LATE = "late"
    FINDING = "finding"
    DECISION = "decision"
    APPROVAL = "approval"
    ATTEST = "attest"
    DELIVER = "deliver"
    ACKNOWLEDGEMENT = "acknowledgement"
    SUPERSEDE = "supersede"
    POLICY = "policy"
    KEY = "key"
    REVEAL = "reveal"
    ANCHOR = "anchor"
    STEP = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upto:
    """The last change of what is published that the ledger tells of; 0 and "" for none."""

    number: int = 0
    digest: Digest = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    An event before it is put on record.

    Attributes:
        event: What happened.
        step: The step that did it; "" for none.
        reference_date: YYYY-MM-DD; "" for none.
        manifest: Digest of what was published; "" for nothing.
        facts: Names, counts, sums and digests as text, lists and maps of them.
    """

    event: Event
    step: str = ""
    reference_date: str = ""
    manifest: Digest = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    An event on record.

    Attributes:
        told: What happened.
        at: When it was put on record, UTC.
        epoch: Of the lease of who wrote it.
        trust: Version of the trust file in force.
        upto: The last published change that the ledger tells of, this one included.
    """

    told: Told
    at: datetime
    epoch: int
    trust: int
    upto: Upto


def encode(entry: Entry) -> bytes:
    """
    Return the leaf: canonical bytes without a line break.

    Raises:
        EvidenceError: V2001, V2002 a fact has no canonical form.
    """
    told = entry.told
    return canonical.encode(
        {
            "schema": SCHEMA,
            "event": told.event.value,
            "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "epoch": str(entry.epoch),
            "trust": str(entry.trust),
            "commit": {"number": str(entry.upto.number), "sha256": entry.upto.digest},
            "step": told.step,
            "reference_date": told.reference_date,
            "manifest": told.manifest,
            "facts": told.facts,
        }
    )


def decode(data: bytes) -> Entry:
    """
    Read a leaf.

    Raises:
        EvidenceError: V2001 not canonical; V2002 no entry of a ledger.
    """
    found = shape.record(canonical.decode(data), _ENTRY, "$")
    event = shape.text(found["event"], "$.event")
    if found["schema"] != SCHEMA or event not in {e.value for e in Event}:
        shape.refuse("$.event", f"an event of {SCHEMA}", "another")
    commit = shape.record(found["commit"], frozenset({"number", "sha256"}), "$.commit")
    return Entry(
        told=Told(
            event=Event(event),
            step=shape.text(found["step"], "$.step"),
            reference_date=shape.text(found["reference_date"], "$.reference_date"),
            manifest=shape.text(found["manifest"], "$.manifest"),
            facts=shape.mapping(found["facts"], "$.facts"),
        ),
        at=_instant(found["at"]),
        epoch=shape.count(found["epoch"], "$.epoch"),
        trust=shape.count(found["trust"], "$.trust"),
        upto=Upto(
            number=shape.count(commit["number"], "$.commit.number"),
            digest=shape.text(commit["sha256"], "$.commit.sha256"),
        ),
    )


def told_by(name: str, digest: Digest, manifest: Manifest) -> Iterator[Told]:
    """
    Yield what the publication of a manifest under a name is told as.

    Raises:
        EvidenceError: V2003 a fact of the manifest has another shape.
    """
    step, _, day = name.rpartition("/")
    for event, facts in _events(step, manifest):
        yield Told(event=event, step=step, reference_date=day, manifest=digest, facts=facts)


def _events(step: str, manifest: Manifest) -> Iterator[tuple[Event, Mapping[str, object]]]:
    records = {"records": str(manifest.totals.records)}
    match step.partition(":")[0]:
        case "land":
            yield Event.LAND, _landed(manifest)
            yield Event.SEAL, _sealed(from_json(Seal, manifest.facts["seal"]))
        case "late":
            yield Event.LATE, records
        case "validate" | "reconcile":
            yield Event.FINDING, _findings(manifest)
        case "decide":
            yield Event.DECISION, _decided(manifest)
        case "attest":
            yield Event.ATTEST, {"statement": statement_of(manifest)}
        case "deliver":
            yield Event.DELIVER, _sent(manifest)
            before = manifest.facts.get("supersedes")
            if isinstance(before, Mapping):
                yield Event.SUPERSEDE, {"manifest": str(before.get("manifest", ""))}
        case "ack":
            yield Event.ACKNOWLEDGEMENT, {}
        case _:
            yield Event.STEP, records


def is_told(name: str) -> bool:
    """Say whether the publication of a name is told of in the ledger."""
    return not name.startswith(_UNTOLD)


def statement_of(attested: Manifest) -> Digest:
    """Return the digest of the statement that an attestation holds; "" where it holds none."""
    return next(
        (o.sha256 for o in attested.of_role("package") if o.detail.get("name") == STATEMENT), ""
    )


def _landed(manifest: Manifest) -> dict[str, object]:
    totals = manifest.totals
    return {
        "records": str(totals.records),
        "sums": {name: canonical.number(value) for name, value in totals.sums.items()},
        "objects": str(len(manifest.objects)),
    }


def _sealed(seal: Seal) -> dict[str, object]:
    control = seal.control
    return {
        "status": seal.status.value,
        "control": None
        if control is None
        else {
            "records": str(control.count),
            "sums": {name: canonical.number(value) for name, value in control.sums.items()},
        },
    }


def _findings(manifest: Manifest) -> dict[str, object]:
    found = list_from_json(Finding, manifest.facts.get("findings", []))
    others = sorted(
        (f for f in found if f.verdict is not Verdict.PASS), key=lambda f: (f.rule, f.code)
    )
    return {
        "passed": str(len(found) - len(others)),
        "not_passed": [
            {
                "rule": f.rule,
                "code": f.code,
                "verdict": f.verdict.value,
                "rows": None if f.rows is None else str(f.rows),
            }
            for f in others
        ],
    }


def _sent(manifest: Manifest) -> dict[str, object]:
    """Tell when a delivery was sent, which version, and in which roles people agreed to it."""
    signed = manifest.facts.get("signed")
    people = signed if isinstance(signed, list) else []
    stamp = manifest.facts.get("time_stamp")
    return {
        **({} if stamp is None else {"time_stamp": str(stamp)}),
        "sent_at": str(manifest.facts.get("sent_at", "")),
        "version": str(manifest.facts.get("version", "1")),
        "agreed": [str(p.get("role", "")) for p in people if isinstance(p, Mapping)],
    }


def _decided(manifest: Manifest) -> dict[str, object]:
    decision = from_json(Decision, manifest.facts["decision"])
    whole = decision.completeness
    return {
        "completeness": None if whole is None else whole.value,
        "reasons": [{"code": r.code, "about": r.about} for r in decision.reasons],
        "exceptions": str(len(decision.exceptions)),
    }


def _instant(value: object) -> datetime:
    text = shape.text(value, "$.at")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        shape.refuse("$.at", "an instant", "another text")
    if at.tzinfo is None or at.astimezone(UTC).isoformat(timespec="microseconds") != text:
        shape.refuse("$.at", "an instant in UTC with microseconds", "another text")
    return at
