"""
The rules of the JUnit XML schema that CI servers read (Jenkins xUnit, `junit-10.xsd`), as a table.

Which children an element may have, in which order, which attributes it may and must have, and of
what form they are; `problems` judges a document by them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

COUNT, TIME, TEXT = r"[0-9]+", r"[0-9]+(\.[0-9]+)?", r"(?s).*"


@dataclass(frozen=True)
class Rule:
    """What an element may hold: children (in this order unless `mixed`), attributes."""

    children: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    needed: frozenset[str] = frozenset()
    in_order: bool = True


_COUNTS = tuple((n, COUNT) for n in ("tests", "failures", "errors"))
_SAID = (("message", TEXT), ("type", TEXT))
RULES = {
    "testsuites": Rule(
        children=("testsuite",),
        attributes=(("name", TEXT), ("time", TIME), ("disabled", COUNT), *_COUNTS),
    ),
    "testsuite": Rule(
        children=("properties", "testcase", "system-out", "system-err"),
        attributes=(
            *(("name", TEXT), ("time", TIME), ("timestamp", TEXT), ("hostname", TEXT)),
            *(("id", TEXT), ("package", TEXT), ("skipped", COUNT), *_COUNTS),
        ),
        needed=frozenset({"name", "tests"}),
    ),
    "properties": Rule(children=("property",)),
    "property": Rule(
        attributes=(("name", TEXT), ("value", TEXT)), needed=frozenset({"name", "value"})
    ),
    "testcase": Rule(
        children=("skipped", "error", "failure", "system-out", "system-err"),
        attributes=(("name", TEXT), ("classname", TEXT), ("time", TIME), ("status", TEXT)),
        needed=frozenset({"name"}),
        in_order=False,
    ),
    "failure": Rule(attributes=_SAID),
    "error": Rule(attributes=_SAID),
    "skipped": Rule(attributes=_SAID),
    "system-out": Rule(),
    "system-err": Rule(),
}
_MIXED = frozenset({"failure", "error", "skipped", "system-out", "system-err"})


def problems(document: str) -> list[str]:
    """Return what a document has that the schema does not allow, and where its counts are wrong."""
    root = ET.fromstring(document)
    found = [] if root.tag in ("testsuites", "testsuite") else [f"the root is {root.tag}"]
    for element in root.iter():
        found += _of(element)
    for suite in [root, *root.iter("testsuite")]:
        cases = list(suite.iter("testcase"))
        held = {"tests": len(cases)} | {
            n: sum(c.find(tag) is not None for c in cases)
            for n, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
        }
        found += [
            f"{suite.tag}: {name} is {suite.get(name)}, not {number}"
            for name, number in held.items()
            if suite.get(name, str(number)) != str(number)
        ]
    return found


def _of(element: ET.Element) -> list[str]:
    rule = RULES.get(element.tag)
    if rule is None:
        return [f"there is no element {element.tag}"]
    forms = dict(rule.attributes)
    found = [f"{element.tag} needs {name}" for name in rule.needed - set(element.keys())]
    for name, value in element.items():
        if name not in forms or re.fullmatch(forms[name], value) is None:
            found.append(f"{element.tag} {name}={value!r}")
    tags = [child.tag for child in element]
    found += [f"{tag} in {element.tag}" for tag in tags if tag not in rule.children]
    places = [rule.children.index(tag) for tag in tags if tag in rule.children]
    if rule.in_order and places != sorted(places):
        found.append(f"children of {element.tag} in another order: {tags}")
    if element.tag not in _MIXED and (element.text or "").strip():
        found.append(f"text in {element.tag}")
    return found
