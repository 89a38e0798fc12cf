"""
Strict YAML 1.2: a tree that keeps line and column, and nothing that surprises.

Refuses aliases, anchors, tags, merge keys, directives, duplicate keys, several documents, more
than 32 levels and more than 20,000 keys and values. A plain scalar is `true`, `false`, `null`,
a decimal number as JSON writes it (RFC 8259 §6; `int` or `Decimal`, never a float), or text; a
quoted one is text (`failures.md` h1, h2). The events are walked one by one, so that a bomb is
refused before it unfolds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.reader import ReaderError

from puntual.project.complaints import At, Complaints
from puntual.project.files import SourceFile

MAX_DEPTH = 32
MAX_DIGITS = 60
MAX_VALUES = 20_000
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_EXPONENT = re.compile(r"[eE][+-]?[0-9]{4,}\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONSTANTS: dict[str, bool | None] = {"": None, "null": None, "true": True, "false": False}

Value = str | bool | int | Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """
    A value.

    Attributes:
        value: As resolved.
        text: As written, without quotes.
        style: "" plain, `'` or `"` quoted, `|` or `>` block.
        line: From 1.
        column: From 1.
        width: Characters on its first line, quotes included.
    """

    value: Value
    text: str
    style: str = ""
    line: int = 0
    column: int = 0
    width: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """Values in order."""

    items: tuple[Node, ...]
    line: int = 0
    column: int = 0
    width: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key, which is always text, and its value."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Entries in order; no key stands twice."""

    entries: tuple[Entry, ...]
    line: int = 0
    column: int = 0
    width: int = 1

    def entry(self, name: str) -> Entry | None:
        """Return the entry of a key; None if there is none."""
        return next((e for e in self.entries if e.key.text == name), None)

    def get(self, name: str) -> Node | None:
        """Return the value of a key; None if there is none."""
        entry = self.entry(name)
        return entry.value if entry else None


Node = Scalar | Sequence | Mapping
Plain = Value | list["Plain"] | dict[str, "Plain"]


class _Refused(Exception):  # noqa: N818 — never leaves this module
    """The rest of the file is not read."""


def load(source: SourceFile, complaints: Complaints) -> Node | None:
    """
    Read one YAML document.

    Args:
        source: The file.
        complaints: Where what is wrong goes.

    Returns:
        The tree; an empty file is a null. None when the tree cannot be trusted.
    """
    before = len(complaints.found)
    try:
        node = _document(_Walk(source, complaints))
    except _Refused:
        return None
    except ReaderError as error:
        text = source.text[: error.position]
        line = text.count("\n") + 1
        at = At(line=line, column=len(text) - text.rfind("\n"))
        complaints.add("C1003", "a control character may not stand here", source, at)
        return None
    except MarkedYAMLError as error:
        _syntax(error, source, complaints)
        return None
    except (YAMLError, ValueError) as error:  # a bad escape such as \U00ffffff
        complaints.add("C1003", f"not YAML: {error}".splitlines()[0], source)
        return None
    fatal = any(c.code == "C1004" for c in list(complaints.found)[before:])
    return None if fatal else node


def plain(node: Node) -> Plain:
    """Return the tree as lists and dictionaries, without places."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {e.key.text: plain(e.value) for e in node.entries}


def _syntax(error: MarkedYAMLError, source: SourceFile, complaints: Complaints) -> None:
    mark = error.problem_mark or error.context_mark
    at = At(line=mark.line + 1, column=mark.column + 1) if mark else At()
    said = " ".join(str(error.problem or error.context or "not YAML").split())
    complaints.add("C1003", f"not YAML: {said}", source, at, hint=error.context or "")


class _Walk:
    """The events of one file, and what was found on the way."""

    def __init__(self, source: SourceFile, complaints: Complaints) -> None:
        self.source = source
        self.complaints = complaints
        self.values = 0
        self.events: Iterator[Event] = YAML(typ="safe", pure=True).parse(source.text)

    def complain(self, code: str, message: str, event: Event, hint: str = "") -> None:
        start: StringMark = event.start_mark
        end: StringMark = event.end_mark
        width = end.column - start.column if end.line == start.line else 1
        at = At(line=start.line + 1, column=start.column + 1, width=width)
        self.complaints.add(code, message, self.source, at, hint=hint)


def _document(walk: _Walk) -> Node:
    node: Node = Scalar(value=None, text="", line=1, column=1)
    documents = 0
    for event in walk.events:
        match event:
            case StreamStartEvent() | StreamEndEvent() | DocumentEndEvent():
                continue
            case DocumentStartEvent():
                documents += 1
                if documents > 1:
                    walk.complain("C1007", "a second document begins here", event)
                    raise _Refused
                if event.tags or event.version not in (None, (1, 2)):
                    walk.complain("C1004", "directives are not allowed; this is YAML 1.2", event)
            case _:
                node = _node(walk, event, 1)
    return node


def _node(walk: _Walk, event: Event, depth: int) -> Node:
    if depth > MAX_DEPTH:
        walk.complain("C1006", f"more than {MAX_DEPTH} levels deep", event)
        raise _Refused
    walk.values += 1
    if walk.values > MAX_VALUES:
        walk.complain("C1006", f"more than {MAX_VALUES} keys and values", event)
        raise _Refused
    if isinstance(event, AliasEvent):
        walk.complain("C1004", "aliases are not allowed", event, "write the value out")
        return Scalar(value=None, text="")
    if not isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
        raise _Refused
    if event.anchor is not None:
        walk.complain("C1004", "anchors are not allowed", event, "remove &" + str(event.anchor))
    if event.tag is not None:
        walk.complain("C1004", "tags are not allowed", event, "quote what is meant as text")
    if isinstance(event, ScalarEvent):
        return _scalar(walk, event)
    line, column = event.start_mark.line + 1, event.start_mark.column + 1
    if isinstance(event, SequenceStartEvent):
        items = []
        while not isinstance(inner := next(walk.events), SequenceEndEvent):
            items.append(_node(walk, inner, depth + 1))
        return Sequence(items=tuple(items), line=line, column=column)
    entries = _entries(walk, depth)
    return Mapping(entries=entries, line=line, column=column)


def _entries(walk: _Walk, depth: int) -> tuple[Entry, ...]:
    entries: dict[str, Entry] = {}
    while not isinstance(event := next(walk.events), MappingEndEvent):
        if isinstance(event, SequenceStartEvent | MappingStartEvent):
            walk.complain("C1003", "a key must be a name", event)
            raise _Refused
        key = _node(walk, event, depth + 1)
        value = _node(walk, next(walk.events), depth + 1)
        if not isinstance(key, Scalar):
            raise _Refused
        if key.text == "<<" and not key.style:
            walk.complain("C1004", "merge keys are not allowed", event, "write the keys out")
        elif key.text in entries:
            first = entries[key.text].key.line
            walk.complain("C1005", f"key '{key.text}' stands twice", event, f"first: line {first}")
        else:
            entries[key.text] = Entry(key=key, value=value)
    return tuple(entries.values())


def _scalar(walk: _Walk, event: ScalarEvent) -> Scalar:
    text: str = event.value
    if _SURROGATE.search(text):
        text = _joined(walk, event, text)
    start, end = event.start_mark, event.end_mark
    same = end.line == start.line
    return Scalar(
        value=text if event.style else _resolve(walk, event, text),
        text=text,
        style=event.style or "",
        line=start.line + 1,
        column=start.column + 1,
        width=end.column - start.column if same else 1,
    )


def _resolve(walk: _Walk, event: ScalarEvent, text: str) -> Value:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    if len(text) > MAX_DIGITS or _EXPONENT.search(text):
        hint = "quote it if it is text"
        walk.complain("C1006", f"a number of more than {MAX_DIGITS} characters", event, hint)
        return 0
    return int(text) if number[2] is None and number[3] is None else Decimal(text)


def _joined(walk: _Walk, event: ScalarEvent, text: str) -> str:
    r"""Join the two halves of a JSON escape such as `\ud83d\ude00`."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        walk.complain("C1003", "half of a surrogate pair is no character", event)
        return ""
