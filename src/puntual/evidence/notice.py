"""
The exceptions of a delivery as a notice that people read: text and HTML, English and Spanish.

The HTML stands alone: no script, no font, no request to anywhere. Nothing in it is a value of a
row; what came from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from puntual.evidence.document import ROWS, Context
from puntual.evidence.exceptions import Effect, Entry, numbered
from puntual.evidence.notice_said import spanish
from puntual.evidence.notice_words import ENGLISH, LANGUAGES, WORDS
from puntual.model.delivery import Completeness, Decision, DeliveryId
from puntual.model.shown import markup, printable

Row = tuple[str, str]
"""A label and its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """
    What a notice is about.

    Attributes:
        delivery: Which delivery.
        title: Of the report, for people.
        institution: Who owes it.
        decision: How complete it is.
        entries: Its exceptions, in order.
        context: Policy, plan B, the version before.
    """

    delivery: DeliveryId
    title: str
    institution: str
    decision: Decision
    entries: tuple[Entry, ...]
    context: Context


def notices(noticed: Noticed) -> dict[str, bytes]:
    """Return `notice.<language>.txt` and `.html` for each language, UTF-8."""
    found = {}
    for language in LANGUAGES:
        found[f"notice.{language}.txt"] = _text(noticed, language).encode()
        found[f"notice.{language}.html"] = _html(noticed, language).encode()
    return found


def _head(noticed: Noticed, language: str) -> list[Row]:
    words = WORDS[language]
    whole = noticed.decision.completeness
    name = noticed.delivery
    rows = [
        (words["report"], f"{name.report} · {noticed.title}"),
        (words["institution"], noticed.institution),
        (words["reference_date"], name.reference_date.isoformat()),
        (words["version"], f"v{name.version}"),
        (words["due"], noticed.context.due_at.isoformat(timespec="minutes")),
        (words["completeness"], words[whole.value if whole else "held"]),
    ]
    rows += _policy(noticed, words)
    if noticed.context.supersedes:
        rows.append((words["supersedes"], noticed.context.supersedes))
        rows.append((words["reason"], _given(noticed.context.reason, language)))
        gone = ", ".join(f"{r.id} {words[r.kind]} {r.about}" for r in noticed.context.resolved)
        rows.append((words["resolved"], gone or words["none"]))
    return rows


def _policy(noticed: Noticed, words: Mapping[str, str]) -> Iterator[Row]:
    rule = noticed.context.policy
    if rule is None:
        return
    people = ", ".join(f"{a.person} ({a.role}, {a.at.date().isoformat()})" for a in rule.approvals)
    yield words["policy"], f"{rule.name} · sha256 {rule.digest[:12]}"
    yield words["approved_by"], people or words["none"]
    when = "" if rule.accepted_on is None else f", {rule.accepted_on.isoformat()}"
    yield words["acceptance"], f"{rule.acceptance}{when}" if rule.acceptance else words["none"]


def _accuracy(noticed: Noticed, words: Mapping[str, str]) -> list[str]:
    """Return how near plan B has come, of an emergency delivery; nothing for any other."""
    if noticed.decision.completeness is not Completeness.EMERGENCY:
        return []
    lines = []
    for a in noticed.context.accuracy:
        column = words["lines"] if a.column == ROWS else a.column
        if a.days:
            facts = {"worst": a.worst, "days": a.days, "first": a.first, "last": a.last}
            lines.append(words["accuracy_line"].format(column=column, **facts))
        if a.failed:
            days = ", ".join(day.isoformat() for day in a.failed)
            lines.append(words["accuracy_failed"].format(days=len(a.failed), listed=days))
    return lines or [words["no_accuracy"]]


def _said(text: str, language: str) -> str:
    """Return a recorded text in a language; what it has no words for is quoted, and marked so."""
    if language == ENGLISH or not text:
        return text
    return spanish(text) or WORDS[language]["as_recorded"].format(text=text)


def _given(text: str, language: str) -> str:
    """Return the reason of a restatement: ours, or the words of the person who gave it."""
    return text if language == ENGLISH else spanish(text) or text


def _changed(effect: Effect, words: Mapping[str, str]) -> str:
    """Return a column with what was delivered of it, and whether it is sure to change."""
    said = [effect.total] if effect.total else []
    said += [] if effect.sure else [words["unsure"]]
    return f"{effect.column} ({', '.join(said)})" if said else effect.column


def _rows(entry: Entry, language: str) -> list[Row]:
    words = WORDS[language]
    unknown = words["unknown"]
    amounts = "; ".join(f"{n} {v:,f}" for n, v in sorted(entry.amounts.items()))
    share = "; ".join(f"{n} {v} %" for n, v in sorted(entry.share.items()))
    columns = "; ".join(_changed(e, words) for e in entry.effects)
    return [
        (words["class"], words[entry.kind.value] + (f" · {entry.code}" if entry.code else "")),
        (words["reason"], _said(entry.reason, language) or unknown),
        (words["expected"], _said(entry.expected, language) or unknown),
        (words["known_by"], _said(entry.known_by, language) or unknown),
        (words["observed"], _said(entry.observed, language) or unknown),
        (words["rows"], unknown if entry.rows is None else f"{entry.rows:,}"),
        (words["amounts"], amounts or unknown),
        (words["share"], share or unknown),
        (words["missing"], "; ".join(_said(m, language) for m in entry.missing) or unknown),
        (words["effect"], _said(entry.effect, language) or unknown),
        (words["columns"], columns or words["none"]),
        (words["not_run"], ", ".join(entry.not_run) or words["none"]),
        (words["cause"], _said(entry.cause, language) or unknown),
        (words["owner"], entry.owner or unknown),
        (words["first_seen"], entry.first_seen or unknown),
        (words["repair"], entry.expected_repair or unknown),
        (words["clause"], entry.clause or words["none"]),
    ]


def _text(noticed: Noticed, language: str) -> str:
    words = WORDS[language]
    lines = [words["title"], "", *_aligned(_head(noticed, language))]
    accuracy = _accuracy(noticed, words)
    if accuracy:
        lines += ["", words["accuracy"], *(f"  {line}" for line in accuracy)]
    if _is_partial(noticed):
        lines += ["", words["replaced_later"]]
    lines += ["", f"{words['exceptions']}: {len(noticed.entries)}"]
    for name, entry in numbered(noticed.entries):
        lines += ["", f"{name}  {entry.about}"]
        lines += [f"  {line}" for line in _aligned(_rows(entry, language))]
    lines += ["", words["footer"]]
    return "\n".join(map(printable, lines)) + "\n"


def _aligned(rows: Iterable[Row]) -> list[str]:
    listed = list(rows)
    width = max(len(label) for label, _ in listed)
    return [f"{label:<{width}}  {text}" for label, text in listed]


def _is_partial(noticed: Noticed) -> bool:
    return noticed.decision.completeness in (Completeness.PARTIAL, Completeness.EMERGENCY)


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:1.15rem;"
    "margin:2rem 0 .5rem}table{border-collapse:collapse;width:100%;margin:0 0 1rem}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #d0d0d0}"
    "th{width:14rem;font-weight:600}td{overflow-wrap:anywhere}"
    ".state{border-left:.4rem solid #8a5a00;padding:.4rem .8rem;background:#fff6e0}"
    ".state.full{border-color:#1f6f43;background:#eaf6ef}footer{margin-top:2rem;font-size:.9rem}"
    "@media (max-width:40rem){th{width:9rem}}"
    "@media print{body{margin:0;max-width:none}section{break-inside:avoid}}"
)


def _html(noticed: Noticed, language: str) -> str:
    words = WORDS[language]
    whole = noticed.decision.completeness
    name = "full" if whole is Completeness.FULL else "less"
    said = words[whole.value if whole else "held"]
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="{language}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{_safe(words['title'])} · {_safe(str(noticed.delivery))}</title>",
        f"<style>{_STYLE}</style></head><body><main>",
        f"<h1>{_safe(words['title'])}</h1>",
        f'<p class="state {name}"><strong>{_safe(words["completeness"])}: {_safe(said)}</strong>',
        f"<br>{_safe(words['replaced_later'])}</p>" if _is_partial(noticed) else "</p>",
        _table(_head(noticed, language)),
    ]
    accuracy = _accuracy(noticed, words)
    if accuracy:
        items = "".join(f"<li>{_safe(line)}</li>" for line in accuracy)
        parts.append(f"<h2>{_safe(words['accuracy'])}</h2><ul>{items}</ul>")
    parts.append(f"<h2>{_safe(words['exceptions'])}: {len(noticed.entries)}</h2>")
    if not noticed.entries:
        parts.append(f"<p>{_safe(words['no_exceptions'])}</p>")
    for number, entry in numbered(noticed.entries):
        parts.append(f"<section><h2>{number} · {_safe(entry.about)}</h2>")
        parts.append(f"{_table(_rows(entry, language))}</section>")
    parts.append(f"</main><footer>{_safe(words['footer'])}</footer></body></html>")
    return "\n".join(parts) + "\n"


def _table(rows: Iterable[Row]) -> str:
    body = "".join(
        f'<tr><th scope="row">{_safe(label)}</th><td>{_safe(text)}</td></tr>'
        for label, text in rows
    )
    return f"<table><tbody>{body}</tbody></table>"


def _safe(text: str) -> str:
    """Return a text that HTML shows as it is, wherever it stands."""
    return markup(printable(text))
