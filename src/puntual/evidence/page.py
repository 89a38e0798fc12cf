"""
The evidence page of a delivery: one HTML file that opens from `file://`.

It shows what the package says, and proves nothing: no script, no style or image from elsewhere,
nothing that a network would have to give. Every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from puntual.evidence.statement import Claims
from puntual.evidence.text import NOT_PROVEN, PROVEN
from puntual.model.manifest import Digest
from puntual.model.shown import markup, printable

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;border-bottom:1px solid #ccc;padding:.3rem .5rem;vertical-align:top}"
    "code{overflow-wrap:anywhere;font-size:.85em}caption{text-align:left;font-weight:600}"
)


def evidence_page(claims: Claims, exceptions: int, digests: Mapping[str, Digest]) -> bytes:
    """
    Return the page, UTF-8.

    Args:
        claims: What the delivery says about itself.
        exceptions: How many its document names.
        digests: Files of the package that stand beside it.
    """
    return "".join(_parts(claims, exceptions, digests)).encode()


def _parts(claims: Claims, exceptions: int, digests: Mapping[str, Digest]) -> Iterator[str]:
    title = _escaped(f"Evidence of {claims.delivery}")
    whole = claims.decision.completeness
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    yield f"style-src 'unsafe-inline'\"><title>{title}</title><style>{_STYLE}</style></head>"
    yield f"<body><h1>{title}</h1>"
    yield "<p>This page shows what the package says. It proves nothing: to check it, see "
    yield "<code>VERIFY.txt</code>.</p>"
    yield _table(
        "Delivery",
        ("", ""),
        [
            ("completeness", "held" if whole is None else whole.value),
            ("exceptions", str(exceptions)),
            ("due", claims.due_at.isoformat()),
            ("program", claims.code),
            ("project", claims.project),
        ],
    )
    yield _table("Seals", ("source", "status", "records", "of"), _seals(claims))
    yield _table("Checks", ("check", "verdict", "rows"), _checks(claims))
    yield _table("Files", ("name", "sha256"), sorted(digests.items()))
    yield "<h2>Proven, once a verifier has said so</h2>"
    yield _list(PROVEN)
    yield "<h2>Not proven</h2>"
    yield _list(NOT_PROVEN)
    yield "</body></html>\n"


def _seals(claims: Claims) -> Iterator[tuple[str, ...]]:
    for seal in sorted(claims.seals, key=lambda s: s.source):
        of = "unknown" if seal.control is None else f"{seal.control.count:,}"
        yield seal.source, seal.status.value, f"{seal.landed.records:,}", of


def _checks(claims: Claims) -> Iterator[tuple[str, ...]]:
    for found in sorted(claims.findings, key=lambda f: (f.rule, f.code, f.dataset)):
        rows = "" if found.rows is None else f"{found.rows:,}"
        yield found.rule, found.verdict.value, rows


def _table(title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{_escaped(h)}</th>" for h in heads) if any(heads) else ""
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><caption>{_escaped(title)}</caption><tr>{head}</tr>{body}</table>"


def _cell(text: str) -> str:
    code = len(text) == 64 and " " not in text
    shown = _escaped(printable(text))
    return f"<td><code>{shown}</code></td>" if code else f"<td>{shown}</td>"


def _list(lines: Iterable[str]) -> str:
    text = "\n".join(lines).replace("\n  ", " ")
    return "<ul>" + "".join(f"<li>{_escaped(line)}</li>" for line in text.split("\n")) + "</ul>"


def _escaped(text: str) -> str:
    """Return a text for between tags; none stands in an attribute here."""
    return markup(text, quotes=False)
