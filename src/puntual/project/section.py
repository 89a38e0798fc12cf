"""Reads a YAML mapping key by key: each complaint has its place, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from puntual.project.complaints import Complaints, Spot, suggest
from puntual.project.files import Folder, SourceFile
from puntual.project.yaml import Mapping, Node, Scalar, Sequence, load

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DECIMAL = re.compile(r"-?[0-9]{1,38}(\.[0-9]{1,38})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Section:
    """
    One mapping being read.

    A key that is missing or of another type is complained about, and a harmless value is
    returned in its place, so that everything that is wrong is found in one pass. `done()`
    complains about the keys that nobody asked for.
    """

    def __init__(self, node: Node, source: SourceFile, complaints: Complaints, what: str) -> None:
        """
        Begin to read.

        Args:
            node: What should be a mapping.
            source: The file it stands in.
            complaints: Where what is wrong goes.
            what: Its name in messages, such as `source 'credits'`.
        """
        self.source = source
        self.complaints = complaints
        self.what = what
        self.asked: list[str] = []
        self.broken = not isinstance(node, Mapping)
        self.node = node
        self.mapping = node if isinstance(node, Mapping) else Mapping(entries=())
        if self.broken:
            self.wrong_type(node, f"{what} must be a mapping of keys and values")

    def complain(
        self,
        code: str,
        message: str,
        at: str | Spot | None = None,
        *,
        hint: str = "",
        severity: str = "error",
    ) -> None:
        """Complain at a key's value, at a place, or at the whole mapping."""
        spot: Spot = self.node if at is None else self.spot(at) if isinstance(at, str) else at
        self.complaints.add(code, message, self.source, spot, hint=hint, severity=severity)

    def spot(self, key: str) -> Spot:
        """Return where a key's value stands; where the mapping begins if there is none."""
        entry = self.mapping.entry(key)
        if entry is None:
            return self.node
        return entry.key if isinstance(entry.value, Mapping | Sequence) else entry.value

    def key_spot(self, key: str) -> Spot:
        """Return where a key itself stands."""
        entry = self.mapping.entry(key)
        return entry.key if entry else self.node

    def item_spots(self, key: str) -> tuple[Spot, ...]:
        """Return where the items of a key's list stand."""
        node = self.mapping.get(key)
        return node.items if isinstance(node, Sequence) else ()

    def wrong_type(self, node: Spot, message: str) -> None:
        """Complain about a value of another type, and say what was found."""
        self.complain("C1010", f"{message}, not {_kind(node)}", node)

    def has(self, key: str) -> bool:
        """Return whether the key is there, and count it as asked for."""
        self.asked.append(key)
        return self.mapping.entry(key) is not None

    def find(self, key: str) -> Node | None:
        """Return a key's value, null or not; None if the key is not there."""
        self.asked.append(key)
        return self.mapping.get(key)

    def need(self, key: str) -> Node | None:
        """Return a key's value; complain when it is not there."""
        node = self.find(key)
        if node is None and not self.broken:
            self.complain("C1009", f"{self.what} needs the key '{key}'")
        return node

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; without a default the key is needed and may not be empty."""
        node = self.need(key) if default is None else self.find(key)
        if node is None:
            return default or ""
        found = self._scalar(node, str, f"'{key}' must be text", "quote it if it is text")
        if found is None:
            return default or ""
        if default is None and not found.strip():
            self.complain("C1011", f"'{key}' is empty", node)
        return found

    def optional_text(self, key: str) -> str | None:
        """Return a text, or None if the key is not there."""
        return self.text(key, "") if self.has(key) else None

    def boolean(self, key: str, default: bool) -> bool:
        """Return true or false."""
        node = self.find(key)
        if node is None:
            return default
        found = self._scalar(node, bool, f"'{key}' must be true or false", "")
        return default if found is None else found

    def integer(
        self, key: str, default: int | None = None, *, low: int = 0, high: int = 10**9
    ) -> int:
        """Return a whole number between two bounds, inclusive."""
        node = self.need(key) if default is None else self.find(key)
        if node is None:
            return default if default is not None else low
        if isinstance(node, Scalar) and isinstance(node.value, int) and node.value is not True:
            if node.value is not False and low <= node.value <= high:
                return node.value
            if node.value is not False:
                self.complain("C1011", f"'{key}' must lie between {low} and {high}", node)
                return low
        self.wrong_type(node, f"'{key}' must be a whole number")
        return low

    def amount(self, key: str, default: str) -> Decimal:
        """Return an exact amount, which is written as text (`"1000.00"`)."""
        found = self.text(key, default)
        if _DECIMAL.fullmatch(found):
            return Decimal(found)
        if self.mapping.entry(key) and isinstance(self._raw(key), str):
            self.complain("C1011", f"'{found}' is no decimal number", key)
        return Decimal(default)

    def day(self, key: str) -> date:
        """Return a date, which is written as text (`2026-11-20`)."""
        found = self.text(key)
        if not found:
            return date.min
        day = parse_date(found)
        if day is None:
            self.complain("C1011", f"'{found}' is no date", key, hint="write it as 2026-11-20")
        return day or date.min

    def choice(self, key: str, choices: type[E], default: E | None = None) -> E | None:
        """Return one of an enumeration's values; None when it is missing or wrong."""
        values = [c.value for c in choices]
        found = self.one_of(key, values, default.value if default is not None else None)
        return choices(found) if found in values else default

    def one_of(self, key: str, values: Iterable[str], default: str | None = None) -> str:
        """Return one of several words; the default, or "", when it is missing or wrong."""
        known = list(values)
        found = self.text(key, default)
        if found in known:
            return found
        if isinstance(self._raw(key), str):
            hint = suggest(found, known)
            self.complain("C1011", f"'{found}' is not a possible {key}", key, hint=hint)
        return default or ""

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of texts; without a default the key is needed and not empty."""
        node = self.need(key) if default is None else self.find(key)
        if node is None:
            return default or ()
        if not isinstance(node, Sequence):
            self.wrong_type(node, f"'{key}' must be a list of texts")
            return default or ()
        wanted = f"each of '{key}' must be text"
        found = [self._scalar(i, str, wanted, "quote it if it is text") for i in node.items]
        if default is None and not node.items:
            self.complain("C1011", f"'{key}' is empty", key)
        return tuple(text for text in found if text is not None)

    def names(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of distinct texts; see `texts`."""
        found = self.texts(key, default)
        for name, spot in zip(found, self.item_spots(key), strict=False):
            if found.count(name) > 1:
                self.complain("C1303", f"'{name}' stands twice in '{key}'", spot)
        return tuple(dict.fromkeys(found))

    def section(self, key: str, what: str, *, needed: bool = True) -> Section | None:
        """Return a mapping under a key; None when there is none."""
        node = self.need(key) if needed else self.find(key)
        return None if node is None else Section(node, self.source, self.complaints, what)

    def sections(self, key: str, what: str, *, needed: bool = True) -> dict[str, Section]:
        """Return the mappings under a key, by name; `what` says what each of them is."""
        outer = self.section(key, f"'{key}'", needed=needed)
        if outer is None:
            return {}
        return {
            e.key.text: Section(e.value, self.source, self.complaints, f"{what} '{e.key.text}'")
            for e in outer.mapping.entries
        }

    def items(self, key: str, what: str, *, needed: bool = True) -> tuple[Section, ...]:
        """Return the mappings in a key's list."""
        node = self.need(key) if needed else self.find(key)
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            self.wrong_type(node, f"'{key}' must be a list")
            return ()
        return tuple(Section(i, self.source, self.complaints, what) for i in node.items)

    def done(self) -> None:
        """Complain about every key that was not asked for."""
        for entry in self.mapping.entries:
            name = entry.key.text
            if name not in self.asked:
                hint = suggest(name, [k for k in self.asked if self.mapping.entry(k) is None])
                message = f"unknown key '{name}' in {self.what}"
                self.complain("C1008", message, entry.key, hint=hint)

    def _raw(self, key: str) -> object:
        node = self.mapping.get(key)
        return node.value if isinstance(node, Scalar) else None

    def _scalar(self, node: Node, kind: type[T], message: str, hint: str) -> T | None:
        if isinstance(node, Scalar) and isinstance(node.value, kind):
            return node.value
        number = isinstance(node, Scalar) and node.value is not None
        message = f"{message}, not {_kind(node)}"
        self.complain("C1010", message, node, hint=hint if number else "")
        return None


def parse_date(text: str) -> date | None:
    """Return the date that `2026-11-20` names; None if it is none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def check_name(section: Section, name: str, at: Spot, *, pattern: re.Pattern[str] = NAME) -> bool:
    """Complain about a name that the project format does not allow."""
    if pattern.fullmatch(name):
        return True
    section.complain("C1013", f"'{name}' does not match ^{pattern.pattern}$", at)
    return False


def open_yaml(
    folder: Folder, path: str, complaints: Complaints, what: str, *, pick: Callable[..., T]
) -> T | None:
    """Read a YAML file and hand its top mapping to `pick`; None when it cannot be read."""
    source, refused = folder.read(path)
    if refused:
        complaints.add(refused.code, f"{what} {refused.message}", source)
        return None
    node = load(source, complaints)
    return None if node is None else pick(Section(node, source, complaints, what))


def _kind(node: object) -> str:
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(value=None):
            return "null"
        case Scalar(value=bool(), text=text):
            return text
        case Scalar(value=str()):
            return "text"
        case Scalar(text=text):
            return f"the number {text}"
        case _:
            return "nothing"
