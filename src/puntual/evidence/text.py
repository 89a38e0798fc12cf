"""The documents of a package that people read: `exceptions.txt` and `VERIFY.txt`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from puntual.evidence.exceptions import Entry, numbered
from puntual.model.delivery import Decision, DeliveryId
from puntual.model.manifest import Digest
from puntual.model.shown import printable

SHOWN = 5
"""How many places of an exception the text names; the JSON names all that were sampled."""

PROVEN = (
    "That the report and the exceptions document are, byte for byte, those that the holders of",
    "  the named keys signed (level 1).",
    "That this was put on record in a ledger which extends the one that you saw before.",
    "That they were made from exactly the manifests listed here, and these from the raw objects,",
    "  contracts and program that they name by digest (with the objects at hand: level 2).",
    "That the gaps listed in the exceptions document were declared with the delivery.",
    "That it existed before the time of a time stamp, where there is one and it was examined.",
)

NOT_PROVEN = (
    "That the source told the truth.",
    "That nothing was dropped before landing: only the sources' control records speak to that.",
    "Anything that nobody outside had seen: keep each checkpoint, and compare it with the next.",
    "That another reader is not shown another ledger, unless readers compare their checkpoints.",
    "Clock times inside the ledger: they are the institution's own; their order is proven.",
    "That an approver read what he signed; and that anything here was kept confidential.",
)


def exceptions_text(delivery: DeliveryId, decision: Decision, entries: Iterable[Entry]) -> bytes:
    """Return the exceptions document as plain text, UTF-8; see `shown` for what is escaped."""
    found = tuple(numbered(entries))
    whole = decision.completeness
    lines = [
        f"Exceptions of {delivery}",
        f"Completeness: {'held' if whole is None else whole.value}",
        f"Exceptions: {len(found)}",
        *(f"Held because: {r.code} {r.sentence}" for r in decision.reasons),
    ]
    for name, entry in found:
        lines += ["", *_lines(name, entry)]
    return ("\n".join(map(printable, lines)) + "\n").encode()


def verify_text(delivery: DeliveryId, file_name: str, documents: Mapping[str, Digest]) -> bytes:
    """Return what the package proves and what it does not, as plain text, UTF-8."""
    lines = [
        f"How to verify {delivery}",
        "",
        "You need trust.json, or the fingerprint of the root key, from the institution on paper:",
        "never from this folder alone. The first time:",
        "",
        "With puntual, offline:    puntual verify DIRECTORY --root FINGERPRINT",
        "With one Python file:     python verify_delivery.py DIRECTORY --root FINGERPRINT",
        "",
        "Either keeps what it has seen of the ledger and refuses an older or another one later.",
        "The bytes are specified in docs/reference/evidence-format.md of the program puntual;",
        "step by step with openssl as well.",
        "",
        "By hand, sha256sum -c with these lines (gunzip -k manifests.json.gz first):",
        "",
        *(f"{documents[name]}  {name}" for name in sorted(documents)),
        "",
        "statement.dsse.json holds the statement, in Base64, and its signatures. It names",
        f"{file_name} and every other file by its SHA-256; manifests.json holds the manifest of",
        "every step under the SHA-256 of its text. statement.tlog-proof proves that leaf.json,",
        "which names the statement, stands in the ledger; consistency.json proves that this",
        "ledger extends those of earlier deliveries; trust.json says whose signatures count.",
        "evidence.html shows all this and proves nothing.",
        "",
        "Proven, once a verifier has said so:",
        *_bullets(PROVEN),
        "",
        "Not proven:",
        *_bullets(NOT_PROVEN),
    ]
    return ("\n".join(map(printable, lines)) + "\n").encode()


def _lines(name: str, entry: Entry) -> Iterator[str]:
    yield f"{name}  {entry.kind.value}  {entry.about}{f'  {entry.code}' if entry.code else ''}"
    yield f"  reason    {entry.reason}"
    yield f"  rows      {'not known' if entry.rows is None else f'{entry.rows:,}'}"
    for column in sorted(entry.amounts):
        share = f"  ({entry.share[column]} % of the day)" if column in entry.share else ""
        yield f"  {column:<9} {entry.amounts[column]:,f}{share}"
    yield f"  expected  {entry.expected or 'not known'}"
    yield f"  observed  {entry.observed or 'not known'}"
    yield f"  known by  {entry.known_by or 'not known'}"
    if entry.sample:
        places = ", ".join(f"{p.object}:{p.position}" for p in entry.sample[:SHOWN])
        more = ", …" if len(entry.sample) > SHOWN else ""
        yield f"  places    {places}{more}"
    yield f"  effect    {entry.effect}"


def _bullets(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"  {line}" if line.startswith(" ") else f"- {line}"
