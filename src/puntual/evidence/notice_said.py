"""
Says a recorded sentence in a notice's language: whole sentences or nothing, never half of one.

Findings are recorded once, in English, and signed; the notice says them again. What no template
knows, such as the words of a technical fault, stands as it was recorded, and is marked as that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from puntual.evidence.notice_spanish import OF_CHECKS, OF_CONTROLS, OF_ENTRIES
from puntual.evidence.notice_spanish_sources import OF_FILES, OF_PLANTED, OF_SEALS

SENTENCES = OF_ENTRIES + OF_CHECKS + OF_CONTROLS + OF_SEALS + OF_FILES + OF_PLANTED
"""(English, Spanish): every sentence that is known."""

_WORD, _LIST, _WORDS, _OURS, _SENTENCE, _ANYBODYS = "{}", "{,}", "{*}", "{+}", "{=}", "{?}"
HOLE = re.compile(r"\{[,*+=?]?\}")
"""A hole of a sentence, of one of the kinds that `notice_spanish` names."""

_PART = {
    _WORD: r"(\S+?)",
    _LIST: r"(\S+?(?:, \S+?)*)",
    _WORDS: r"((?:(?!; ).)+?)",
    _OURS: "(.+?)",
    _SENTENCE: "(.+?)",
    _ANYBODYS: "(.+?)",
}
"""What each kind of hole matches; several words are never the next sentence."""

_CODED = re.compile(r"([A-Z][0-9]{4}) (.+)", re.DOTALL)
_BEFORE_CODE = re.compile(r"; (?=[A-Z][0-9]{4} )")
_NUMBER = r"[-+]?[0-9][0-9,]*(?:\.[0-9]+)?"
_MEASURE = r"(?:(?:sum|count|distinct|min|max)(?: (?:negative|positive))? )?[\w.*-]+"
_VALUE = re.compile(
    rf"\S+|(?:{_MEASURE} )?{_NUMBER}(?: [A-Z]{{3}})?|count (?:negative|positive) \w+"
)
"""A name, a number, or a measure's name with a number and its unit: alike in every language."""

_DEEPEST = 6
"""Sentences within sentences; what is nested deeper is no sentence of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Template:
    """A sentence: how it is recognised, which holes it has, and what is said around them."""

    pattern: re.Pattern[str]
    holes: tuple[str, ...]
    said: tuple[str, ...]


def spanish(text: str) -> str | None:
    """
    Return a recorded text in Spanish; None where a part of it is no sentence that is known.

    Args:
        text: One sentence, several joined by "; " or ", ", or findings with their codes.
    """
    return _spanish(text, 0)


def fixed(sentence: str) -> list[str]:
    """Return what of a sentence stands around its holes."""
    return HOLE.split(sentence)


def _spanish(text: str, depth: int) -> str | None:
    if depth > _DEEPEST:
        return None
    if _CODED.fullmatch(text):
        return _joined(_BEFORE_CODE.split(text), "; ", depth, _after_code)
    for one in _templates():
        found = one.pattern.fullmatch(text)
        said = None if found is None else _filled(one, found.groups(), depth)
        if said is not None:
            return said
    for mark in ("; ", ", "):
        said = _joined(text.split(mark), mark, depth, _spanish) if mark in text else None
        if said is not None:
            return said
    return text if _VALUE.fullmatch(text) else None


def _after_code(text: str, depth: int) -> str | None:
    """Return a finding's sentence with its code in front, as the cause of a gap has it."""
    code, _, sentence = text.partition(" ")
    said = _spanish(sentence, depth)
    return None if said is None else f"{code} {said}"


def _joined(
    parts: list[str], mark: str, depth: int, say: Callable[[str, int], str | None]
) -> str | None:
    found = [say(part, depth + 1) for part in parts]
    return None if None in found else mark.join(filter(None, found))


def _filled(one: _Template, parts: tuple[str, ...], depth: int) -> str | None:
    """Return a template with its holes filled; None where what must be ours is not."""
    texts = [one.said[0]]
    for hole, part, rest in zip(one.holes, parts, one.said[1:], strict=True):
        said = part if hole in (_WORD, _LIST, _WORDS) else _spanish(part, depth + 1)
        if said is None and hole != _ANYBODYS:
            return None
        if hole == _SENTENCE and said == part:
            return None
        texts += [part if said is None else said, rest]
    return "".join(texts)


@cache
def _templates() -> tuple[_Template, ...]:
    """Return the sentences, those with the most fixed words first."""
    made = [_template(english, spanish) for english, spanish in SENTENCES]
    return tuple(one for _, one in sorted(made, key=lambda pair: -pair[0]))


def _template(english: str, said: str) -> tuple[int, _Template]:
    around, holes = fixed(english), tuple(HOLE.findall(english))
    parts = [_PART[hole] + re.escape(text) for hole, text in zip(holes, around[1:], strict=True)]
    template = _Template(
        pattern=re.compile(re.escape(around[0]) + "".join(parts), re.DOTALL),
        holes=holes,
        said=tuple(fixed(said)),
    )
    return sum(map(len, around)), template
