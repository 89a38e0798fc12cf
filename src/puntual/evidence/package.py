"""The evidence package of a delivery: small files that verify offline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from puntual.errors import EvidenceError
from puntual.evidence import canonical, exceptions, shape, statement
from puntual.evidence.digest import sha256
from puntual.evidence.exceptions import Entry
from puntual.evidence.statement import Claims
from puntual.evidence.text import exceptions_text, verify_text
from puntual.model.manifest import Digest

STATEMENT = "statement.json"
MANIFESTS = "manifests.json"
EXCEPTIONS = "exceptions.json"
EXCEPTIONS_TEXT = "exceptions.txt"
VERIFY = "VERIFY.txt"

MANIFESTS_SCHEMA = "puntual/manifests/1"


def build_package(
    claims: Claims,
    *,
    file_name: str,
    report: bytes,
    entries: Iterable[Entry],
    manifests: Mapping[Digest, bytes],
) -> dict[str, bytes]:
    """
    Return every file of the package, by name, sorted.

    The same arguments give the same bytes.

    Args:
        claims: What the delivery says about itself.
        file_name: The regulator's file.
        report: Its bytes.
        entries: The exceptions, in order.
        manifests: The bytes of every manifest that the claims name, by digest.

    Raises:
        EvidenceError: V3001 a manifest that is claimed is missing or has other bytes, or the
            regulator's file has a name of the package's own; V2001, V2002 no canonical form.
    """
    listed = tuple(entries)
    files = {
        file_name: report,
        EXCEPTIONS: exceptions.encode(claims.delivery, claims.decision, listed),
        EXCEPTIONS_TEXT: exceptions_text(claims.delivery, claims.decision, listed),
        MANIFESTS: _manifests(claims, manifests),
    }
    if len(files) != 4 or file_name in (STATEMENT, VERIFY):
        raise _mismatch("the regulator's file has a name of the package's own", file_name)
    digests = {name: sha256(data) for name, data in files.items()}
    files[VERIFY] = verify_text(claims.delivery, file_name, digests)
    files[STATEMENT] = statement.encode(
        claims,
        subjects={name: digests[name] for name in (file_name, EXCEPTIONS, EXCEPTIONS_TEXT)},
        documents={MANIFESTS: digests[MANIFESTS], VERIFY: sha256(files[VERIFY])},
        exceptions=len(listed),
    )
    return dict(sorted(files.items()))


def read_manifests(data: bytes) -> dict[Digest, bytes]:
    """
    Read `manifests.json`: the bytes of each manifest, by the digest it stands under.

    Whether the digests hold is the verifier's question.

    Raises:
        EvidenceError: V2001, V2002 the file has another form.
    """
    found = shape.record(canonical.decode(data), frozenset({"schema", "manifests"}), "$")
    if found["schema"] != MANIFESTS_SCHEMA:
        shape.refuse("$.schema", MANIFESTS_SCHEMA, "another format")
    texts = shape.mapping_of(found["manifests"], shape.text, "$.manifests")
    return {digest: text.encode() for digest, text in texts.items()}


def _manifests(claims: Claims, manifests: Mapping[Digest, bytes]) -> bytes:
    for step, digest in claims.manifests.items():
        if digest not in manifests or sha256(manifests[digest]) != digest:
            raise _mismatch(f"the manifest of {step} is missing or altered", digest)
    wanted = sorted(set(claims.manifests.values()))
    texts = {digest: manifests[digest].decode() for digest in wanted}
    return canonical.encode({"schema": MANIFESTS_SCHEMA, "manifests": texts})


def _mismatch(message: str, where: str) -> EvidenceError:
    return EvidenceError(
        "V3001",
        message,
        where=where,
        expected="the bytes that were committed",
        observed="none, or others",
        next_step="puntual verify, then run the day again",
    )
