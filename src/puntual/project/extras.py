"""What the standard has no place for: our `customProperties`, by the name after `puntual.`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from puntual.project.complaints import suggest
from puntual.project.section import Section
from puntual.project.yaml import Entry, Mapping, Scalar, Sequence

PREFIX = "puntual."


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """Our custom properties as a section whose keys are their names without `puntual.`."""

    section: Section


def read_extras(section: Section, known: frozenset[str]) -> Extras:
    """
    Gather the custom properties that are ours; others' are left alone.

    Args:
        section: The contract's schema or one of its properties.
        known: Their names without `puntual.`; another one is a complaint.
    """
    found: dict[str, Entry] = {}
    listed = section.find("customProperties")
    for item in listed.items if isinstance(listed, Sequence) else ():
        name = item.get("property") if isinstance(item, Mapping) else None
        value = item.get("value") if isinstance(item, Mapping) else None
        if not (isinstance(name, Scalar) and name.text.startswith(PREFIX)) or value is None:
            continue
        short = name.text.removeprefix(PREFIX)
        if short not in known:
            hint = suggest(name.text, [PREFIX + k for k in known])
            section.complain("C1104", f"unknown property '{name.text}' here", name, hint=hint)
        elif short in found:
            section.complain("C1005", f"property '{name.text}' stands twice", name)
        else:
            found[short] = Entry(key=replace(name, value=short, text=short), value=value)
    mapping = Mapping(
        entries=tuple(found.values()),
        line=section.node.line,
        column=section.node.column,
        width=section.node.width,
    )
    inner = Section(mapping, section.source, section.complaints, f"{section.what}")
    return Extras(section=inner)
