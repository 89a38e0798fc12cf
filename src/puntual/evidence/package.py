"""The evidence package of a delivery: small files that verify offline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from puntual.errors import EvidenceError
from puntual.evidence import canonical, document, shape, statement
from puntual.evidence.digest import sha256
from puntual.evidence.document import Context
from puntual.evidence.exceptions import Entry
from puntual.evidence.ledger_files import ADDED
from puntual.evidence.notice import Noticed, notices
from puntual.evidence.page import evidence_page
from puntual.evidence.statement import Claims
from puntual.evidence.text import exceptions_text, verify_text
from puntual.model.manifest import Digest

STATEMENT = "statement.json"
MANIFESTS = "manifests.json"
EXCEPTIONS = "exceptions.json"
EXCEPTIONS_TEXT = "exceptions.txt"
VERIFY = "VERIFY.txt"
PAGE = "evidence.html"

MANIFESTS_SCHEMA = "puntual/manifests/1"


def build_package(
    claims: Claims,
    *,
    file_name: str,
    report: bytes,
    entries: Iterable[Entry],
    manifests: Mapping[Digest, bytes],
    context: Context | None = None,
    titles: tuple[str, str] | None = None,
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
        context: What the exceptions document says beside them; None: the deadline alone.
        titles: Title of the report and institution, for the notice to the receiver; None: no
            notice is laid beside.

    Raises:
        EvidenceError: V3001 a manifest that is claimed is missing or has other bytes, or the
            regulator's file has a name of the package's own; V2001, V2002 no canonical form.
    """
    listed = tuple(entries)
    around = context or Context(due_at=claims.due_at)
    files = {
        file_name: report,
        EXCEPTIONS: document.encode(claims.delivery, claims.decision, listed, around),
        EXCEPTIONS_TEXT: exceptions_text(claims.delivery, claims.decision, listed),
        MANIFESTS: _manifests(claims, manifests),
    }
    told = _told(claims, listed, around, titles) if titles else {}
    if len(files) != 4 or file_name in (STATEMENT, VERIFY, PAGE, *ADDED, *told):
        raise _mismatch("the regulator's file has a name of the package's own", file_name)
    files |= told
    digests = {name: sha256(data) for name, data in files.items()}
    files[VERIFY] = verify_text(claims.delivery, file_name, digests)
    files[PAGE] = evidence_page(claims, len(listed), digests)
    files[STATEMENT] = statement.encode(
        claims,
        subjects={name: digests[name] for name in (file_name, EXCEPTIONS, EXCEPTIONS_TEXT)},
        documents={name: digests[name] for name in (MANIFESTS, *told)}
        | {name: sha256(files[name]) for name in (VERIFY, PAGE)},
        exceptions=len(listed),
    )
    return dict(sorted(files.items()))


def _told(
    claims: Claims, entries: tuple[Entry, ...], context: Context, titles: tuple[str, str]
) -> dict[str, bytes]:
    title, institution = titles
    return notices(
        Noticed(
            delivery=claims.delivery,
            title=title,
            institution=institution,
            decision=claims.decision,
            entries=entries,
            context=context,
        )
    )


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
