"""
Manifests as canonical bytes, and back.

The bytes that were hashed are the bytes that are stored: a manifest is named by the SHA-256 of
what `encode` returned. Money, counts and positions are strings.
"""

from __future__ import annotations

from collections.abc import Mapping

from puntual.evidence import canonical, shape
from puntual.evidence.digest import sha256
from puntual.model.manifest import Digest, Manifest, ObjectRef, Totals

SCHEMA = "puntual/manifest/1"

_MANIFEST = frozenset(
    {
        "schema",
        "step",
        "dataset",
        "reference_date",
        "key",
        "inputs",
        "code",
        "objects",
        "totals",
        "facts",
    }
)
_OBJECT = frozenset({"name", "sha256", "bytes", "records", "role", "detail"})
_NAMED = frozenset({"name", "sha256"})
_TOTALS = frozenset({"records", "sums", "key_digest", "algorithm"})


def encode(manifest: Manifest) -> bytes:
    """
    Return the canonical bytes of a manifest; `decode` gives an equal manifest back.

    Raises:
        EvidenceError: V2001 a fact is no canonical value (a float, a tuple of dates, …); V2002
            a digest or a count does not have its form.
    """
    value: dict[str, object] = {
        "schema": SCHEMA,
        "step": manifest.step,
        "dataset": manifest.dataset,
        "reference_date": manifest.reference_date.isoformat(),
        "key": shape.digest(manifest.key, "$.key"),
        "inputs": named_values(manifest.inputs, "$.inputs"),
        "code": shape.digest(manifest.code, "$.code"),
        "objects": [object_value(o) for o in manifest.objects],
        "totals": totals_value(manifest.totals),
        "facts": manifest.facts,
    }
    return canonical.encode(value)


def decode(data: bytes) -> Manifest:
    """
    Read a manifest from its canonical bytes.

    Raises:
        EvidenceError: V2001 the bytes are not canonical; V2002 they are no manifest.
    """
    found = shape.record(canonical.decode(data), _MANIFEST, "$")
    if found["schema"] != SCHEMA:
        shape.refuse("$.schema", SCHEMA, "another format")
    return Manifest(
        step=shape.text(found["step"], "$.step"),
        dataset=shape.text(found["dataset"], "$.dataset"),
        reference_date=shape.day(found["reference_date"], "$.reference_date"),
        key=shape.digest(found["key"], "$.key"),
        inputs=read_named(found["inputs"], "$.inputs"),
        code=shape.digest(found["code"], "$.code"),
        objects=shape.items(found["objects"], read_object, "$.objects"),
        totals=read_totals(found["totals"], "$.totals"),
        facts=shape.mapping(found["facts"], "$.facts"),
    )


def digest_of(manifest: Manifest) -> Digest:
    """
    Return the digest that names a manifest.

    Raises:
        EvidenceError: As `encode`.
    """
    return sha256(encode(manifest))


def named_values(digests: Mapping[str, Digest], where: str) -> list[dict[str, object]]:
    """
    Return names and digests as a JSON list, sorted by name.

    A list and not a map: names of files may hold any letter, keys are ASCII (`evidence.md` 3).

    Raises:
        EvidenceError: V2002 a digest does not have its form.
    """
    return [
        {"name": name, "sha256": shape.digest(digests[name], f"{where}.{name}")}
        for name in sorted(digests)
    ]


def read_named(value: object, where: str) -> dict[str, Digest]:
    """
    Read what `named_values` wrote.

    Raises:
        EvidenceError: V2002 another shape, a name that stands twice, or another order.
    """
    pairs = shape.items(value, _read_pair, where)
    names = [name for name, _ in pairs]
    if names != sorted(set(names)):
        shape.refuse(where, "names sorted, each once", "another order, or a name twice")
    return dict(pairs)


def totals_value(totals: Totals) -> dict[str, object]:
    """Return control totals as a JSON value, numbers as text."""
    return {
        "records": _count(totals.records),
        "sums": {k: canonical.number(v) for k, v in totals.sums.items()},
        "key_digest": totals.key_digest,
        "algorithm": totals.algorithm,
    }


def read_totals(value: object, where: str) -> Totals:
    """
    Read control totals from their JSON value.

    Raises:
        EvidenceError: V2002 the shape is another.
    """
    found = shape.record(value, _TOTALS, where)
    return Totals(
        records=shape.count(found["records"], f"{where}.records"),
        sums=shape.mapping_of(found["sums"], shape.amount, f"{where}.sums"),
        key_digest=shape.text(found["key_digest"], f"{where}.key_digest"),
        algorithm=shape.text(found["algorithm"], f"{where}.algorithm"),
    )


def object_value(ref: ObjectRef) -> dict[str, object]:
    """Return an object's reference as a JSON value, numbers as text."""
    return {
        "name": ref.name,
        "sha256": shape.digest(ref.sha256, ref.name),
        "bytes": _count(ref.bytes),
        "records": _count(ref.records),
        "role": ref.role,
        "detail": {k: shape.text(v, f"{ref.name}.{k}") for k, v in ref.detail.items()},
    }


def read_object(value: object, where: str) -> ObjectRef:
    """
    Read an object's reference from its JSON value.

    Raises:
        EvidenceError: V2002 the shape is another.
    """
    found = shape.record(value, _OBJECT, where)
    return ObjectRef(
        name=shape.text(found["name"], f"{where}.name"),
        sha256=shape.digest(found["sha256"], f"{where}.sha256"),
        bytes=shape.count(found["bytes"], f"{where}.bytes"),
        records=shape.count(found["records"], f"{where}.records"),
        role=shape.text(found["role"], f"{where}.role"),
        detail=shape.mapping_of(found["detail"], shape.text, f"{where}.detail"),
    )


def _read_pair(value: object, where: str) -> tuple[str, Digest]:
    found = shape.record(value, _NAMED, where)
    return (
        shape.text(found["name"], f"{where}.name"),
        shape.digest(found["sha256"], f"{where}.sha256"),
    )


def _count(value: int) -> str:
    if value < 0:
        shape.refuse("$", "a count of 0 or more", str(value))
    return str(value)
