"""
The statement of a delivery: in-toto Statement v1, in canonical bytes.

Subjects are the report and the exceptions document; the predicate says what they came from.
Signatures stand in the envelope around these bytes (`dsse`); nothing in them depends on when
they were made, nor on who signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from puntual.evidence import canonical, shape
from puntual.evidence.manifest import named_values, read_named, totals_value
from puntual.model.control import Hop
from puntual.model.delivery import Completeness, Decision, DeliveryId
from puntual.model.finding import Finding
from puntual.model.manifest import Digest
from puntual.model.seal import Seal

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://puntual.dev/attestation/delivery/v1"
SIGNATURES = "in the envelope"

_REPORT = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_PREDICATE = frozenset(
    {
        "schema",
        "delivery",
        "completeness",
        "reasons",
        "exceptions",
        "due_at",
        "seals",
        "checks",
        "hops",
        "manifests",
        "documents",
        "files",
        "code",
        "project",
        "signatures",
    }
)


_WHOLE = tuple(sorted(c.value for c in Completeness))
_SOMETIMES = frozenset({"policy", "supersedes"})
"""In the predicate only of a delivery that has them, so that every other keeps its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """
    The version before.

    Attributes:
        delivery: Its id.
        manifest: Digest of the `deliver:` manifest that recorded it.
        reason: Why it is replaced.
        person: Who asked for it; "" if the run did.
        same: What is the same in both: `inputs`, `code`, `rules`, `layout` → whether it is.
    """

    delivery: str
    manifest: Digest
    reason: str
    person: str
    same: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """
    What a delivery says about itself.

    Attributes:
        delivery: Which.
        decision: How complete it is, and why.
        due_at: The deadline, with its zone.
        seals: Of every source.
        findings: Of every check, control and hop.
        hops: The waterfall, with the control totals of both sides.
        manifests: Step id → digest of what it committed.
        files: Path → digest of every contract, SQL and layout file that was used.
        code: Digest of the program.
        project: Digest of the whole project.
        supersedes: The version before; None for the first.
    """

    delivery: DeliveryId
    decision: Decision
    due_at: datetime
    seals: tuple[Seal, ...]
    findings: tuple[Finding, ...]
    hops: tuple[Hop, ...]
    manifests: Mapping[str, Digest]
    files: Mapping[str, Digest]
    code: Digest
    project: Digest
    supersedes: Superseded | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    What a verifier reads in a statement.

    Attributes:
        subjects: File name → digest.
        delivery: As text, such as `credit_daily/2026-11-20/v1`.
        completeness: `full`, `partial` or `emergency`; None when held.
        exceptions: How many the exceptions document names.
        manifests: Step id → digest.
        documents: Other files of the package → digest.
        files: Project file → digest.
        predicate: All of it.
    """

    subjects: Mapping[str, Digest]
    delivery: str
    completeness: str | None
    exceptions: int
    manifests: Mapping[str, Digest]
    documents: Mapping[str, Digest]
    files: Mapping[str, Digest]
    predicate: Mapping[str, object] = field(default_factory=dict)


def encode(
    claims: Claims,
    *,
    subjects: Mapping[str, Digest],
    documents: Mapping[str, Digest],
    exceptions: int,
) -> bytes:
    """
    Return the statement's canonical bytes.

    Args:
        claims: What the delivery says about itself.
        subjects: Report and exceptions document: file name → digest.
        documents: Every other file of the package: name → digest.
        exceptions: How many exceptions the document names.

    Raises:
        EvidenceError: V2001, V2002 a value has no canonical form.
    """
    completeness = claims.decision.completeness
    predicate = {
        "schema": PREDICATE_TYPE,
        "delivery": {
            "id": str(claims.delivery),
            "report": claims.delivery.report,
            "reference_date": claims.delivery.reference_date.isoformat(),
            "version": str(claims.delivery.version),
        },
        "completeness": None if completeness is None else completeness.value,
        "reasons": [
            {"code": r.code, "about": r.about, "sentence": r.sentence}
            for r in claims.decision.reasons
        ],
        "exceptions": str(exceptions),
        "due_at": claims.due_at.astimezone(UTC).isoformat(),
        "seals": [_seal(s) for s in sorted(claims.seals, key=lambda s: s.source)],
        "checks": _checks(claims.findings),
        "hops": [_hop(h) for h in claims.hops],
        "manifests": named_values(claims.manifests, "$.predicate.manifests"),
        "documents": named_values(documents, "$.predicate.documents"),
        "files": named_values(claims.files, "$.predicate.files"),
        "code": shape.digest(claims.code, "$.predicate.code"),
        "project": shape.digest(claims.project, "$.predicate.project"),
        "signatures": SIGNATURES,
        **_sometimes(claims),
    }
    return canonical.encode(
        {
            "_type": TYPE,
            "subject": [
                {"name": name, "digest": {"sha256": shape.digest(subjects[name], name)}}
                for name in sorted(subjects)
            ],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        }
    )


def decode(data: bytes) -> Statement:
    """
    Read a statement from its canonical bytes.

    Raises:
        EvidenceError: V2001 not canonical; V2002 no statement of ours.
    """
    keys = frozenset({"_type", "subject", "predicateType", "predicate"})
    found = shape.record(canonical.decode(data), keys, "$")
    if (found["_type"], found["predicateType"]) != (TYPE, PREDICATE_TYPE):
        shape.refuse("$.predicateType", PREDICATE_TYPE, "another type")
    given = shape.mapping(found["predicate"], "$.predicate")
    predicate = shape.record(given, _PREDICATE | (_SOMETIMES & given.keys()), "$.predicate")
    if predicate["schema"] != PREDICATE_TYPE:
        shape.refuse("$.predicate.schema", PREDICATE_TYPE, "another format")
    for name in ("code", "project"):
        shape.digest(predicate[name], f"$.predicate.{name}")
    for name in ("reasons", "seals", "checks", "hops"):
        shape.items(predicate[name], _anything, f"$.predicate.{name}")
    for name in ("due_at", "signatures"):
        shape.text(predicate[name], f"$.predicate.{name}")
    for name in _SOMETIMES & given.keys():
        shape.mapping(predicate[name], f"$.predicate.{name}")
    delivery = _read_delivery(predicate["delivery"], "$.predicate.delivery")
    whole = predicate["completeness"]
    if whole not in (None, *_WHOLE):
        shape.refuse("$.predicate.completeness", ", ".join(_WHOLE), "another word")
    pairs = shape.items(found["subject"], _read_subject, "$.subject")
    documents = read_named(predicate["documents"], "$.predicate.documents")
    if len(dict(pairs)) != len(pairs) or documents.keys() & dict(pairs).keys():
        shape.refuse("$.subject", "each file once", "a file that stands twice")
    return Statement(
        subjects=dict(pairs),
        delivery=delivery,
        completeness=None if whole is None else shape.text(whole, "$.predicate.completeness"),
        exceptions=shape.count(predicate["exceptions"], "$.predicate.exceptions"),
        manifests=read_named(predicate["manifests"], "$.predicate.manifests"),
        documents=documents,
        files=read_named(predicate["files"], "$.predicate.files"),
        predicate=predicate,
    )


def _read_delivery(value: object, where: str) -> str:
    """Return a delivery's id, which must say the same as its three parts."""
    found = shape.record(value, frozenset({"id", "report", "reference_date", "version"}), where)
    report = shape.text(found["report"], f"{where}.report")
    day = shape.day(found["reference_date"], f"{where}.reference_date")
    version = shape.count(found["version"], f"{where}.version")
    if _REPORT.fullmatch(report) is None:
        shape.refuse(f"{where}.report", "a name of a report", "another text")
    if found["id"] != f"{report}/{day.isoformat()}/v{version}":
        shape.refuse(f"{where}.id", "report, reference date and version", "another text")
    return str(found["id"])


def _anything(value: object, where: str) -> object:
    return value


def _read_subject(value: object, where: str) -> tuple[str, Digest]:
    found = shape.record(value, frozenset({"name", "digest"}), where)
    digest = shape.record(found["digest"], frozenset({"sha256"}), f"{where}.digest")
    return (
        shape.text(found["name"], f"{where}.name"),
        shape.digest(digest["sha256"], f"{where}.digest.sha256"),
    )


def _sometimes(claims: Claims) -> dict[str, object]:
    found: dict[str, object] = {}
    decision, before = claims.decision, claims.supersedes
    if decision.policy:
        found["policy"] = {
            "name": decision.policy,
            "sha256": shape.digest(decision.policy_digest, "$.predicate.policy.sha256"),
            "applied": [
                {"clause": a.clause, "code": a.code, "about": a.about} for a in decision.applied
            ],
        }
    if before is not None:
        found["supersedes"] = {
            "delivery": before.delivery,
            "manifest": shape.digest(before.manifest, "$.predicate.supersedes.manifest"),
            "reason": before.reason,
            "person": before.person or None,
            "same": dict(sorted(before.same.items())),
        }
    return found


def _seal(seal: Seal) -> dict[str, object]:
    control = seal.control
    return {
        "source": seal.source,
        "status": seal.status.value,
        "control": None
        if control is None
        else {
            "records": str(control.count),
            "sums": {k: canonical.number(v) for k, v in control.sums.items()},
            "digest": control.digest,
        },
        "landed": {
            "records": str(seal.landed.records),
            "sums": {k: canonical.number(v) for k, v in seal.landed.sums.items()},
            "unreadable": str(seal.landed.unreadable),
        },
        "differences": list(seal.differences),
    }


def _checks(findings: Iterable[Finding]) -> list[dict[str, object]]:
    ordered = sorted(findings, key=lambda f: (f.rule, f.code, f.dataset, f.message))
    return [
        {
            "id": f.rule,
            "code": f.code,
            "dataset": f.dataset,
            "verdict": f.verdict.value,
            "severity": f.severity.value,
            "on_fail": f.on_fail.value,
            "rows": None if f.rows is None else str(f.rows),
            "amounts": {k: canonical.number(v) for k, v in f.amounts.items()},
            "expected": f.expected,
            "observed": f.observed,
            "basis": f.basis,
        }
        for f in ordered
    ]


def _hop(hop: Hop) -> dict[str, object]:
    residual = hop.residual_records
    counted = hop.before if hop.counted else None  # this form has no totals without a count
    return {
        "dataset": hop.dataset,
        "left": hop.left,
        "right": hop.right,
        "before": None if counted is None else totals_value(counted),
        "after": None if hop.after is None else totals_value(hop.after),
        "explained": [{"cause": e.cause, "totals": totals_value(e.totals)} for e in hop.explained],
        "residual_records": None if residual is None else str(residual),
        "residual_sums": {k: canonical.number(v) for k, v in hop.residual_sums.items()},
        "keys_agree": hop.keys_agree,
    }
